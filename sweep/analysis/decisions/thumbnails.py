"""What a network must beat: a logistic regression on thumbnails, fitted as carefully as the networks are."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from balancing.data.splits import PARTS
from balancing.metrics import evaluate
from sweep.analysis.folds import FoldResults
from sweep.analysis.results import Results
from sweep.runs.floors import read_floor, write_floor

if TYPE_CHECKING:
    from balancing.data.images import ImageSet

SIDE = 16
_PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)  # scikit-learn's C, small is strong
_AT_ONCE = 256


def thumbnail_predictions(results: Results, images: ImageSet | None) -> pd.DataFrame | None:
    """The logistic regression's test predictions, from the run's folder or else computed and kept there.

    Of folds each one's own.

    Returns:
        Columns row, label, p_0..p_{C-1}, of folds also fold; test rows in order. None where they are not kept and
        images are None.
    Raises:
        UserError: other images than the run's.
    """
    if isinstance(results, FoldResults):
        parts_of = {
            place: thumbnail_predictions(fold, images) for place, fold in results.counted.items() if place.repeat == 1
        }
        known = [own.assign(fold=place.fold) for place, own in parts_of.items() if own is not None]
        return pd.concat(known).sort_values("row") if len(known) == len(parts_of) and known else None
    parts = {part: results.rows_of(part) for part in PARTS}
    test = parts["test"]
    kept = read_floor(results.path, test, len(results.class_names))
    if kept is not None or images is None:
        return kept
    from sweep.analysis.run_images import check_images

    check_images(results, images)
    probabilities, settings = fit_thumbnails(images.pixels, images.labels, parts, results.metric, results.positive)
    table = pd.DataFrame({"row": test, "label": images.labels[test]})
    for label in range(probabilities.shape[1]):
        table[f"p_{label}"] = probabilities[:, label].astype(np.float32)
    with contextlib.suppress(OSError):  # a folder that can't be written costs the next report some seconds
        write_floor(results.path, table, settings, results.run.guard)
    return table


def fit_thumbnails(
    pixels: np.ndarray,
    labels: np.ndarray,
    parts: Mapping[str, np.ndarray],
    metric: str,
    positive: int | None,
    side: int = SIDE,
) -> tuple[np.ndarray, dict[str, Any]]:
    """Logistic regression on mean-pooled pixels, standardised on training rows; penalty and weights by validation.

    Args:
        pixels: (N, H, W) or (N, H, W, 3) uint8.
        labels: (N,) int64.
        parts: ``train``, ``validation`` and ``test`` -> (n,) int64 rows; every class is among those that train.
        metric: the highest of it on validation chooses; equal: the stronger penalty, then without class weights.
        positive: index of the positive class for two classes, else None.
        side: of the thumbnails, pixels.
    Returns:
        ((n_test, C) float64 probabilities, the settings chosen). Without validation rows C is 0.001, unweighted.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    train, validation, test = (parts[part] for part in PARTS)
    seen = thumbnails(pixels, train, side)
    mean, std = seen.mean(axis=0), seen.std(axis=0)
    scale = np.where(std > 0, std, 1.0)
    x = (seen - mean) / scale
    x_validation, x_test = ((thumbnails(pixels, rows, side) - mean) / scale for rows in (validation, test))
    best: tuple[float, Any, dict[str, Any]] | None = None
    grid: Sequence[float] = _PENALTIES if len(validation) else (1e-3,)
    for c in grid:
        for class_weight in (None, "balanced") if len(validation) else (None,):
            model = LogisticRegression(C=c, class_weight=class_weight, max_iter=300)
            with warnings.catch_warnings():
                # Stopped early is one more penalty; validation judges what comes out.
                warnings.simplefilter("ignore", ConvergenceWarning)
                model.fit(x, labels[train])
            value = np.nan
            if len(validation):
                value = evaluate(labels[validation], model.predict_proba(x_validation), positive)[metric]
            if best is None or value > best[0] or (np.isnan(best[0]) and not np.isnan(value)):
                settings = {"C": c, "class_weight": class_weight, "metric": metric, "validation": value, "side": side}
                best = (value, model, settings)
    assert best is not None
    probabilities = best[1].predict_proba(x_test) if len(test) else np.zeros((0, len(best[1].classes_)))
    return probabilities, best[2]


def thumbnails(pixels: np.ndarray, rows: np.ndarray, side: int = SIDE) -> np.ndarray:
    """(n, F) float64, 0..255: images as means of side x side fields, each colour by itself."""
    from balancing.data.pixels.pooling import pooled

    parts = [pooled(pixels[rows[start : start + _AT_ONCE]], side) for start in range(0, len(rows), _AT_ONCE)]
    if not parts:
        parts = [pooled(pixels[:1], side)[:0]]
    together = np.concatenate(parts)
    return together.reshape(len(together), int(np.prod(together.shape[1:])))
