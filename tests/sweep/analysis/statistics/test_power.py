"""What it takes to tell a difference, or that there is none: formulas by hand, laws, and simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from sweep.analysis.looks import level_of
from sweep.analysis.statistics.paired import compare
from sweep.analysis.statistics.power import (
    Freedom,
    detectable,
    equivalence_power,
    seeds_for_equivalence,
    seeds_needed,
    times_the_patients,
)
from sweep.analysis.statistics.seed_prior import SeedPrior
from sweep.analysis.statistics.seeds import SeedVariance
from sweep.analysis.statistics.sequential import ALPHA
from sweep.runs.confirming import Confirming


def test_a_variance_that_others_tell_too_needs_a_smaller_difference() -> None:
    by_hand = (stats.t.ppf(0.975, 12) + stats.norm.ppf(0.8)) * 0.02 / math.sqrt(4)
    assert detectable(0.02, 0.0, 4, 1, Freedom(seeds=12)) == pytest.approx(by_hand)
    found = [detectable(0.02, 0.004, 4, 5, Freedom(seeds=freedom)) for freedom in (3, 8, 30, 1e6)]
    assert np.all(np.diff(found) < 0)
    assert detectable(0.02, 0.004, 4, 5) == pytest.approx(found[0])


def test_more_techniques_need_a_larger_difference_but_not_as_much_as_holms() -> None:
    found = [detectable(0.02, 0.004, 5, m, Freedom(seeds=1e6)) for m in (1, 2, 5, 20)]
    assert np.all(np.diff(found) > 0)
    error = math.hypot(0.02 / math.sqrt(5), 0.004)
    assert found[-1] < (stats.norm.isf(0.025 / 20) + stats.norm.ppf(0.8)) * error


def test_fewer_seeds_are_needed_where_others_tell_the_variance() -> None:
    alone = seeds_needed(0.02, 0.02, 0.003, 5)
    beside = seeds_needed(0.02, 0.02, 0.003, 5, Freedom(seeds=10, known_from=3))
    assert alone is not None
    assert beside is not None
    assert beside < alone
    assert detectable(0.02, 0.003, beside, 5, Freedom(seeds=10 * (beside - 1) / 2)) <= 0.02
    assert times_the_patients(0.02, 0.02, 0.01, 30, 5, Freedom(seeds=200)) < times_the_patients(0.02, 0.02, 0.01, 30, 5)


def test_equivalence_by_hand() -> None:
    error = 0.004
    room = 0.02 - stats.norm.ppf(0.95) * error
    by_hand = stats.norm.cdf(room / error) - stats.norm.cdf(-room / error)
    assert equivalence_power(0.02, 0.0, error, 5) == pytest.approx(by_hand)
    assert equivalence_power(0.02, 0.0, 0.0, 5) == 1.0
    assert equivalence_power(0.02, 0.0, 0.02, 5) == 0.0, "an interval wider than the margin"
    assert equivalence_power(0.02, 0.0, error, 5, difference=0.02) == pytest.approx(0.05, abs=1e-6)


def test_seeds_for_equivalence_are_the_first_that_do() -> None:
    needed = seeds_for_equivalence(0.02, 0.02, 0.003, Freedom(seeds=10, known_from=3))
    assert needed is not None

    def power(seeds: int) -> float:
        return equivalence_power(0.02, 0.02, 0.003, seeds, Freedom(seeds=10 * (seeds - 1) / 2))

    assert power(needed - 1) < 0.8 <= power(needed)
    assert seeds_for_equivalence(0.02, 0.02, 0.02) is None, "the patients alone leave it open"
    assert seeds_for_equivalence(0.02, 0.02, 0.003, difference=0.025) is None


def test_equivalence_comes_as_often_as_is_promised_and_falsely_in_a_twentieth() -> None:
    rng = np.random.default_rng(0)
    seeds, sd, se, margin, repeats = 6, 0.015, 0.005, 0.02, 400
    right, false = 0, 0
    for _ in range(repeats):
        error = rng.normal(0, sd / math.sqrt(seeds)) + rng.normal(0, se)
        for truth in (0.0, margin):
            values = truth + error + np.array([-1, 1, -1, 1, -1, 1]) * 0.01
            resampled = values[:, None] + rng.normal(0, se, 300)
            table = compare({"a": (values, resampled)}, None, margin, SeedPrior({"a": SeedVariance(sd, 1e4)}))
            called = bool((table["equivalence_p"] < 0.05).all())
            right, false = right + (called and truth == 0), false + (called and truth > 0)
    assert right / repeats == pytest.approx(equivalence_power(margin, sd, se, seeds, Freedom(seeds=1e4)), abs=0.07)
    assert false / repeats < 0.08


def test_at_a_look_that_may_spend_half_as_much_it_is_what_twice_as_strict_a_test_needs() -> None:
    """By hand for one comparison, and the last look's share wherever rounds were looked at."""
    by_hand = (stats.norm.isf(0.0255 / 2) + stats.norm.ppf(0.8)) * 0.01
    assert detectable(0.0, 0.01, 5, 1, level=0.0255) == pytest.approx(by_hand)
    for needs in (
        lambda level: detectable(0.02, 0.004, 5, 5, level=level),
        lambda level: seeds_needed(0.02, 0.02, 0.003, 5, level=level) or math.inf,
        lambda level: times_the_patients(0.02, 0.02, 0.01, 40, 5, level=level),
        lambda level: seeds_for_equivalence(0.02, 0.02, 0.003, level=level) or math.inf,
        lambda level: -equivalence_power(0.02, 0.01, 0.004, 5, level=level),
    ):
        assert needs(0.0255) > needs(0.05)
    looked = Confirming(chosen=(), alone=True, looks=(4, 7, 10))
    assert level_of(looked) == pytest.approx(0.05 * (1 - 0.7**2))
    assert level_of(Confirming(chosen=(), alone=True)) == level_of(None) == ALPHA
