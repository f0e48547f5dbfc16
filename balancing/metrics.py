"""From predicted probabilities to numbers. scikit-learn's definitions, with the positive class named, never guessed."""

from __future__ import annotations

import numpy as np

# Those a user may select by; all are better when higher. ``loss`` is reported but not selected by.
SELECTABLE = ("balanced_accuracy", "recall", "specificity", "precision", "f1", "auroc")
COUNTS = ("tp", "tn", "fp", "fn")


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
    """Area under the receiver operating characteristic, from mid-ranks; ties count half.

    Args:
        is_positive: (N,) bool.
        scores: (N,) float, higher means more likely positive.
    Returns:
        In [0, 1]; NaN where a class is absent.
    Reference: Hanley & McNeil, Radiology 1982.
    """
    n_positive = int(is_positive.sum())
    n_negative = len(is_positive) - n_positive
    if n_positive == 0 or n_negative == 0:
        return float("nan")
    from scipy.stats import rankdata  # here: it takes a second, and configurations need the metrics' names alone

    rank_sum = rankdata(scores)[is_positive].sum()
    return float((rank_sum - n_positive * (n_positive + 1) / 2) / (n_positive * n_negative))


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


def evaluate(labels: np.ndarray, probabilities: np.ndarray, positive: int | None) -> dict[str, float]:
    """All numbers of one set of predictions, deciding for the most probable class.

    With two classes the rates are those of the positive class. With more (``positive`` is None), recall,
    specificity, precision, F1 and AUROC are means over the classes, each against the rest; balanced accuracy is
    the mean recall; TP, TN, FP, FN are sums over the classes. A class without any row has no recall, so the means are
    over the other classes (as scikit-learn's balanced accuracy).

    Args:
        labels: (N,) int64, 0..C-1, N >= 1.
        probabilities: (N, C) float, rows sum to 1.
        positive: index of the positive class for two classes, else None.
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
        area = auroc(labels == label, probabilities[:, label])
        per_class.append({**rates(**counts_of_class(confusion, label)), "auroc": area})
    result: dict[str, float] = {"loss": cross_entropy(labels, probabilities)}
    result |= {name: float(np.mean([row[name] for row in per_class])) for name in per_class[0]}
    classes = [positive] if n_classes == 2 and positive is not None else list(range(n_classes))
    every = [counts_of_class(confusion, label) for label in classes]
    result |= {name: sum(counts[name] for counts in every) for name in COUNTS}
    if n_classes > 2:
        result["balanced_accuracy"] = result["recall"]
    return result
