"""What the report said before seeds were moderated: each technique by its own seeds alone, with Holm's adjustment."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import stats

from balancing.data.patients import FEWEST
from sweep.analysis.statistics.distributions import distributions
from sweep.analysis.statistics.few_patients import FewPatients
from sweep.analysis.statistics.power import POWER, seed_spread
from sweep.analysis.statistics.tests import holm


@dataclass(frozen=True)
class Before:
    """Each technique's difference; everything (T,).

    Args:
        low, high: 95 % interval in [-1, 1].
        p: two-sided, not adjusted.
        seed_sd, patient_se, patient_sd, freedom: as of ``Estimate``.
    """

    low: np.ndarray
    high: np.ndarray
    p: np.ndarray
    seed_sd: np.ndarray
    patient_se: np.ndarray
    patient_sd: np.ndarray
    freedom: np.ndarray

    def named(self, level: float = 0.05) -> np.ndarray:
        """(T,) +1 for winners, -1 for losers, else 0."""
        apart = (self.low > 0).astype(int) - (self.high < 0).astype(int)
        return np.where(holm(self.p) < level, apart, 0)

    def promised(self, seeds: int) -> float:
        """The gain of the first technique that a report said it could tell from chance with 80 % power.

        The half width at Holm's first step with S - 1 degrees of freedom, and room for chance.
        """
        se, tail = float(self.patient_se[0]), 0.025 / len(self.p)
        sd = seed_spread(float(self.seed_sd[0]), se, float(self.patient_sd[0]), seeds) / math.sqrt(seeds)
        of_seeds, of_patients = stats.t.isf(tail, seeds - 1), stats.t.isf(tail, min(float(self.freedom[0]), 1e8))
        half = math.hypot(of_seeds * sd, of_patients * se)
        return float(half + stats.norm.ppf(POWER) * math.hypot(sd, se))


def before(differences: Mapping[str, tuple[np.ndarray, np.ndarray]], few: FewPatients) -> Before:
    """All techniques at once, two seeds or more; arguments as of ``compare``.

    The same as ``estimate`` of each.
    """
    values = np.stack([own for own, _ in differences.values()], axis=1)
    found = distributions(values, np.stack([own for _, own in differences.values()], axis=2), few)
    low, high = found.limits()
    p = np.maximum(*(_two_sided(part) for part in (found.both, found.patients)))
    unjudged = (np.ptp(values, axis=0) < 1e-12) | ~found.known | (few.fewest < FEWEST)
    return Before(
        np.maximum(low, -1.0),
        np.minimum(high, 1.0),
        np.where(unjudged, 1.0, p),
        values.std(axis=0, ddof=1),
        found.patient_se,
        found.patient_sd,
        found.freedom,
    )


def _two_sided(values: np.ndarray) -> np.ndarray:
    beyond = np.minimum((values <= 0).sum(axis=0), (values >= 0).sum(axis=0))
    return np.asarray(np.minimum(1.0, 2 * (beyond + 1) / (len(values) + 1)))
