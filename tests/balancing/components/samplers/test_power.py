"""Power sampling: quotas, draws without replacement first, and limit cases."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from balancing.components.laws.common import make_data
from balancing.components.samplers.power import class_quotas, draw_by_power
from balancing.components.techniques import get_technique


def drawn(counts: tuple[int, ...], power: float, size: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Rows of these class counts, and how often each was drawn, class by class."""
    labels = np.repeat(np.arange(len(counts)), counts)
    rows = np.arange(len(labels))
    found = draw_by_power(rows, labels, len(counts), power, size, np.random.default_rng(seed))
    assert len(found) == size
    return labels, np.bincount(found, minlength=len(labels))


@pytest.mark.parametrize(
    ("power", "wanted"),
    # 90, 9, 1: square roots 9.487, 3, 1 of 13.487; inverses 1/90, 1/9, 1 of 101/90.
    [(1.0, [90, 9, 1]), (0.0, [34, 33, 33]), (0.5, [70, 22, 8]), (-1.0, [1, 10, 89])],
)
def test_quotas_are_those_of_largest_remainders(power: float, wanted: list[int]) -> None:
    assert class_quotas(np.array([90, 9, 1]), power, 100).tolist() == wanted


def test_no_row_is_drawn_twice_before_each_was_drawn_once() -> None:
    labels, times = drawn((10, 3), 0.0, 26)
    assert np.bincount(labels, times).tolist() == [13, 13]
    assert sorted(times[:10]) == [1] * 7 + [2] * 3
    assert sorted(times[10:]) == [4, 4, 5]


def test_power_one_draws_each_row_once() -> None:
    data = make_data((40, 16, 22))
    plans = get_technique("power_sampling").plans(data, 5, power=1.0)
    for epoch in (1, 2):
        np.testing.assert_array_equal(np.sort(plans.of(epoch).base), np.sort(data.rows))


def test_masses_are_those_of_torch_s_weighted_sampler() -> None:
    """Its weights are n^(power - 1) of each row; its shares of classes tend to our quotas."""
    counts, power, size = np.array([60, 25, 5]), 0.5, 20_000
    labels = np.repeat(np.arange(3), counts)
    weights = torch.from_numpy(counts[labels] ** (power - 1))
    generator = torch.Generator().manual_seed(0)
    theirs = np.bincount(labels[list(torch.utils.data.WeightedRandomSampler(weights, size, generator=generator))])
    # Four standard errors of a share of a half.
    np.testing.assert_allclose(theirs / size, class_quotas(counts, power, size) / size, atol=2 / size**0.5)


def test_a_class_without_rows_gets_none() -> None:
    labels = np.array([0, 2, 2, 0, 0])
    found = draw_by_power(np.array([7, 1, 5, 9, 4]), labels, 4, -1.0, 10, np.random.default_rng(0))
    assert sorted(np.bincount(found)[[1, 5]]) == [3, 3]
    assert sorted(np.bincount(found)[[4, 7, 9]]) == [1, 1, 2]
    assert draw_by_power(np.array([7]), np.array([3]), 4, 0.0, 0, np.random.default_rng(0)).tolist() == []


def test_random_states_and_epochs_give_other_rows() -> None:
    data = make_data((40, 16))
    plans = [get_technique("power_sampling").plans(data, seed).of(epoch).base for seed in (0, 1) for epoch in (1, 2)]
    assert len({tuple(np.sort(plan)) for plan in plans}) == 4
