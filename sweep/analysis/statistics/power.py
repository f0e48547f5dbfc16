"""How many seeds, or patients, a difference of a given size would need to be told from chance."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy import special

from sweep.analysis.statistics.sequential import ALPHA

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
def single_step_level(comparisons: int, level: float = ALPHA) -> float:
    """The level of one two-sided comparison at which the chance of any false one of ``comparisons`` is ``level``.

    All are compared with one baseline, so they are correlated, by 1/2 where techniques vary alike. ``level`` for one.

    Reference: Dunnett, JASA 50(272), 1955 (here with a known variance).
    """
    if comparisons < 2:
        return level
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    weights = weights / weights.sum()

    def none_beyond(critical: float) -> float:
        ends = (critical + nodes[:, None] * np.sqrt(0.5) * np.array([-1, 1])) / np.sqrt(0.5)
        return float(weights @ (special.ndtr(ends[:, 0]) - special.ndtr(-ends[:, 1])) ** comparisons)

    low, high = 0.0, 10.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if none_beyond(middle) < 1 - level else (low, middle)
    return float(2 * special.ndtr(-high))


def _half_width(tail: float, seed_sd: float, patient_se: float, seeds: int, freedom: float, of_seeds: float) -> float:
    """sqrt((t_a sd / sqrt(S))^2 + (t'_a se)^2): Cochran, Biometrics 20(1), 1964."""
    by_seeds, by_patients = (special.stdtrit(min(one, 1e8), 1 - tail) for one in (of_seeds, freedom))
    return math.hypot(by_seeds * seed_sd / math.sqrt(seeds), by_patients * patient_se)


@dataclass(frozen=True)
class Freedom:
    """How well the parts of a difference's chance are known: degrees of freedom.

    Args:
        patients: of ``patient_se``; infinite where there are many patients.
        seeds: of ``seed_sd`` as it is known now; None: as many as the seeds have.
        known_from: the seeds of each technique that ``seed_sd`` is known from: with more seeds it has more in
            proportion. None: it has no more until the seeds alone have.
    """

    patients: float = math.inf
    seeds: float | None = None
    known_from: int | None = None

    def of_seeds(self, seeds: int) -> float:
        """Of a standard deviation over seeds with as many seeds: each technique has them then."""
        if self.seeds is None:
            return seeds - 1
        if self.known_from is None:
            return max(self.seeds, seeds - 1)
        return self.seeds * (seeds - 1) / (self.known_from - 1)

    def with_seeds(self, seeds: int) -> Freedom:
        """What is known once each technique has as many seeds."""
        return Freedom(self.patients, self.of_seeds(seeds), seeds)


_AS_SEEN = Freedom()


def detectable(
    seed_sd: float,
    patient_se: float,
    seeds: int,
    comparisons: int,
    freedom: Freedom = _AS_SEEN,
    level: float = ALPHA,
) -> float:
    """The least true difference that is declared significant with chance 80 %, about.

    The half width of the interval at the level of ``single_step_level``, and room for chance: z_power sqrt(sd^2 / S +
    se^2).

    Args:
        seed_sd: standard deviation of the paired difference over seeds; ``moderated_sd`` of ``paired.compare``.
        patient_se: standard error of the difference from which patients were sampled.
        seeds: S >= 2.
        comparisons: m >= 1.
        freedom: as it is known with these seeds, whatever it is known from.
        level: of all comparisons together; a look's share where seeds come in rounds.
    Reference: Cohen, Statistical Power Analysis, 1988.
    """
    of_seeds = replace(freedom, known_from=seeds).of_seeds(seeds)
    tail = single_step_level(comparisons, level) / 2
    half = _half_width(tail, seed_sd, patient_se, seeds, freedom.patients, of_seeds)
    return float(half + special.ndtri(POWER) * math.hypot(seed_sd / math.sqrt(seeds), patient_se))


def seeds_needed(
    difference: float,
    seed_sd: float,
    patient_se: float,
    comparisons: int,
    freedom: Freedom = _AS_SEEN,
    level: float = ALPHA,
) -> int | None:
    """The fewest seeds with which ``difference`` is declared with chance 80 %.

    Args:
        seed_sd, patient_se, comparisons, level: as of ``detectable``.
        freedom: as it is known now.
    Returns:
        2 to 1000; None where no number would do, for the test split has too few patients.
    """

    def is_enough(seeds: int) -> bool:
        known = freedom.with_seeds(seeds)
        return detectable(seed_sd, patient_se, seeds, comparisons, known, level) <= difference

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
    freedom: Freedom = _AS_SEEN,
    level: float = ALPHA,
) -> float:
    """By what factor the test patients would have to grow, with ``seeds``; infinite where those are too few.

    Args:
        freedom: as of ``detectable``; where the seeds alone have more, those.
        level: as of ``detectable``.
    """
    known = replace(freedom, known_from=None).with_seeds(seeds)
    if detectable(seed_sd, 0.0, seeds, comparisons, replace(known, patients=math.inf), level) > difference:
        return math.inf
    low, high = 1.0, 1e6
    for _ in range(60):
        middle = math.sqrt(low * high)
        more = replace(known, patients=freedom.patients * middle)
        enough = detectable(seed_sd, patient_se / math.sqrt(middle), seeds, comparisons, more, level) <= difference
        low, high = (low, middle) if enough else (middle, high)
    return high


def equivalence_power(
    margin: float,
    seed_sd: float,
    patient_se: float,
    seeds: int,
    freedom: Freedom = _AS_SEEN,
    difference: float = 0.0,
    level: float = ALPHA,
) -> float:
    """The chance that two one-sided tests call a technique equivalent to the baseline, about.

    Args:
        margin: > 0.
        seed_sd, patient_se, seeds, freedom: as of ``detectable``.
        difference: the true one.
        level: of each test.
    Reference: Schuirmann, Journal of Pharmacokinetics and Biopharmaceutics 15(6), 1987.
    """
    of_seeds = replace(freedom, known_from=seeds).of_seeds(seeds)
    error = math.hypot(seed_sd / math.sqrt(seeds), patient_se)
    room = margin - _half_width(level, seed_sd, patient_se, seeds, freedom.patients, of_seeds)
    if room <= 0:
        return 0.0
    if error == 0:
        return float(abs(difference) < room)
    return float(special.ndtr((room - difference) / error) - special.ndtr((-room - difference) / error))


def seeds_for_equivalence(
    margin: float,
    seed_sd: float,
    patient_se: float,
    freedom: Freedom = _AS_SEEN,
    difference: float = 0.0,
    level: float = ALPHA,
) -> int | None:
    """The fewest seeds with which a technique is called equivalent with chance 80 % where its difference is as given.

    Args:
        margin, difference, level: as of ``equivalence_power``.
        seed_sd, patient_se, freedom: as of ``seeds_needed``.
    Returns:
        2 to 1000; None where no number would do: the test split has too few patients, or the difference is too large.
    """

    def is_enough(seeds: int) -> bool:
        known = freedom.with_seeds(seeds)
        return equivalence_power(margin, seed_sd, patient_se, seeds, known, difference, level) >= POWER

    return _fewest_seeds(is_enough)
