"""What a classifier two-sample test found, in words."""

from __future__ import annotations

import numpy as np
import pandas as pd

from sweep.report.text.numbers import percent


def told_apart(row: pd.Series, then: str) -> str:
    """A sentence on whether a classifier tells synthetic rows from real ones.

    Args:
        row: its accuracy, and accuracy_low and accuracy_high; NaN where there were too few rows.
        then: what follows where it does better than guessing, without a full stop.
    """
    if np.isnan(row["accuracy"]):
        return "There are too few to train a classifier that tells them apart."
    low, high = row["accuracy_low"], row["accuracy_high"]
    text = f"A small classifier tells the two apart in {percent(row['accuracy'])} of the cases "
    text += f"({percent(low)} to {percent(high)}; guessing: {percent(0.5)})"
    return f"{text}: {then if low > 0.5 else 'not significantly better than guessing'}."
