"""Weights of the classes' probabilities with the highest balanced accuracy: a threshold for more than two classes."""

from __future__ import annotations

import numpy as np

# What equal sums may differ by in floating point.
_EQUAL = 1e-9
# Each step gains something, of which there is a finite amount; this many are never needed.
_STEPS = 1000


def fit_biases(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """What to add to the logits for a high mean recall on validation: logarithms of the classes' weights.

    Coordinate ascent: the class whose bias alone gains most takes the best bias it can have (the middle of the widest
    stretch of equally good ones), until no single bias gains anything. It starts from no bias and from minus the log
    class frequencies, and keeps the better end, which need not be the best of all.

    Args:
        logits: (V, C) float, validation.
        labels: (V,) int64.
    Returns:
        (C,) float64 with mean 0 over the classes of ``labels``; 0 for others, of which nothing can be learnt, and
        throughout where nothing is gained.
    """
    n_classes = logits.shape[1]
    counts = np.bincount(labels, minlength=n_classes)
    present = np.flatnonzero(counts)
    if len(present) < 2:
        return np.zeros(n_classes)
    scores = logits.astype(np.float64)
    weights = (1 / (counts[labels] * len(present))).astype(np.float64)  # of rows: their sum where right is the recall
    balanced = np.zeros(n_classes)
    balanced[present] = -np.log(counts[present])
    ends = [_climbed(scores, labels, weights, start) for start in (np.zeros(n_classes), balanced)]
    _, biases = max(ends, key=lambda end: end[0]) if ends[1][0] > ends[0][0] + _EQUAL else ends[0]
    biases[present] -= biases[present].mean()
    return biases


def _climbed(
    scores: np.ndarray, labels: np.ndarray, weights: np.ndarray, start: np.ndarray
) -> tuple[float, np.ndarray]:
    """The mean recall at the end of the ascent, and the biases there."""
    biases = start.copy()
    value = float(weights[(scores + biases).argmax(axis=1) == labels].sum())
    present = np.unique(labels)
    for _ in range(_STEPS):
        found = [(*_line(scores, labels, weights, biases, label), label) for label in present]
        best, bias, label = max(found, key=lambda each: each[0])
        if best <= value + _EQUAL:
            break
        value, biases[label] = best, bias
    return value, biases


def _line(
    scores: np.ndarray, labels: np.ndarray, weights: np.ndarray, biases: np.ndarray, label: int
) -> tuple[float, float]:
    """The highest mean recall that one class's bias can give, and the bias that gives it."""
    others = scores + biases
    others[:, label] = -np.inf
    rival = others.argmax(axis=1)
    # Above its need a row is decided for the class, below it for its rival.
    need = others.max(axis=1) - scores[:, label]
    gain = weights * ((labels == label).astype(np.float64) - (rival == labels))
    order = np.argsort(need, kind="stable")
    value = weights[rival == labels].sum() + np.concatenate([[0.0], np.cumsum(gain[order])])
    edges = np.concatenate([[need[order[0]] - 1], need[order], [need[order[-1]] + 1]])
    low, high = edges[:-1], edges[1:]  # a bias between low[k] and high[k] decides k rows for the class
    open_ = high > low
    value, low, high = value[open_], low[open_], high[open_]
    optimal = value >= value.max() - _EQUAL
    turns = np.flatnonzero(np.diff(np.concatenate([[0], optimal.astype(np.int8), [0]])))
    first, last = turns[::2], turns[1::2] - 1
    widest = int((high[last] - low[first]).argmax())
    return float(value.max()), float((low[first[widest]] + high[last[widest]]) / 2)
