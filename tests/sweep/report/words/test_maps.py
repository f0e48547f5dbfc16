"""Sentences on the checks of maps, from numbers by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd

from sweep.report.words.maps import blackout_sentence, faithfulness_sentence, sanity_sentence


def test_checks_in_words() -> None:
    rows = pd.DataFrame(
        {
            "technique": ["baseline", "smote"],
            "curve_images": [8, 8],
            "deletion_gain": [0.2, 0.0],
            "deletion_gain_low": [0.1, -0.1],
            "insertion_gain": [0.2, 0.1],
            "insertion_gain_low": [0.1, 0.0],
            "correlation": [0.1, -0.2],
            "above_half": [0.0, 0.25],
            "above_nine_tenths": [0.0, 0.0],
            "blackout_images": [50, 50],
            "auroc_drop": [0.01, 0.02],
            "auroc_drop_low": [-0.01, -0.01],
            "auroc_drop_high": [0.03, 0.05],
        }
    )
    assert "for Baseline, but not for SMOTE (8 images each)" in faithfulness_sentence(rows)
    assert "for every technique" in faithfulness_sentence(rows.iloc[:1])
    assert "for no technique" in faithfulness_sentence(rows.iloc[1:])
    assert "\N{MINUS SIGN}0.20 to 0.10; 12\N{NO-BREAK SPACE}% of images" in sanity_sentence(rows)
    assert sanity_sentence(rows).endswith("the maps depend on what was learnt.")
    assert "no network loses AUROC significantly (the largest fall is SMOTE's, 0.020 (" in blackout_sentence(rows)
    fallen = blackout_sentence(rows.assign(auroc_drop_low=[-0.01, 0.01])).replace("\N{NO-BREAK SPACE}", " ")
    assert "AUROC falls for SMOTE by 0.020 (95 % interval 0.010 to 0.050); for Baseline it does not fall" in fallen
    few = blackout_sentence(rows.assign(auroc_drop_low=np.nan, auroc_drop_high=np.nan))
    assert "0.020 (too few patients for an interval)" in few
    assert "The maps of SMOTE depend on what was learnt in part only" in sanity_sentence(
        rows.assign(above_half=[0, 0.5])
    )
    assert "of Baseline and SMOTE hardly depend" in sanity_sentence(rows.assign(correlation=0.7))
    unknown = rows.assign(deletion_gain=np.nan, correlation=np.nan, auroc_drop=np.nan)
    assert "could not be tried" in faithfulness_sentence(unknown)
    assert "too few places" in sanity_sentence(unknown)
    assert "a class is missing" in blackout_sentence(unknown)
