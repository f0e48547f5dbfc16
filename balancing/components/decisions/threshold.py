"""A threshold on the probability of the positive class: positive where it is at least the threshold; two classes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from balancing.components.deciding import Apply, Decision
from balancing.components.decisions.class_biases import fit_biases
from balancing.components.decorators import decision

SENSITIVITY = 0.95
COST_RATIO = 5.0
UNFITTED = 0.5
# The probabilities nearest to 0 and 1 that have finite log-odds.
_PROBABLE = (np.finfo(np.float64).tiny, 1 - np.finfo(np.float64).epsneg)
# What equal sums may differ by in floating point.
_EQUAL = 1e-9


@dataclass(frozen=True)
class Candidates:
    """Every way of deciding that a threshold can give on some scores, from all positive to none.

    Args:
        low, high: (K,) float64; every threshold in (low[k], high[k]] decides the same. They join up from 0 to 1.
        threshold: (K,) float64, the middle of each; the last lies above the highest score.
        tp, fp: (K,) float64, counts at each.
        positives, negatives: images of each kind.
    """

    low: np.ndarray
    high: np.ndarray
    threshold: np.ndarray
    tp: np.ndarray
    fp: np.ndarray
    positives: int
    negatives: int


def candidates(is_positive: np.ndarray, scores: np.ndarray) -> Candidates:
    """The candidate thresholds: midpoints between distinct scores, and one at either end.

    Args:
        is_positive: (V,) bool.
        scores: (V,) float64 in [0, 1], V >= 1.
    """
    distinct, place = np.unique(scores, return_inverse=True)
    positive = np.bincount(place, weights=is_positive, minlength=len(distinct))
    negative = np.bincount(place, weights=~is_positive, minlength=len(distinct))
    low, high = np.concatenate([[0.0], distinct]), np.concatenate([distinct, [1.0]])
    threshold = (low + high) / 2
    threshold[-1] = max(threshold[-1], np.nextafter(distinct[-1], np.inf))
    tp, fp = (np.concatenate([np.cumsum(counts[::-1])[::-1], [0.0]]) for counts in (positive, negative))
    return Candidates(low, high, threshold, tp, fp, int(is_positive.sum()), int((~is_positive).sum()))


def _best(found: Candidates, value: np.ndarray) -> float:
    """The threshold of the highest value; of equal optima the middle of the widest unbroken stretch of thresholds.

    The middle, since the scores of other patients will lie a little elsewhere; of equally wide ones the lowest.
    """
    optimal = value >= value.max() - _EQUAL
    edges = np.flatnonzero(np.diff(np.concatenate([[0], optimal.astype(np.int8), [0]])))
    first, last = edges[::2], edges[1::2] - 1
    widest = int((found.high[last] - found.low[first]).argmax())
    begin, end = int(first[widest]), int(last[widest])
    if begin == end:
        return float(found.threshold[begin])
    return float((found.low[begin] + found.high[end]) / 2)


def _fittable(is_positive: np.ndarray) -> bool:
    return bool(is_positive.any() and not is_positive.all())


def threshold_balanced_accuracy(is_positive: np.ndarray, scores: np.ndarray) -> float:
    """The threshold with the highest balanced accuracy, which is Youden's index.

    Args:
        is_positive: (V,) bool, validation.
        scores: (V,) float64 in [0, 1], probability of the positive class.
    Returns:
        In [0, 1], or just above the highest score where calling none positive is best; 0.5 where a class is absent, for
        then nothing can be fitted.
    Reference: Youden, Cancer 3(1), 1950.
    """
    if not _fittable(is_positive):
        return UNFITTED
    found = candidates(is_positive, scores)
    return _best(found, found.tp / found.positives - found.fp / found.negatives)


def threshold_f1(is_positive: np.ndarray, scores: np.ndarray) -> float:
    """The threshold with the highest F1; arguments and result as ``threshold_balanced_accuracy``.

    Reference: Lipton, Elkan & Naryanaswamy, ECML PKDD 2014.
    """
    if not _fittable(is_positive):
        return UNFITTED
    found = candidates(is_positive, scores)
    return _best(found, 2 * found.tp / (found.tp + found.fp + found.positives))


def threshold_sensitivity(is_positive: np.ndarray, scores: np.ndarray, target: float = SENSITIVITY) -> float:
    """The highest threshold that still finds the wanted share of the positives.

    Args:
        is_positive, scores: as for ``threshold_balanced_accuracy``.
        target: sensitivity, in (0, 1].
    Raises:
        ValueError: the target lies outside (0, 1].
    """
    if not 0 < target <= 1:
        raise ValueError(f"a wanted sensitivity lies in (0, 1], but is {target}")
    if not _fittable(is_positive):
        return UNFITTED
    found = candidates(is_positive, scores)
    return float(found.threshold[np.flatnonzero(found.tp >= target * found.positives - _EQUAL)[-1]])


def threshold_cost(is_positive: np.ndarray, scores: np.ndarray, ratio: float = COST_RATIO) -> float:
    """The threshold with the least cost at the validation split's own prevalence.

    Args:
        is_positive, scores: as for ``threshold_balanced_accuracy``.
        ratio: cost of a false negative over that of a false positive, > 0.
    Raises:
        ValueError: the ratio is not above 0.
    Reference: Elkan, IJCAI 2001.
    """
    if not ratio > 0:
        raise ValueError(f"a ratio of costs is above 0, but is {ratio}")
    if not _fittable(is_positive):
        return UNFITTED
    found = candidates(is_positive, scores)
    return _best(found, -(ratio * (found.positives - found.tp) + found.fp))


def decide_by_threshold(probabilities: np.ndarray, positive: int, threshold: float) -> np.ndarray:
    """(N,) int64 decisions from (N, 2) probabilities: positive where its probability is at least the threshold."""
    return np.where(probabilities[:, positive] >= threshold, positive, 1 - positive).astype(np.int64)


@decision(label="Threshold", reference="Sheng & Ling, AAAI 2006; Elkan, IJCAI 2001", of_scores="decisions")
def threshold() -> Decision:
    """The class by the threshold with the highest balanced accuracy on validation.

    Two classes: ``threshold_balanced_accuracy`` of the second class's probability, as a shift of its log-odds. More: a
    weight for each class, and the highest weighted probability decides; see
    ``balancing.components.decisions.class_biases``. Whatever class frequencies the network's answers carry, the
    threshold makes up for them, so what is carried afterwards is not known. A small validation split makes it noisy.
    """

    def fit(logits: np.ndarray, labels: np.ndarray, prior: np.ndarray | None) -> Apply:
        if logits.shape[1] > 2:
            biases = fit_biases(logits, labels)
        else:
            probability = 1 / (1 + np.exp(-_log_odds(logits)))
            found = np.clip(threshold_balanced_accuracy(labels == 1, probability), *_PROBABLE)
            biases = np.array([0.0, np.log1p(-found) - np.log(found)])
        return lambda given: given + biases

    return fit


def _log_odds(logits: np.ndarray) -> np.ndarray:
    """(N,) float64: the second class's, from (N, 2) logits; those beyond 700 would overflow."""
    log_odds = logits[:, 1].astype(np.float64) - logits[:, 0]
    return np.clip(log_odds, -700, 700)
