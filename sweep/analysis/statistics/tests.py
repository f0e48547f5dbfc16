"""Tests of two networks on the same test rows: McNemar's on decisions, DeLong's on AUROC; and Holm's adjustment.

They ask about two trained networks on these images, not about techniques: a technique trained again gives another
network. They treat images as independent, also where a patient has several.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import stats


def holm(p_values: np.ndarray) -> np.ndarray:
    """Holm's step-down adjustment: the chance of any false claim among all stays at the level.

    Args:
        p_values: (m,) float in [0, 1].
    Returns:
        (m,) float, adjusted, capped at 1.
    Reference: Holm, Scandinavian Journal of Statistics 1979.
    """
    order = np.argsort(p_values, kind="stable")
    steps = p_values[order] * np.arange(len(p_values), 0, -1)
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted


def mcnemar_exact(right_a: np.ndarray, right_b: np.ndarray) -> float:
    """Two-sided exact p-value of McNemar's test: rows that one network gets right and the other wrong, as coin tosses.

    Args:
        right_a, right_b: (N,) bool, whether each network decides right on each row.
    Returns:
        p in (0, 1]; 1 where they are never right on different rows.
    Reference: McNemar, Psychometrika 1947; exact: binomial with chance 1/2.
    """
    only_a = int(np.sum(right_a & ~right_b))
    discordant = only_a + int(np.sum(~right_a & right_b))
    return float(stats.binomtest(only_a, discordant, 0.5).pvalue) if discordant else 1.0


@dataclass(frozen=True)
class DeLong:
    """Two areas under the ROC curve on the same rows.

    Args:
        auroc_a, auroc_b: in [0, 1].
        difference: a - b.
        standard_error: of the difference, >= 0.
        p: two-sided, normal approximation; 1 where the difference is 0; NaN where a class has fewer than two rows, or
            where the areas differ but nothing tells their error (every row differs by the same).
    """

    auroc_a: float
    auroc_b: float
    difference: float
    standard_error: float
    p: float


def _placements(is_positive: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of each positive the share of negatives beneath it, of each negative the share of positives above it."""
    positive, negative = scores[is_positive], scores[~is_positive]
    ranks = stats.rankdata(np.concatenate([positive, negative]))
    m, n = len(positive), len(negative)
    of_positive = (ranks[:m] - stats.rankdata(positive)) / n
    of_negative = 1.0 - (ranks[m:] - stats.rankdata(negative)) / m
    return of_positive, of_negative


def delong(is_positive: np.ndarray, scores_a: np.ndarray, scores_b: np.ndarray) -> DeLong:
    """DeLong's test of two correlated areas under the ROC curve, by mid-ranks.

    Args:
        is_positive: (N,) bool.
        scores_a, scores_b: (N,) float, higher means more likely positive.
    Reference: DeLong, DeLong & Clarke-Pearson, Biometrics 1988; Sun & Xu, IEEE Signal Processing Letters 2014.
    """
    m, n = int(is_positive.sum()), int((~is_positive).sum())
    if m < 2 or n < 2:
        return DeLong(math.nan, math.nan, math.nan, math.nan, math.nan)
    positive_a, negative_a = _placements(is_positive, scores_a)
    positive_b, negative_b = _placements(is_positive, scores_b)
    area_a, area_b = float(positive_a.mean()), float(positive_b.mean())
    variance = np.var(positive_a - positive_b, ddof=1) / m + np.var(negative_a - negative_b, ddof=1) / n
    error = math.sqrt(float(variance))
    difference = area_a - area_b
    unknown = 1.0 if difference == 0 else math.nan
    p = float(2 * stats.norm.sf(abs(difference) / error)) if error else unknown
    return DeLong(area_a, area_b, difference, error, p)
