"""What the study says of its maps, held against a run's: SMOTE's lie on the background, oversampling's on the lung."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd

CLAIMED, AGAINST = "smote", "oversampling"

Judgement = Literal["untold", "unknown", "holds", "divided", "in part", "reversed", "not borne out"]


def claim_missing(table: pd.DataFrame) -> list[str]:
    """Which of the two techniques have no maps in a table of ``sweep.analysis.maps.regions.numbers_of``."""
    return [name for name in (CLAIMED, AGAINST) if name not in set(table["technique"])]


def judge_claim(table: pd.DataFrame) -> Judgement:
    """Whether maps bear it out: more of SMOTE's in corners and border, and less in the masks, where there are any.

    Args:
        table: of ``sweep.analysis.maps.regions.numbers_of``, with gaps to ``AGAINST``; both techniques are in it.
    Returns:
        ``untold``: the maps are too coarse to tell the centre from the edge. ``unknown``: there are too few patients
        for an interval. Else by the intervals of edge and masks: all speak for it (``holds``), one for and one against
        it (``divided``), one for it (``in part``), one or both against it (``reversed``), none (``not borne out``).
    """
    row = table.set_index("technique").loc[CLAIMED]
    if np.isnan(row["edge_gap"]):
        return "untold"
    intervals = [(row["edge_gap_low"], row["edge_gap_high"])]
    if "mask_gap" in row and not np.isnan(row["mask_gap"]):
        # Turned round: the claim is that less of SMOTE's maps lies in the mask.
        intervals.append((-row["mask_gap_high"], -row["mask_gap_low"]))
    if np.isnan(intervals).any():
        return "unknown"
    holds, turned = [low > 0 for low, _ in intervals], [high < 0 for _, high in intervals]
    if all(holds):
        return "holds"
    if any(holds):
        return "divided" if any(turned) else "in part"
    return "reversed" if any(turned) else "not borne out"
