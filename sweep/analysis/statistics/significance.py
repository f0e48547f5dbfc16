"""What the differences to the baseline say: a technique helps, harms, doesn't matter, or can't be told yet."""

from __future__ import annotations

import pandas as pd

from balancing.data.patients import FEWEST
from sweep.analysis.statistics.paired import CONFIDENCE


def significant(table: pd.DataFrame, *, worse: bool = False) -> pd.DataFrame:
    """The rows that beat the baseline (or are beaten by it) at the 5 % level, adjusted for their number, best first.

    Args:
        table: of ``sweep.analysis.statistics.paired.compare``. A row is significant where its interval leaves out zero,
            too; none is with fewer than ``balancing.data.patients.FEWEST`` test patients of a class, and none with one
            seed, whose p is 1.
        worse: those that the baseline beats.
    """
    low, high = table["low"], table["high"]
    apart = (high < 0 if worse else low > 0) & ~(table["fewest_patients"] < FEWEST)
    return table[(table["p_adjusted"] < 1 - CONFIDENCE) & apart].sort_values("difference", ascending=worse)


# The answers about one technique, as ``answers`` gives them.
HELPS, HARMS, EQUIVALENT, OPEN = "helps", "harms", "equivalent", "open"


def answers(table: pd.DataFrame) -> pd.Series:
    """What each row says of its technique.

    Args:
        table: of ``sweep.analysis.statistics.paired.compare``.
    Returns:
        By the table's index: ``helps`` or ``harms`` (``significant``); else ``equivalent``: two one-sided tests show a
        difference within the margin, at the 5 % level; else ``open``. A difference can be significant and within the
        margin; then it is the former.
    """
    found = pd.Series(OPEN, index=table.index, dtype=object)
    enough = ~(table["fewest_patients"] < FEWEST)
    found[(table["equivalence_p"] < 1 - CONFIDENCE) & enough] = EQUIVALENT
    found[significant(table).index] = HELPS
    found[significant(table, worse=True).index] = HARMS
    return found
