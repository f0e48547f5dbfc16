"""From predicted probabilities to numbers. scikit-learn's definitions, with the positive class named, never guessed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np

# What answers are: ``probabilities`` of the classes; ``decisions``, scores with a fitted rule that decides by them; or
# ``scores`` that rank images and nothing else: nothing says where on their scale a class begins.
Gives = Literal["probabilities", "decisions", "scores"]
# As ``evaluate`` gives them; all are better when higher. ``loss`` is reported but nothing is selected by it.
METRICS = ("recall", "specificity", "precision", "f1", "balanced_accuracy", "auroc")
# Those a user may select by; the first is the usual one.
SELECTABLE = ("balanced_accuracy", *(name for name in METRICS if name != "balanced_accuracy"))
COUNTS = ("tp", "tn", "fp", "fn")
# The metric that an order of images is enough for: epochs and configurations of scores are chosen by it.
RANKING = "auroc"
# The number that takes probabilities.
_PROBABLE = "loss"


def can_tell(gives: Gives, name: str) -> bool:
    """Whether answers of that kind have a number: the area under a curve whatever they are, rates and counts of
    decisions where they decide, the log loss of probabilities alone.
    """
    if gives == "probabilities" or name == RANKING:
        return True
    return gives == "decisions" and name != _PROBABLE


def told(numbers: Mapping[str, float], gives: Gives) -> dict[str, float]:
    """The numbers of ``evaluate``, NaN where answers of that kind have none: see ``can_tell``."""
    return {name: value if can_tell(gives, name) else float("nan") for name, value in numbers.items()}


def confusion_matrix(labels: np.ndarray, decisions: np.ndarray, n_classes: int) -> np.ndarray:
    """How often each class was decided for each true class.

    Args:
        labels: (N,) int, true classes.
        decisions: (N,) int, decided classes.
        n_classes: C.
    Returns:
        (C, C) int64, rows are true classes, columns decisions.
    """
    flat = np.bincount(labels * n_classes + decisions, minlength=n_classes * n_classes)
    return flat.reshape(n_classes, n_classes)


def decide(probabilities: np.ndarray) -> np.ndarray:
    """(N,) int64: the most probable class of each row of (N, C) probabilities."""
    return probabilities.argmax(axis=1)


def auroc(is_positive: np.ndarray, scores: np.ndarray) -> float:
    """Area under the receiver operating characteristic; ties count half.

    Args:
        is_positive: (N,) bool.
        scores: (N,) float, higher means more likely positive.
    Returns:
        In [0, 1]; NaN where a class is absent, or a score is NaN.
    Reference: Hanley & McNeil, Radiology 1982.
    """
    if not len(scores) or np.isnan(scores).any():
        return float("nan")
    return float(weighted_auroc(is_positive, scores, np.ones((1, len(scores))))[0])


def weighted_auroc(is_positive: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """``auroc`` under several sets of weights, as of bootstrap samples.

    Args:
        is_positive: (N,) bool, N >= 1.
        scores: (N,) float, without NaN.
        weights: (B, N), >= 0: how often each row counts.
    Returns:
        (B,) float64; NaN where a class has no weight.
    """
    by_pairs = _of_whole_numbers(weights) if 0 < _pairs(is_positive) <= _PAIRS_A_ROW * len(scores) else None
    if by_pairs is None:
        return _auroc_by_rank(is_positive, scores, weights)
    found = np.empty(len(weights))
    found[by_pairs] = _auroc_by_pairs(is_positive, scores, weights[by_pairs])
    found[~by_pairs] = _auroc_by_rank(is_positive, scores, weights[~by_pairs])
    return found


# With no more pairs of a positive and a negative for each row, one product of matrices takes less than sorted sums.
_PAIRS_A_ROW = 300
_LARGEST = 2**12


def _pairs(is_positive: np.ndarray) -> int:
    n_positive = int(is_positive.sum())
    return n_positive * (len(is_positive) - n_positive)


def _of_whole_numbers(weights: np.ndarray) -> np.ndarray | None:
    """(B,) bool: weights whose sums float32 holds exactly; None where a product of matrices is not worth it."""
    if len(weights) < 2 or weights.dtype != np.float32 or weights.shape[1] * weights.max() > _LARGEST**2:
        return None
    found: np.ndarray = (weights == np.rint(weights)).all(axis=1)
    return found


def _auroc_by_pairs(is_positive: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """As ``_auroc_by_rank``, bit for bit: halves of whole numbers are exact."""
    high, low = scores[is_positive, None], scores[~is_positive]
    in_order = (high > low).astype(np.float32) + (high >= low)  # 2 a pair, and 1 where they are equal
    positive, negative = weights[:, is_positive], weights[:, ~is_positive]
    twice = np.einsum("bn,bn->b", positive @ in_order, negative, dtype=np.float64)
    total = positive.sum(axis=1, dtype=np.float64) * negative.sum(axis=1, dtype=np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(total > 0, 0.5 * twice / total, np.nan)


def _auroc_by_rank(is_positive: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> np.ndarray:
    order = np.argsort(scores, kind="stable")
    _, start = np.unique(scores[order], return_index=True)
    sorted_weights = weights[:, order]
    positive = np.add.reduceat(sorted_weights * is_positive[order], start, axis=1, dtype=np.float64)
    negative = np.add.reduceat(sorted_weights * ~is_positive[order], start, axis=1, dtype=np.float64)
    below = np.cumsum(negative, axis=1) - 0.5 * negative
    total = positive.sum(axis=1) * negative.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(total > 0, (positive * below).sum(axis=1) / total, np.nan)


def rates(tp: float, tn: float, fp: float, fn: float) -> dict[str, float]:
    """Rates of one class against the rest, from its four counts. A rate over nothing is 0.

    Returns:
        recall = TP / (TP + FN), specificity = TN / (TN + FP), precision = TP / (TP + FP),
        f1 = 2 TP / (2 TP + FP + FN), balanced_accuracy = (recall + specificity) / 2.
    """

    def ratio(part: float, whole: float) -> float:
        return float(part / whole) if whole else 0.0

    recall, specificity = ratio(tp, tp + fn), ratio(tn, tn + fp)
    return {
        "recall": recall,
        "specificity": specificity,
        "precision": ratio(tp, tp + fp),
        "f1": ratio(2 * tp, 2 * tp + fp + fn),
        "balanced_accuracy": (recall + specificity) / 2,
    }


def counts_of_class(confusion: np.ndarray, label: int) -> dict[str, int]:
    """TP, TN, FP, FN of one class against all others, from a (C, C) confusion matrix."""
    tp = int(confusion[label, label])
    fn = int(confusion[label].sum()) - tp
    fp = int(confusion[:, label].sum()) - tp
    return {"tp": tp, "tn": int(confusion.sum()) - tp - fn - fp, "fp": fp, "fn": fn}


def cross_entropy(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Mean of -log p(true class), in nats; probabilities are floored at 1e-12."""
    true = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    return float(-np.log(np.maximum(true, 1e-12)).mean())


def judged_classes(labels: np.ndarray, n_classes: int, positive: int | None) -> list[int]:
    """The classes whose rates a metric is the mean of: the positive one, or with more than two those that have rows."""
    if n_classes == 2 and positive is not None:
        return [positive]
    return np.unique(labels).tolist()


def evaluate(
    labels: np.ndarray, probabilities: np.ndarray, positive: int | None, scores: np.ndarray | None = None
) -> dict[str, float]:
    """All numbers of one set of predictions, deciding for the most probable class.

    With two classes the rates are those of the positive class. With more (``positive`` is None), recall,
    specificity, precision, F1 and AUROC are means over the classes, each against the rest; balanced accuracy is
    the mean recall; TP, TN, FP, FN are sums over the classes. A class without any row has no recall, so the means are
    over the other classes (as scikit-learn's balanced accuracy).

    Args:
        labels: (N,) int64, 0..C-1, N >= 1.
        probabilities: (N, C) float, rows sum to 1.
        positive: index of the positive class for two classes, else None.
        scores: (N, C) float, by which AUROC ranks; the probabilities by default.
    Returns:
        loss, recall, specificity, precision, f1, balanced_accuracy, auroc, tp, tn, fp, fn.
    Raises:
        ValueError: no rows, or ``positive`` missing for two classes.
    """
    n_classes = probabilities.shape[1]
    if len(labels) == 0:
        raise ValueError("metrics need at least one row, but got none")
    if n_classes == 2 and positive is None:
        raise ValueError("with two classes the positive one must be named")
    confusion = confusion_matrix(labels, decide(probabilities), n_classes)
    per_class = []
    for label in judged_classes(labels, n_classes, positive):
        area = auroc(labels == label, (probabilities if scores is None else scores)[:, label])
        per_class.append({**rates(**counts_of_class(confusion, label)), "auroc": area})
    result: dict[str, float] = {"loss": cross_entropy(labels, probabilities)}
    result |= {name: float(np.mean([row[name] for row in per_class])) for name in per_class[0]}
    classes = [positive] if n_classes == 2 and positive is not None else list(range(n_classes))
    every = [counts_of_class(confusion, label) for label in classes]
    result |= {name: sum(counts[name] for counts in every) for name in COUNTS}
    if n_classes > 2:
        result["balanced_accuracy"] = result["recall"]
    return result
