"""How many seeds, or patients, a difference of a given size would need to be told from chance."""

from __future__ import annotations

import math

from scipy import stats

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


def detectable(
    seed_sd: float,
    patient_se: float,
    seeds: int,
    comparisons: int,
    power: float = POWER,
    freedom: float = math.inf,
) -> float:
    """The least true difference that is declared significant with chance ``power``, about.

    sqrt((t_a sd / sqrt(S))^2 + (t'_a se)^2) + z_power sqrt(sd^2 / S + se^2): the half width of the interval that is
    drawn (Student's t for the seeds and for the patients) at a = 0.05 / m (Holm's first step), and room for chance.

    Args:
        seed_sd: standard deviation of the paired difference over seeds.
        patient_se: standard error of the difference from which patients were sampled.
        seeds: S >= 2.
        comparisons: m >= 1.
        freedom: degrees of freedom of ``patient_se``; infinite where there are many patients.
    Reference: Cohen, Statistical Power Analysis, 1988; the half width after Cochran, Biometrics 1964.
    """
    tail = 0.025 / comparisons
    of_patients = stats.norm.isf(tail) if math.isinf(freedom) else stats.t.isf(tail, freedom)
    half = math.hypot(stats.t.isf(tail, seeds - 1) * seed_sd / math.sqrt(seeds), of_patients * patient_se)
    return float(half + stats.norm.ppf(power) * math.hypot(seed_sd / math.sqrt(seeds), patient_se))


def seeds_needed(
    difference: float, seed_sd: float, patient_se: float, comparisons: int, freedom: float = math.inf
) -> int | None:
    """The fewest seeds with which ``difference`` is declared with chance 80 %.

    Returns:
        2 to 1000; None where no number would do, for the test split has too few patients.
    """
    low, high = 2, _MOST_SEEDS
    if detectable(seed_sd, patient_se, high, comparisons, freedom=freedom) > difference:
        return None
    while low < high:
        middle = (low + high) // 2
        if detectable(seed_sd, patient_se, middle, comparisons, freedom=freedom) <= difference:
            high = middle
        else:
            low = middle + 1
    return low


def times_the_patients(
    difference: float, seed_sd: float, patient_se: float, seeds: int, comparisons: int, freedom: float = math.inf
) -> float:
    """By what factor the test patients would have to grow, seeds as they are; infinite where those are too few."""
    if detectable(seed_sd, 0.0, seeds, comparisons) > difference:
        return math.inf
    low, high = 1.0, 1e6
    for _ in range(60):
        middle = math.sqrt(low * high)
        se, more = patient_se / math.sqrt(middle), freedom * middle
        if detectable(seed_sd, se, seeds, comparisons, freedom=more) <= difference:
            high = middle
        else:
            low = middle
    return high
