"""What the study says of its maps, held against intervals by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd

from sweep.analysis.reference_study.claim import claim_missing, judge_claim
from sweep.report.words.maps import claim_sentence

PAIR = ("oversampling", "smote")


def test_the_claim_in_numbers() -> None:
    def table(edge: tuple[float, float, float], mask: tuple[float, float, float] | None = None) -> pd.DataFrame:
        rows = []
        for name in PAIR:
            row = {"technique": name, "edge": 0.6, "edge_area": 0.51}
            row |= dict(zip(("edge_gap", "edge_gap_low", "edge_gap_high"), edge, strict=True))
            if mask:
                row |= {"mask": 0.2, "mask_area": 0.3}
                row |= dict(zip(("mask_gap", "mask_gap_low", "mask_gap_high"), mask, strict=True))
            rows.append(row)
        return pd.DataFrame(rows)

    more, less, none = (0.1, 0.05, 0.15), (-0.1, -0.15, -0.05), (0.01, -0.1, 0.1)
    assert judge_claim(table(more)) == judge_claim(table(more, less)) == "holds"
    assert judge_claim(table(more, none)) == "in part"
    assert judge_claim(table(more, more)) == "divided"
    assert judge_claim(table(less)) == judge_claim(table(none, more)) == "reversed"
    assert judge_claim(table(none, none)) == "not borne out"
    assert judge_claim(table((0.1, np.nan, np.nan))) == "unknown"
    assert judge_claim(table((np.nan, np.nan, np.nan))) == "untold"
    assert claim_missing(table(more)) == []
    assert claim_missing(table(more).iloc[1:]) == ["oversampling"]
    assert claim_missing(pd.DataFrame({"technique": []})) == ["smote", "oversampling"]


def test_the_claim_in_words() -> None:
    interval = {"edge_gap": 0.1, "edge_gap_low": 0.05, "edge_gap_high": 0.15}
    table = pd.DataFrame([{"technique": name, "edge": 0.6, "edge_area": 0.51} | interval for name in PAIR])
    text = claim_sentence(table).replace("\N{NO-BREAK SPACE}", " ")
    assert "+10.0 percentage points (95 % interval +5.0 to +15.0)" in text
    assert "there are no maps of SMOTE and Oversampling." in claim_sentence(table.iloc[:0])
