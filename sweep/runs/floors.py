"""floors/ of a run: what the trivial baseline that looks at images predicts, kept so that it is fitted once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sweep.runs.files import Guard, no_guard, read_json, write_atomically, write_json

FOLDER, _NAME = "floors", "logistic_regression"


def read_floor(run: Path, rows: np.ndarray, n_classes: int) -> pd.DataFrame | None:
    """The logistic regression's test predictions, as they were kept.

    Args:
        run: the run's folder.
        rows: (n,) int64, the test rows; what was kept of others doesn't count.
        n_classes: C.
    Returns:
        Columns row, label, p_0..p_{C-1}, in the order of ``rows``; None where they are missing or damaged.
    """
    try:
        kept = pd.read_parquet(run / FOLDER / f"{_NAME}.parquet")
    except (OSError, ValueError):
        return None
    columns = ["row", "label", *(f"p_{label}" for label in range(n_classes))]
    return kept if list(kept.columns) == columns and np.array_equal(kept["row"], rows) else None


def floor_settings(run: Path) -> dict[str, Any]:
    """C, class_weight (None or ``balanced``), metric, validation (its value), side; {} where they are not kept."""
    path = run / FOLDER / f"{_NAME}.json"
    return read_json(path) if path.is_file() else {}


def write_floor(run: Path, predictions: pd.DataFrame, settings: dict[str, Any], guard: Guard = no_guard) -> None:
    """Keeps the predictions, and the settings that were chosen for them.

    Raises:
        OSError: the folder can't be written.
    """
    write_json(run / FOLDER / f"{_NAME}.json", settings, guard)
    write_atomically(run / FOLDER / f"{_NAME}.parquet", predictions.to_parquet(index=False), guard)
