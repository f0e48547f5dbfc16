"""How well one number tells two kinds of images apart: AUROC with an interval over patients, without a bootstrap.

The interval is a score interval: a limit is the AUROC of which the one found lies as many standard errors away as the
level asks for, with the standard error that belongs to the limit. So it is sound near 1, where few images of a class,
all on one side, would otherwise seem to be certain, and at 0.5 it is the rank-sum test. Images of one patient count as
fewer: as many as their likeness leaves (design effect), and where the clustered variance of the areas is larger still,
by that.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

# Bisections: 2 ** -40 is far below what is shown.
_STEPS = 40


@dataclass(frozen=True)
class Area:
    """An AUROC with its interval; NaN where a kind is absent.

    Args:
        value: in [0, 1].
        low, high: of the interval.
    """

    value: float
    low: float
    high: float

    def turned(self) -> Area:
        """Of the other direction: small values mean what large ones meant."""
        return Area(1 - self.value, 1 - self.high, 1 - self.low)


def group_codes(patients: np.ndarray | None, n: int) -> np.ndarray:
    """(N,) int64 0..G-1: the patient of each of n images, each its own where patients are None."""
    return np.arange(n) if patients is None else np.unique(patients, return_inverse=True)[1].reshape(-1)


def standard_normal(level: float) -> float:
    """How many standard errors an interval that holds with chance ``level`` reaches on either side."""
    from scipy.special import ndtri

    return float(ndtri(0.5 + level / 2))


def clustered_area(positive: np.ndarray, scores: np.ndarray, groups: np.ndarray, reach: float) -> Area:
    """AUROC with an interval over groups.

    Args:
        positive: (N,) bool.
        scores: (N,) real, without NaN; ties count half.
        groups: (N,) int64 >= 0, e.g. the patient of each image.
        reach: standard errors on either side, see ``standard_normal``.
    Returns:
        NaN throughout where all or no rows are positive.
    Reference: Newcombe, Statistics in Medicine 2006 (part 2, method 5: the interval); Obuchowski, Biometrics 1997 (the
        clustered variance); Rao & Scott, Biometrics 1992 (effective sample sizes).
    """
    return combined_area([(positive, scores, groups)], reach)


def combined_area(strata: list[tuple[np.ndarray, np.ndarray, np.ndarray]], reach: float) -> Area:
    """One AUROC of several strata, compared within each alone, so that their shares tell nothing.

    Each weighs by m n / (m + n), m of its rows positive and n not; groups may reach over several strata.

    Args:
        strata: (positive, scores, groups) of each, as in ``clustered_area``; those with one kind alone are passed over.
    """
    parts = [_Stratum.of(*stratum) for stratum in strata if stratum[0].any() and not stratum[0].all()]
    if not parts:
        return Area(np.nan, np.nan, np.nan)
    weights = np.array([part.m * part.n / (part.m + part.n) for part in parts])
    weights /= weights.sum()
    value = float(weights @ [part.value for part in parts])
    # Strata have few groups in common, so the sum of their variances is that of the sum.
    clustered = float(weights**2 @ [part.variance for part in parts])

    def variance(theta: float) -> float:
        return float(weights**2 @ [expected_variance(theta, part.m_effective, part.n_effective) for part in parts])

    expected = variance(value)
    wider = max(1.0, clustered / expected) if expected > 0 else 1.0

    def reach_at(theta: float) -> float:
        return reach * float(np.sqrt(wider * variance(theta)))

    low = _limit(value, 0.0, reach_at)
    high = _limit(value, 1.0, reach_at)
    return Area(value, low, high)


def expected_variance(theta: float, m: float, n: float) -> float:
    """Of the AUROC of m against n independent rows where it is truly theta; at 0.5 it is the rank-sum test's."""
    spread = (1 - theta) / (2 - theta) + theta / (1 + theta)
    return theta * (1 - theta) * (1 + ((m + n) / 2 - 1) * spread) / (m * n)


def _limit(value: float, end: float, reach_at: Callable[[float], float]) -> float:
    """The theta between value and end that lies just its own reach away from value."""
    near, far = value, end
    for _ in range(_STEPS):
        middle = (near + far) / 2
        if abs(value - middle) <= reach_at(middle):
            near = middle
        else:
            far = middle
    return float((near + far) / 2)


@dataclass(frozen=True)
class _Stratum:
    value: float
    variance: float
    m: int
    n: int
    m_effective: float
    n_effective: float

    @classmethod
    def of(cls, positive: np.ndarray, scores: np.ndarray, groups: np.ndarray) -> _Stratum:
        ranks = _mid_ranks(scores)
        placements = _placements(positive, scores, ranks)
        value = float(placements[positive].mean())
        m, n = int(positive.sum()), int((~positive).sum())
        effective = [count / _design_effect(ranks[own], groups[own]) for own, count in ((positive, m), (~positive, n))]
        return cls(value, _clustered_variance(placements - value, positive, groups), m, n, *effective)


def _mid_ranks(values: np.ndarray) -> np.ndarray:
    """(N,) ranks from 0, ties at their middle."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts + 1) / 2)[place.reshape(-1)]


def _placements(positive: np.ndarray, scores: np.ndarray, everyone: np.ndarray) -> np.ndarray:
    """(N,) share of the other kind on the right side of each row, ties half: DeLong's structural components."""
    found = np.empty(len(scores))
    m, n = positive.sum(), (~positive).sum()
    found[positive] = (everyone[positive] - _mid_ranks(scores[positive])) / n
    found[~positive] = 1 - (everyone[~positive] - _mid_ranks(scores[~positive])) / m
    return found


def _clustered_variance(centred: np.ndarray, positive: np.ndarray, groups: np.ndarray) -> float:
    """Obuchowski's, of components less the area."""
    sizes = np.bincount(groups)
    total, width = int(np.count_nonzero(sizes)), len(sizes)
    sums, means = [], []
    for own in (positive, ~positive):
        mean = np.bincount(groups[own], weights=centred[own], minlength=width) / own.sum()
        there = int(np.count_nonzero(np.bincount(groups[own])))
        means.append(mean)
        sums.append(float(mean @ mean) * there / max(there - 1, 1))
    return max(sums[0] + sums[1] + 2 * float(means[0] @ means[1]) * total / max(total - 1, 1), 0.0)


def _design_effect(values: np.ndarray, groups: np.ndarray) -> float:
    """How many images of one kind count as one independent: 1 + (k - 1) rho, k their mean company in a group.

    rho is the analysis of variance's intraclass correlation and one standard error (Fisher's) more, since few groups
    hardly tell it; in 0..1, and 1 where all values are equal, for then nothing is known of it.
    """
    of_each = np.bincount(groups)
    there = np.flatnonzero(of_each)
    sizes, total, count = of_each[there], len(values), len(there)
    if count == total:
        return 1.0
    company = float((sizes**2).sum() / total)
    means = np.bincount(groups, weights=values) / np.maximum(of_each, 1)
    within = float(((values - means[groups]) ** 2).sum()) / (total - count)
    means = means[there]
    if count == 1 or not np.ptp(values):
        return company
    between = float((sizes * (means - values.mean()) ** 2).sum()) / (count - 1)
    usual = (total - company) / (count - 1)
    rho = (between - within) / (between + (usual - 1) * within) if between + within > 0 else 1.0
    rho = float(np.clip(rho, 0, 1))
    unsure = (1 - rho) * (1 + (usual - 1) * rho) * np.sqrt(2 / max(usual * (usual - 1) * (count - 1), 1e-9))
    return 1 + (company - 1) * min(rho + float(unsure), 1.0)
