"""TrainingPlan: its promises, and what it makes real."""

from __future__ import annotations

import numpy as np
import pytest

from balancing.components.plans import TrainingPlan

PIXELS = np.random.default_rng(0).integers(0, 256, size=(6, 4, 5), dtype=np.uint8)


def mixed() -> TrainingPlan:
    return TrainingPlan(np.array([2, 0, 5]), np.array([2, 3, 1]), np.array([0.0, 0.25, 1.0]), np.array([1, 0, 1]))


def test_real_rows_are_the_images_themselves() -> None:
    plan = TrainingPlan.of_rows(np.array([4, 1, 4]), np.array([0, 1, 0]))
    assert len(plan) == 3
    assert not plan.synthetic.any()
    np.testing.assert_array_equal(plan.realise(PIXELS), PIXELS[[4, 1, 4]].astype(np.float64))


def test_mixtures_go_from_base_to_mate() -> None:
    made = mixed().realise(PIXELS)
    assert made.dtype == np.float64
    assert made.shape == (3, 4, 5)
    np.testing.assert_array_equal(made[0], PIXELS[2])
    np.testing.assert_allclose(made[1], 0.75 * PIXELS[0] + 0.25 * PIXELS[3])
    np.testing.assert_array_equal(made[2], PIXELS[1])
    np.testing.assert_array_equal(mixed().synthetic, [False, True, True])


@pytest.mark.parametrize("rows", [slice(1, 3), np.array([2, 0]), np.array([False, True, True])])
def test_some_rows_are_those_of_the_whole(rows: slice | np.ndarray) -> None:
    np.testing.assert_array_equal(mixed().realise(PIXELS, rows), mixed().realise(PIXELS)[rows])


@pytest.mark.parametrize("shape", [(6,), (6, 7), (6, 4, 5, 3)], ids=str)
def test_any_number_of_axes(shape: tuple[int, ...]) -> None:
    values = np.random.default_rng(1).random(shape)
    np.testing.assert_allclose(mixed().realise(values)[1], 0.75 * values[0] + 0.25 * values[3])


def test_joined_plans_keep_their_order() -> None:
    first, second = mixed(), TrainingPlan.of_rows(np.array([0, 5]), np.array([0, 1]))
    plan = TrainingPlan.joined([first, second, first])
    np.testing.assert_array_equal(
        plan.realise(PIXELS), np.concatenate([p.realise(PIXELS) for p in (first, second, first)])
    )
    np.testing.assert_array_equal(plan.labels, [1, 0, 1, 0, 1, 1, 0, 1])


def test_class_counts_name_absent_classes_too() -> None:
    np.testing.assert_array_equal(mixed().class_counts(4), [1, 2, 0, 0])


def test_an_empty_plan_is_a_plan() -> None:
    empty = TrainingPlan.of_rows(np.array([], dtype=np.int64), np.array([], dtype=np.int64))
    assert len(empty) == 0
    assert empty.realise(PIXELS).shape == (0, 4, 5)


def test_mistakes_are_named() -> None:
    rows = np.array([0, 1])
    with pytest.raises(ValueError, match=r"equally long, but have lengths \[1, 2\]"):
        TrainingPlan(rows, rows, np.zeros(1), rows)
    for weight in (-1.1, 1.1):
        with pytest.raises(ValueError, match=r"weights must lie in \[-1, 1\]"):
            TrainingPlan(rows, rows, np.array([0.0, weight]), rows)
