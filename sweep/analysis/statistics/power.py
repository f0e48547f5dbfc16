"""How many seeds, or patients, a difference of a given size would need to be told from chance."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

import numpy as np
from scipy import special

from sweep.analysis.statistics.paired import CONFIDENCE

POWER = 0.8
_MOST_SEEDS = 1000


def seed_spread(seed_sd: float, patient_se: float, patient_sd: float, seeds: int) -> float:
    """The standard deviation over seeds to plan with: a few seeds can agree by luck.

    It is no smaller than what each network errs on by itself, which the bootstrap over patients tells alone.

    Args:
        seed_sd: as the seeds show it.
        patient_se: standard error of the part that all seeds share.
        patient_sd: standard deviation of the bootstrap of the mean over these seeds.
        seeds: S.
    """
    own = max(patient_sd**2 - patient_se**2, 0.0) * seeds
    return max(seed_sd, math.sqrt(own))


@functools.lru_cache(maxsize=64)
def single_step_level(comparisons: int) -> float:
    """The level of one two-sided comparison at which the chance of any false one of ``comparisons`` is 5 %.

    All are compared with one baseline, so they are correlated, by 1/2 where techniques vary alike. 0.05 for one.

    Reference: Dunnett, JASA 50(272), 1955 (here with a known variance).
    """
    if comparisons < 2:
        return 1 - CONFIDENCE
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    weights = weights / weights.sum()

    def none_beyond(critical: float) -> float:
        ends = (critical + nodes[:, None] * np.sqrt(0.5) * np.array([-1, 1])) / np.sqrt(0.5)
        return float(weights @ (special.ndtr(ends[:, 0]) - special.ndtr(-ends[:, 1])) ** comparisons)

    low, high = 0.0, 10.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if none_beyond(middle) < CONFIDENCE else (low, middle)
    return float(2 * special.ndtr(-high))


def _half_width(tail: float, seed_sd: float, patient_se: float, seeds: int, freedom: float, of_seeds: float) -> float:
    """sqrt((t_a sd / sqrt(S))^2 + (t'_a se)^2): Cochran, Biometrics 20(1), 1964."""
    by_seeds, by_patients = (special.stdtrit(min(one, 1e8), 1 - tail) for one in (of_seeds, freedom))
    return math.hypot(by_seeds * seed_sd / math.sqrt(seeds), by_patients * patient_se)


def _freedom_at(seeds: int, seed_freedom: float | None, known_from: int | None) -> float:
    """Degrees of freedom of a standard deviation over seeds with as many seeds: each technique has them then."""
    if seed_freedom is None:
        return seeds - 1
    if known_from is None:
        return max(seed_freedom, seeds - 1)
    return seed_freedom * (seeds - 1) / (known_from - 1)


def detectable(
    seed_sd: float,
    patient_se: float,
    seeds: int,
    comparisons: int,
    power: float = POWER,
    freedom: float = math.inf,
    seed_freedom: float | None = None,
) -> float:
    """The least true difference that is declared significant with chance ``power``, about.

    The half width of the interval at the level of ``single_step_level``, and room for chance: z_power sqrt(sd^2 / S +
    se^2).

    Args:
        seed_sd: standard deviation of the paired difference over seeds; ``moderated_sd`` of ``paired.compare``.
        patient_se: standard error of the difference from which patients were sampled.
        seeds: S >= 2.
        comparisons: m >= 1.
        freedom: degrees of freedom of ``patient_se``; infinite where there are many patients.
        seed_freedom: degrees of freedom of ``seed_sd``; None: S - 1.
    Reference: Cohen, Statistical Power Analysis, 1988.
    """
    of_seeds = _freedom_at(seeds, seed_freedom, seeds)
    half = _half_width(single_step_level(comparisons) / 2, seed_sd, patient_se, seeds, freedom, of_seeds)
    return float(half + special.ndtri(power) * math.hypot(seed_sd / math.sqrt(seeds), patient_se))


def seeds_needed(
    difference: float,
    seed_sd: float,
    patient_se: float,
    comparisons: int,
    freedom: float = math.inf,
    seed_freedom: float | None = None,
    known_from: int | None = None,
) -> int | None:
    """The fewest seeds with which ``difference`` is declared with chance 80 %.

    Args:
        seed_sd, patient_se, comparisons, freedom: as of ``detectable``.
        seed_freedom: degrees of freedom of ``seed_sd`` as it is known now; None: as many as the seeds have.
        known_from: the seeds of each technique that it is known from: with more seeds it has more in proportion. None:
            it has no more until the seeds alone have.
    Returns:
        2 to 1000; None where no number would do, for the test split has too few patients.
    """

    def is_enough(seeds: int) -> bool:
        of_seeds = _freedom_at(seeds, seed_freedom, known_from)
        return detectable(seed_sd, patient_se, seeds, comparisons, POWER, freedom, of_seeds) <= difference

    return _fewest_seeds(is_enough)


def _fewest_seeds(is_enough: Callable[[int], bool]) -> int | None:
    low, high = 2, _MOST_SEEDS
    if not is_enough(high):
        return None
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if is_enough(middle) else (middle + 1, high)
    return low


def times_the_patients(
    difference: float,
    seed_sd: float,
    patient_se: float,
    seeds: int,
    comparisons: int,
    freedom: float = math.inf,
    seed_freedom: float | None = None,
) -> float:
    """By what factor the test patients would have to grow, with ``seeds``; infinite where those are too few.

    Args:
        seed_freedom: as of ``detectable``; where the seeds alone have more, those.
    """
    of_seeds = _freedom_at(seeds, seed_freedom, None)
    if detectable(seed_sd, 0.0, seeds, comparisons, seed_freedom=of_seeds) > difference:
        return math.inf
    low, high = 1.0, 1e6
    for _ in range(60):
        middle = math.sqrt(low * high)
        se, more = patient_se / math.sqrt(middle), freedom * middle
        enough = detectable(seed_sd, se, seeds, comparisons, POWER, more, of_seeds) <= difference
        low, high = (low, middle) if enough else (middle, high)
    return high


def equivalence_power(
    margin: float,
    seed_sd: float,
    patient_se: float,
    seeds: int,
    freedom: float = math.inf,
    seed_freedom: float | None = None,
    difference: float = 0.0,
) -> float:
    """The chance that two one-sided tests at 5 % call a technique equivalent to the baseline, about.

    Args:
        margin: > 0.
        seed_sd, patient_se, seeds, freedom, seed_freedom: as of ``detectable``.
        difference: the true one.
    Reference: Schuirmann, Journal of Pharmacokinetics and Biopharmaceutics 15(6), 1987.
    """
    of_seeds = _freedom_at(seeds, seed_freedom, seeds)
    error = math.hypot(seed_sd / math.sqrt(seeds), patient_se)
    room = margin - _half_width(1 - CONFIDENCE, seed_sd, patient_se, seeds, freedom, of_seeds)
    if room <= 0:
        return 0.0
    if error == 0:
        return float(abs(difference) < room)
    return float(special.ndtr((room - difference) / error) - special.ndtr((-room - difference) / error))


def seeds_for_equivalence(
    margin: float,
    seed_sd: float,
    patient_se: float,
    freedom: float = math.inf,
    seed_freedom: float | None = None,
    known_from: int | None = None,
    difference: float = 0.0,
) -> int | None:
    """The fewest seeds with which a technique is called equivalent with chance 80 % where its difference is as given.

    Args:
        margin, difference: as of ``equivalence_power``.
        seed_sd, patient_se, freedom, seed_freedom, known_from: as of ``seeds_needed``.
    Returns:
        2 to 1000; None where no number would do: the test split has too few patients, or the difference is too large.
    """

    def is_enough(seeds: int) -> bool:
        of_seeds = _freedom_at(seeds, seed_freedom, known_from)
        return equivalence_power(margin, seed_sd, patient_se, seeds, freedom, of_seeds, difference) >= POWER

    return _fewest_seeds(is_enough)
