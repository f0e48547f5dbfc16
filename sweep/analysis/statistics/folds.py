"""Numbers of predictions that several networks made, each of the images of its fold; of one network's as they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from balancing.metrics import RANKING, auroc, evaluate, judged_classes, told, weighted_auroc
from sweep.analysis.statistics.bootstrap import weighted_metrics

if TYPE_CHECKING:
    from sweep.analysis.statistics.predictions import Predictions, TrialPredictions


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


def weighted(
    part: Predictions,
    positive: int | None,
    weights: np.ndarray,
    decisions: np.ndarray | None = None,
    *,
    areas: bool,
) -> dict[str, np.ndarray]:
    """Every metric in each bootstrap sample, as ``evaluated`` has it: metric -> (B,) float64.

    Args:
        weights: (B, N), how often each image counts.
        decisions: (N,) int64; the most probable class by default.
        areas: whether AUROC is wanted.
    """
    found = weighted_metrics(
        part.labels,
        part.probabilities,
        positive,
        weights,
        decisions,
        scores=part.scores,
        areas=areas and part.folds is None,
    )
    if areas and part.folds is not None:
        found[RANKING] = _fold_areas(part, positive, weights)
    return found


def pooled(parts: Sequence[TrialPredictions]) -> TrialPredictions:
    """One technique and seed in several folds, as one trial over the test images of all.

    Args:
        parts: whose predictions say of which fold they are; no image is tested in two. Those that validate may stand
            in several. The whole has the trial id of the first.
    """
    test = _together([part.test for part in parts])
    order = np.argsort(test.rows, kind="stable")
    arrays = {name: own[order] for name in _ARRAYS if (own := getattr(test, name)) is not None}
    known = [part.known_validation for part in parts if part.known_validation is not None]
    return replace(
        parts[0],
        test=replace(test, **arrays),
        known_validation=_together(known) if len(known) == len(parts) else None,
        parts=tuple(parts),
    )


_ARRAYS = ("rows", "labels", "probabilities", "patients", "kept_logits", "log_odds", "folds")


def _together(parts: Sequence[Predictions]) -> Predictions:
    values: dict[str, Any] = {}
    for name in _ARRAYS:
        own = [getattr(part, name) for part in parts]
        values[name] = None if any(one is None for one in own) else np.concatenate(own)
    return replace(parts[0], **values)


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
        areas.append(mean_of_folds(np.stack(of_class)))
    return mean_of_folds(np.stack(areas))


def mean_of_folds(values: np.ndarray) -> np.ndarray:
    """(...) mean over the first axis of (K, ...) of what is a number; NaN where none is."""
    there = ~np.isnan(values)
    count = there.sum(axis=0)
    found: np.ndarray = np.where(count > 0, np.where(there, values, 0.0).sum(axis=0) / np.maximum(count, 1), np.nan)
    return found


# Of simulated data sets the variance is 0.8 to 1.6 times what the pooled test patients alone tell.
_WIDENING = 1.25


def widening(folds: int) -> float:
    """By what the variance over patients has to grow where each of them also trained the other folds' networks.

    Asked is what a technique would do, trained on another such data set. The bootstrap over the pooled test patients
    tells who was tested, not who trained. A patient who trains moves the networks of all other folds, so that does not
    average out over folds, nor over repeats, which add no patients; to first order the variance is that of what a
    patient moves as tested and as training together, over n, whatever K. How much that is nobody can tell from one data
    set (Bengio & Grandvalet 2004), so it is a number that holds in simulated ones: see docs/statistics.md. With 5 folds
    it is 1 + n_test / n_train, as Nadeau and Bengio's ratio would have it.

    Args:
        folds: K; 0 of one network's predictions.
    Returns:
        1.25; 1 of one network's.
    Reference: Nadeau & Bengio, Machine Learning 52, 2003; Bengio & Grandvalet, JMLR 5, 2004; Bates, Hastie &
        Tibshirani, Journal of the American Statistical Association 119, 2024.
    """
    return _WIDENING if folds > 1 else 1.0
