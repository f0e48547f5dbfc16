"""How many seeds, or patients, a difference of a given size would need to be told from chance."""

from __future__ import annotations

import math

from scipy import stats

POWER = 0.8
# A difference below this matters to few; what the verdict speaks of where nothing larger was seen.
RELEVANT = 0.02
_MOST_SEEDS = 1000


def detectable(seed_sd: float, patient_se: float, seeds: int, comparisons: int, power: float = POWER) -> float:
    """The least true difference that is declared beyond doubt with chance ``power``.

    (t_(1 - a/2m) + t_power) * sqrt(sd^2 / S + se^2), with a = 0.05 over m comparisons (Holm's first step) and
    Satterthwaite's degrees of freedom: S - 1 for the seeds, none lost for the patients.

    Args:
        seed_sd: standard deviation of the paired difference over seeds.
        patient_se: standard error of the difference from which patients were sampled.
        seeds: S >= 2.
        comparisons: m >= 1.
    Reference: Cohen, Statistical Power Analysis, 1988; Satterthwaite, Biometrics Bulletin 1946.
    """
    of_seeds = seed_sd**2 / seeds
    variance = of_seeds + patient_se**2
    if variance == 0:
        return 0.0
    freedom = variance**2 / (of_seeds**2 / (seeds - 1)) if of_seeds else math.inf
    need = stats.t.ppf(1 - 0.025 / comparisons, freedom) + stats.t.ppf(power, freedom)
    return float(need * math.sqrt(variance))


def seeds_needed(difference: float, seed_sd: float, patient_se: float, comparisons: int) -> int | None:
    """The fewest seeds with which ``difference`` is declared with chance 80 %.

    Returns:
        2 to 1000; None where no number would do, for the test split has too few patients.
    """
    low, high = 2, _MOST_SEEDS
    if detectable(seed_sd, patient_se, high, comparisons) > difference:
        return None
    while low < high:
        middle = (low + high) // 2
        if detectable(seed_sd, patient_se, middle, comparisons) <= difference:
            high = middle
        else:
            low = middle + 1
    return low


def times_the_patients(difference: float, seed_sd: float, patient_se: float, seeds: int, comparisons: int) -> float:
    """By what factor the test patients would have to grow, seeds as they are; infinite where those are too few."""
    if detectable(seed_sd, 0.0, seeds, comparisons) > difference:
        return math.inf
    low, high = 1.0, 1e6
    for _ in range(60):
        middle = math.sqrt(low * high)
        if detectable(seed_sd, patient_se / math.sqrt(middle), seeds, comparisons) <= difference:
            high = middle
        else:
            low = middle
    return high
