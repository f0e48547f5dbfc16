"""Which differences to the baseline are statistically significant, and on how many patients that rests."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from balancing.data.patients import FEWEST, patients_of_classes
from sweep.analysis.statistics.bootstrap import patients_by_row
from sweep.analysis.statistics.paired import CONFIDENCE, paired_differences
from sweep.analysis.tables import selection_metric
from sweep.runs.run import Run


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


def fewest_test_patients(run: Run) -> tuple[int, int]:
    """Test patients (images, where patients are unknown) of the class with the fewest, and that class; (0, 0) if none.

    Classes without a test image are left out.
    """
    split = run.split()
    tested = split[split["split"] == "test"]
    if tested.empty:
        return 0, 0
    labels = tested["label"].to_numpy(dtype=np.int64)
    patients = patients_by_row(run).loc[tested["row"]].to_numpy(dtype=str)
    counts = patients_of_classes(labels, patients, len(run.class_names))
    fewest = min(count for count in counts if count)
    return fewest, counts.index(fewest)


def winners_and_losers(run: Run) -> dict[str, Any]:
    """The comparison with the baseline in parts.

    Returns:
        ``metric``, the one compared in; ``beats_baseline`` and ``behind_baseline``, lists of techniques, see
        ``significant``; ``differences``, the rows of ``paired_differences``.
    """
    table = paired_differences(run)
    return {
        "metric": selection_metric(run),
        "beats_baseline": significant(table)["technique"].tolist(),
        "behind_baseline": significant(table, worse=True)["technique"].tolist(),
        "differences": table.to_dict("records"),
    }
