"""AUROC with an interval over patients: against scikit-learn, against the published sums, and by laws."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from balancing.quality.areas import (
    Area,
    _clustered_variance,
    _mid_ranks,
    _placements,
    clustered_area,
    combined_area,
    expected_variance,
    group_codes,
    standard_normal,
)

REACH = standard_normal(0.95)


def drawn(seed: int, m: int = 12, n: int = 30, each: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(N,) of the class, tied scores, patients of ``each`` images."""
    rng = np.random.default_rng(seed)
    patients = np.repeat(np.arange(m + n), each)
    own = patients < m
    return own, np.round(rng.normal(size=len(own)) + own, 1), patients


def as_list(area: Area) -> list[float]:
    return [area.value, area.low, area.high]


def test_the_value_is_scikit_learns_and_lies_within() -> None:
    own, scores, patients = drawn(0)
    area = clustered_area(own, scores, patients, REACH)
    assert area.value == pytest.approx(roc_auc_score(own, scores))
    assert 0 < area.low < area.value < area.high < 1


def test_the_clustered_variance_is_that_of_the_published_sums() -> None:
    own, scores, patients = drawn(1, each=3)
    patients = patients % 20  # some have images of both kinds
    x, y = scores[own], scores[~own]
    wins = (x[:, None] > y).astype(float) + (x[:, None] == y) / 2
    area, m, n = wins.mean(), own.sum(), (~own).sum()
    by_own, by_other = wins.mean(axis=1) - area, wins.mean(axis=0) - area
    tens = np.array([by_own[patients[own] == one].sum() for one in range(20)])
    ones = np.array([by_other[patients[~own] == one].sum() for one in range(20)])
    with_own, with_other = len(set(patients[own])), len(set(patients[~own]))
    expected = with_own / (with_own - 1) * (tens**2).sum() / m**2
    expected += with_other / (with_other - 1) * (ones**2).sum() / n**2
    expected += 2 * 20 / 19 * (tens * ones).sum() / (m * n)
    assert _clustered_variance(_placements(own, scores, _mid_ranks(scores)) - area, own, patients) == pytest.approx(
        expected
    )


def test_copies_of_a_patients_image_tell_nothing_more() -> None:
    own, scores, patients = drawn(2)
    once = clustered_area(own, scores, patients, REACH)
    often = clustered_area(*(np.repeat(one, 4) for one in (own, scores, patients)), REACH)
    assert as_list(often) == pytest.approx(as_list(once), abs=2e-3)
    apart = clustered_area(*(np.repeat(one, 4) for one in (own, scores)), np.arange(4 * len(own)), REACH)
    assert apart.high - apart.low < 0.6 * (once.high - once.low)


def test_the_other_kind_has_the_mirrored_area() -> None:
    own, scores, patients = drawn(3, each=2)
    area = clustered_area(own, scores, patients, REACH)
    assert as_list(clustered_area(~own, scores, patients, REACH)) == pytest.approx(as_list(area.turned()))
    assert as_list(clustered_area(own, -scores, patients, REACH)) == pytest.approx(as_list(area.turned()))


def test_at_one_half_it_is_the_rank_sum_test() -> None:
    assert expected_variance(0.5, 6, 60) == pytest.approx((6 + 60 + 1) / (12 * 6 * 60))


@pytest.mark.parametrize("tied", [False, True])
def test_few_images_all_on_one_side_are_not_certain(tied: bool) -> None:
    lows = []
    for m, n in ((3, 3), (6, 60), (60, 60), (600, 600)):
        own = np.arange(m + n) < m
        area = clustered_area(own, own.astype(float) if tied else np.arange(m + n)[::-1], np.arange(m + n), REACH)
        assert (area.value, area.high) == pytest.approx((1, 1))
        lows.append(area.low)
    assert lows == sorted(lows)
    assert lows[0] < 0.6 < lows[1] < 0.9 < lows[2] < 0.98 < lows[3]


@pytest.mark.parametrize(("m", "n", "each"), [(6, 60, 1), (6, 60, 4), (25, 25, 6)])
def test_intervals_of_noise_hold_one_half(m: int, n: int, each: int) -> None:
    rng, held, draws = np.random.default_rng(4), 0, 300
    for _ in range(draws):
        patients = np.repeat(np.arange(m + n), each)
        scores = np.round(rng.normal(size=m + n)[patients] + rng.normal(size=len(patients)), 1)
        area = clustered_area(patients < m, scores, patients, REACH)
        held += area.low <= 0.5 <= area.high
    assert 0.91 <= held / draws <= 0.995


def test_strata_are_compared_within_each_alone() -> None:
    rng = np.random.default_rng(5)
    labels = np.repeat([0, 1], [100, 100])
    own = np.concatenate([np.arange(100) < 80, np.arange(100) < 20])  # the class decides how many are of the kind
    scores, patients = rng.normal(size=200) - 3 * labels, np.arange(200)
    assert clustered_area(own, scores, patients, REACH).low > 0.7
    strata = [(own[labels == one], scores[labels == one], patients[labels == one]) for one in (0, 1)]
    together = combined_area(strata, REACH)
    assert together.low < 0.5 < together.high
    assert as_list(combined_area(strata[:1], REACH)) == pytest.approx(as_list(clustered_area(*strata[0], REACH)))


def test_where_a_kind_is_absent_there_is_no_area() -> None:
    assert np.isnan(as_list(clustered_area(np.zeros(4, dtype=bool), np.arange(4.0), np.arange(4), REACH))).all()


def test_groups_are_patients_or_else_images() -> None:
    assert group_codes(np.array(["b", "a", "b"]), 3).tolist() == [1, 0, 1]
    assert group_codes(None, 3).tolist() == [0, 1, 2]
