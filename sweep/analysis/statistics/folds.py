"""Numbers of predictions that several networks made, each of the images of its fold; of one network's as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from balancing.metrics import RANKING, auroc, evaluate, judged_classes, told, weighted_auroc
from sweep.analysis.statistics.bootstrap import weighted_metrics

if TYPE_CHECKING:
    from sweep.analysis.statistics.predictions import Predictions


def evaluated(part: Predictions, positive: int | None) -> dict[str, float]:
    """All numbers of predictions: ``balancing.metrics.evaluate``, NaN where the answers have none.

    Of folds rates and counts are of the pooled decisions, and AUROC is the mean over folds: scores of different
    networks have no common scale.

    Args:
        positive: its index for two classes, else None.
    """
    found = evaluate(part.labels, part.probabilities, positive, part.scores)
    if part.folds is not None:
        found[RANKING] = float(_fold_areas(part, positive, None)[0])
    return told(found, part.gives)


def weighted(part: Predictions, positive: int | None, weights: np.ndarray, *, areas: bool) -> dict[str, np.ndarray]:
    """Every metric in each bootstrap sample, as ``evaluated`` has it: metric -> (B,) float64.

    Args:
        weights: (B, N), how often each image counts.
        areas: whether AUROC is wanted.
    """
    found = weighted_metrics(
        part.labels,
        part.probabilities,
        positive,
        weights,
        scores=part.scores,
        areas=areas and part.folds is None,
    )
    if areas and part.folds is not None:
        found[RANKING] = _fold_areas(part, positive, weights)
    return found


def _fold_areas(part: Predictions, positive: int | None, weights: np.ndarray | None) -> np.ndarray:
    """(B,) or, without weights, (1,): the mean over folds, and over classes within, of what a sample can tell of each.

    A sample in which a fold has no patient of a class tells nothing of that fold; without any such fold it is NaN.
    """
    assert part.folds is not None
    areas = []
    for fold in np.unique(part.folds):
        own = part.folds == fold
        labels, scores = part.labels[own], part.scores[own]
        classes = judged_classes(labels, scores.shape[1], positive)
        if weights is None:
            of_class = [np.array([auroc(labels == label, scores[:, label])]) for label in classes]
        else:
            of_class = [weighted_auroc(labels == label, scores[:, label], weights[:, own]) for label in classes]
        areas.append(_mean(np.stack(of_class)))
    return _mean(np.stack(areas))


def _mean(values: np.ndarray) -> np.ndarray:
    """(B,) mean over the first axis of what is a number; NaN where none is."""
    there = ~np.isnan(values)
    count = there.sum(axis=0)
    found: np.ndarray = np.where(count > 0, np.where(there, values, 0.0).sum(axis=0) / np.maximum(count, 1), np.nan)
    return found


def widening(folds: int) -> float:
    """By what the variance over patients has to grow where each of them also trained the other folds' networks.

    Asked is what a technique would do, trained on another such data set. The bootstrap over the pooled test patients
    tells who was tested, not who trained. Folds' training sets overlap, so that does not average out over folds; of K
    equal folds it counts as n_test / n_train = 1 / (K - 1) of the patients' variance, whatever the number of repeats,
    which add no patients. docs/statistics.md says how that was chosen.

    Args:
        folds: K; 0 of one network's predictions.
    Returns:
        K / (K - 1); 1 of one network's.
    Reference: Nadeau & Bengio, Machine Learning 52, 2003 (the ratio); Bates, Hastie & Tibshirani, Journal of the
        American Statistical Association 119, 2024 (what is missing without).
    """
    return folds / (folds - 1) if folds > 1 else 1.0
