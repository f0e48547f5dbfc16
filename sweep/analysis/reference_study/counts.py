"""The chest X-ray study that this project starts from: its counts, and its figures that follow from them."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from balancing.metrics import rates

# TP, TN, FP, FN on the test split of Kermany et al.'s chest X-rays; positive is PNEUMONIA. One run per technique.
STUDY_COUNTS: dict[str, tuple[int, int, int, int]] = {
    "baseline": (318, 159, 75, 72),
    "undersampling": (389, 97, 137, 1),
    "oversampling": (386, 125, 109, 4),
    "augmentation": (389, 123, 111, 1),
    "smote": (390, 82, 152, 0),
    "borderline_smote": (389, 105, 129, 1),
}
# What recognises that data set: Kermany et al. 2018, doi:10.17632/rscbjbr9sj.2, the official test split.
STUDY_TEST_COUNTS = {"NORMAL": 234, "PNEUMONIA": 390}


def study_table(counts: Mapping[str, tuple[int, int, int, int]] | None = None) -> pd.DataFrame:
    """The study's figures, from counts alone.

    Args:
        counts: technique -> (TP, TN, FP, FN); the study's own by default.
    Returns:
        One row a technique: technique, TP, TN, FP, FN, and the rates of ``balancing.metrics.rates``, unrounded.
    """
    rows = []
    for technique, (tp, tn, fp, fn) in (counts or STUDY_COUNTS).items():
        rows.append({"technique": technique, "TP": tp, "TN": tn, "FP": fp, "FN": fn, **rates(tp, tn, fp, fn)})
    return pd.DataFrame(rows)


def is_study_data(class_names: list[str], test_counts: list[int], positive: int | None) -> bool:
    """Whether a run's test split is the study's, with the study's positive class."""
    named = dict(zip(class_names, test_counts, strict=True))
    return named == STUDY_TEST_COUNTS and positive is not None and class_names[positive] == "PNEUMONIA"
