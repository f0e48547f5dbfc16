"""Uncertainty from who was in the test split: patients drawn anew within classes, and every metric under such weights.

A bootstrap sample is a row of weights: how often each image counts. The same weights serve every technique and seed,
so differences stay paired. Images of one patient go in and out together: they are not independent.
"""

from __future__ import annotations

import numpy as np

from balancing.metrics import judged_classes, weighted_auroc

SAMPLES = 2000


def patient_weights(labels: np.ndarray, patients: np.ndarray, samples: int, rng: np.random.Generator) -> np.ndarray:
    """Bootstrap weights: patients drawn with replacement within classes.

    A patient whose images show several classes counts with the rarest of them (by images); each stratum keeps its
    number of patients. (A stratum for each set of classes would hold few patients, and hardly vary.)

    Args:
        labels: (N,) int64.
        patients: (N,) any kind of id; images of one id go together.
        samples: B.
        rng: of the draws.
    Returns:
        (B, N) float32, how often each image counts.
    Reference: Efron & Tibshirani, An Introduction to the Bootstrap, 1993; Field & Welsh, JRSS B 2007 (clusters).
    """
    _, patient = np.unique(patients, return_inverse=True)
    stratum = patient_strata(labels, patient)
    times = np.zeros((samples, len(stratum)), dtype=np.float32)
    for kind in np.unique(stratum):
        members = np.flatnonzero(stratum == kind)
        equal = np.full(len(members), 1 / len(members))
        times[:, members] = rng.multinomial(len(members), equal, size=samples)
    return times[:, patient]


def patient_strata(labels: np.ndarray, patient: np.ndarray) -> np.ndarray:
    """(P,) int64 stratum of each patient: the rarest (by images) of the classes that the patient's images show.

    One who is left alone with a class that others show too, beside a rarer one, is drawn with most of these: a stratum
    of one tells nothing.

    Args:
        labels: (N,) int64.
        patient: (N,) int64, 0..P-1.
    Reference: collapsed strata: Cochran, Sampling Techniques, 1977, section 5A.12.
    """
    images = np.bincount(labels)
    rarity = np.argsort(np.argsort(-images, kind="stable"), kind="stable")  # of each class, the rarest highest
    stratum = np.zeros(int(patient.max(initial=-1)) + 1, dtype=np.int64)
    np.maximum.at(stratum, patient, rarity[labels])
    for kind in np.unique(stratum):
        others = stratum[np.unique(patient[rarity[labels] == kind])]
        others = others[others != kind]
        if len(others) and (stratum == kind).sum() < 2:
            stratum[stratum == kind] = np.bincount(others).argmax()
    return stratum


def weighted_rates(tp: np.ndarray, actual: np.ndarray, decided: np.ndarray, total: np.ndarray) -> dict[str, np.ndarray]:
    """As ``balancing.metrics.rates`` for one class against the rest.

    Args:
        tp, actual, decided, total: (B,) float64, the weight of what is of the class and decided to be, of what is of
            it, of what is decided to be, and of everything.
    """
    fn, fp = actual - tp, decided - tp
    tn = total - tp - fn - fp
    recall, specificity = _ratio(tp, tp + fn), _ratio(tn, tn + fp)
    return {
        "recall": recall,
        "specificity": specificity,
        "precision": _ratio(tp, tp + fp),
        "f1": _ratio(2 * tp, 2 * tp + fp + fn),
        "balanced_accuracy": (recall + specificity) / 2,
    }


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.zeros_like(part, dtype=np.float64), where=whole > 0)


def class_weights(of_class: np.ndarray, n_classes: int, weights: np.ndarray) -> np.ndarray:
    """(B, C) float64: the weight of each class, from (N,) int64 classes and (B, N) weights.

    Rates need no more than the sums of a confusion matrix and its diagonal: with many classes and samples the matrices
    would take gigabytes.
    """
    one_hot = np.zeros((len(of_class), n_classes), dtype=np.float32)
    one_hot[np.arange(len(of_class)), of_class] = 1.0
    return (weights @ one_hot).astype(np.float64)


def weighted_metrics(
    labels: np.ndarray,
    probabilities: np.ndarray,
    positive: int | None,
    weights: np.ndarray,
    decisions: np.ndarray | None = None,
    *,
    scores: np.ndarray | None = None,
    areas: bool = True,
) -> dict[str, np.ndarray]:
    """Every metric of ``balancing.metrics.evaluate`` in each bootstrap sample.

    Args:
        labels: (N,) int64.
        probabilities: (N, C).
        positive: its index for two classes, else None.
        weights: (B, N); ones give ``evaluate``'s numbers.
        decisions: (N,) int64; the most probable class by default.
        scores: (N, C), by which AUROC ranks; the probabilities by default.
        areas: whether AUROC is wanted, which takes most of the time.
    Returns:
        Each of ``balancing.metrics.METRICS`` -> (B,) float64.
    """
    n_classes = probabilities.shape[1]
    decided = probabilities.argmax(axis=1) if decisions is None else decisions
    right = labels == decided
    tp = class_weights(labels[right], n_classes, weights[:, right])
    actual, called = (class_weights(of_class, n_classes, weights) for of_class in (labels, decided))
    total = actual.sum(axis=1)
    classes = judged_classes(labels, n_classes, positive)
    ranks = probabilities if scores is None else scores
    per_class = []
    for label in classes:
        area = {"auroc": weighted_auroc(labels == label, ranks[:, label], weights)} if areas else {}
        rates = weighted_rates(tp[:, label], actual[:, label], called[:, label], total)
        per_class.append({**rates, **area})
    result = {name: np.mean([row[name] for row in per_class], axis=0) for name in per_class[0]}
    if n_classes > 2:
        result["balanced_accuracy"] = result["recall"]
    return result
