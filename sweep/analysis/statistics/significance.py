"""Which differences to the baseline are statistically significant."""

from __future__ import annotations

import pandas as pd

from balancing.data.patients import FEWEST
from sweep.analysis.statistics.paired import CONFIDENCE


def significant(table: pd.DataFrame, *, worse: bool = False) -> pd.DataFrame:
    """The rows that beat the baseline (or are beaten by it) at the 5 % level, Holm-adjusted, best first.

    Args:
        table: of ``sweep.analysis.statistics.paired.compare``. A row is significant where its interval leaves out zero,
            too; none is with fewer than ``balancing.data.patients.FEWEST`` test patients of a class, and none with one
            seed, whose p is 1.
        worse: those that the baseline beats.
    """
    low, high = table["low"], table["high"]
    apart = (high < 0 if worse else low > 0) & ~(table["fewest_patients"] < FEWEST)
    return table[(table["p_holm"] < 1 - CONFIDENCE) & apart].sort_values("difference", ascending=worse)
