"""Decision curves: what acting on a score is worth at each threshold probability; two classes."""

from __future__ import annotations

import numpy as np
import pandas as pd

from sweep.analysis.decisions.two_class import BANDED, line, lines_of, two_class_test
from sweep.analysis.results import Results

THRESHOLD_PROBABILITIES = np.linspace(0.01, 0.90, 90)


def net_benefit(
    is_positive: np.ndarray,
    scores: np.ndarray,
    weights: np.ndarray,
    thresholds: np.ndarray = THRESHOLD_PROBABILITIES,
) -> np.ndarray:
    """Net benefit of acting on every score that reaches a threshold probability.

    TP / n - FP / n * t / (1 - t): true positives, less false ones at the price that the threshold t says.

    Args:
        is_positive: (N,) bool.
        scores: (N,) float, taken as probabilities.
        weights: (B, N).
        thresholds: (G,) in [0, 1).
    Returns:
        (B, G), at the prevalence of the sample.
    Reference: Vickers & Elkin, Medical Decision Making 26(6), 2006.
    """
    acted = (scores[:, None] >= thresholds).astype(np.float32)
    total = weights.sum(axis=1, dtype=np.float64)[:, None]
    tp = ((weights * is_positive) @ acted).astype(np.float64) / total
    fp = ((weights * ~is_positive) @ acted).astype(np.float64) / total
    return tp - fp * thresholds / (1 - thresholds)


def treat_all(prevalence: float, thresholds: np.ndarray = THRESHOLD_PROBABILITIES) -> np.ndarray:
    """(G,) net benefit of acting on everyone; acting on nobody has 0."""
    return prevalence - (1 - prevalence) * thresholds / (1 - thresholds)


def benefit_curves(results: Results, rng: np.random.Generator, samples: int = BANDED) -> pd.DataFrame:
    """Net benefit of every technique against threshold probability.

    Returns:
        technique, x (threshold probability), mean over seeds, low, high (95 %, pointwise), of techniques whose answers
        are probabilities; empty where ``score_curves`` gives None.
    """
    ready = two_class_test(results, rng, samples)
    probable = results.probability_set
    if ready is None or probable is None:
        return pd.DataFrame(columns=["technique", "x", "mean", "low", "high"])
    lines = {}
    for technique in probable.techniques:
        own = np.stack([net_benefit(ready.is_positive, p, ready.weights) for p in ready.probabilities(technique)])
        lines[technique] = line(own, ready.few)
    return lines_of(THRESHOLD_PROBABILITIES, lines, (-np.inf, 1.0))
