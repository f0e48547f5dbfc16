"""One baseline, many techniques: p-values adjusted by the joint distribution of all differences.

All differences have the baseline's seeds and the same test patients in them, so they go up and down together, and the
largest of them is less extreme than that of as many independent ones, for which Holm's method allows.

Reference: Dunnett, JASA 50(272), 1955; Westfall & Young, Resampling-Based Multiple Testing, 1993 (step-down min-P).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

# As many joint samples at least; each bootstrap sample meets several draws of the seeds' part.
_ROWS = 8000
# Fewer bootstrap samples than this don't tell a joint distribution.
FEWEST_SAMPLES = 200


@dataclass(frozen=True)
class Chance:
    """What one difference could be by chance alone.

    Args:
        patients: (B,) deviations by which patients are tested, the same samples for all.
        error: standard error over seeds.
        freedom: degrees of freedom of ``error``.
        shared: share of ``error`` squared that is the baseline's, in [0, 1].
    """

    patients: np.ndarray
    error: float
    freedom: float
    shared: float


def step_down(p_values: Sequence[float] | np.ndarray, chances: Sequence[Chance]) -> np.ndarray:
    """Adjusted p-values: of each, how often chance alone gives one as small among it and all that are larger.

    Args:
        p_values: (m,) two-sided, each of its own difference.
        chances: m of them.
    Returns:
        (m,) in (0, 1], never below ``p_values``.
    """
    from scipy import special

    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p, kind="stable")
    n = len(chances[0].patients)
    times = max(5, math.ceil(_ROWS / n))
    rows = n * times
    rng = np.random.default_rng(0)
    baseline = rng.standard_normal(rows)
    # Quantiles of Student's t, by their places among those of a normal distribution: a smooth line.
    places = np.linspace(-5, 5, 401)
    shares = special.ndtr(places)
    wanted = np.interp((np.arange(rows) + 0.5) / rows, shares, places)
    two_sided = 2 * np.minimum(np.arange(1, rows + 1), np.arange(rows, 0, -1)) / (rows + 1)
    drawn = np.empty((len(p), rows))
    for place in order:  # draws go by size, so the order of techniques changes nothing
        one = chances[place]
        normal = math.sqrt(one.shared) * baseline + math.sqrt(1 - one.shared) * rng.standard_normal(rows)
        students = np.empty(rows)
        students[np.argsort(normal)] = np.interp(wanted, places, special.stdtrit(one.freedom, shares))
        found = np.tile(one.patients, times) + one.error * students
        drawn[place, np.argsort(found)] = two_sided
    adjusted, least = np.empty(len(p)), np.full(rows, np.inf)
    for place in order[::-1]:
        least = np.minimum(least, drawn[place])
        adjusted[place] = (int((least <= p[place]).sum()) + 1) / (rows + 1)
    adjusted[order] = np.maximum.accumulate(np.maximum(adjusted, p)[order])
    return np.minimum(adjusted, 1.0)
