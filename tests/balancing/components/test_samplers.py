"""The check suite on every technique, and what is particular to one."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from balancing.components.axes import TrainingData
from balancing.components.laws.common import CLASS_COUNTS, assert_same_plan, make_data
from balancing.components.techniques import get_technique
from balancing.errors import UserError


def all_rows(pixels: np.ndarray, labels: np.ndarray) -> TrainingData:
    return TrainingData(pixels, labels.astype(np.int64), np.arange(len(labels)), int(labels.max()) + 1)


@pytest.mark.parametrize("name", ["baseline", "augmentation"])
def test_untouched_plans_are_the_training_rows(name: str) -> None:
    data = make_data(CLASS_COUNTS[:3])
    plan = get_technique(name).build(data, 0)
    np.testing.assert_array_equal(plan.base, data.rows)
    np.testing.assert_array_equal(plan.labels, data.labels[data.rows])
    assert not plan.synthetic.any()


def test_undersampling_takes_no_row_twice() -> None:
    plan = get_technique("undersampling").build(make_data(CLASS_COUNTS), 0)
    assert len(np.unique(plan.base)) == len(plan)


@pytest.mark.parametrize("name", ["oversampling", "smote", "borderline_smote"])
def test_oversamplers_keep_every_training_row_first(name: str) -> None:
    data = make_data(CLASS_COUNTS)
    plan = get_technique(name).build(data, 0)
    np.testing.assert_array_equal(plan.base[: len(data.rows)], data.rows)
    assert not plan.synthetic[: len(data.rows)].any()


def test_smote_and_borderline_1_mix_within_the_class() -> None:
    data = make_data(CLASS_COUNTS)
    for name in ("smote", "borderline_smote"):
        plan = get_technique(name).build(data, 0)
        assert plan.synthetic.any()
        np.testing.assert_array_equal(plan.labels, data.labels[plan.mate])


def test_borderline_2_goes_at_most_half_way_to_another_class() -> None:
    data = make_data(CLASS_COUNTS[:2])
    plan = get_technique("borderline_smote").build(data, 0, kind=2)
    foreign = data.labels[plan.mate] != plan.labels
    assert foreign.any()
    assert not foreign.all()
    assert plan.weight[foreign].max() < 0.5
    assert plan.weight[~foreign].max() > 0.5


def test_borderline_smote_starts_from_images_in_danger_only() -> None:
    """Images of one pixel. Class 0 lies at 0, 10 .. 90 and beyond 240; class 1 around 208 and among class 0 at 90."""
    levels = [*range(0, 100, 10), *range(240, 256), 200, 204, 208, 212, 216, 87, 93, 97]
    labels = np.array([0] * 26 + [1] * 8)
    plan = get_technique("borderline_smote").build(
        all_rows(np.array(levels, dtype=np.uint8).reshape(-1, 1, 1), labels), 3, k_neighbors=2, m_neighbors=4
    )
    # Two of the four nearest to 87, 93 and 97 are 80 and 90; the four nearest to 200 .. 216 are one another.
    assert set(plan.base[plan.synthetic]) == {31, 32, 33}


def test_borderline_smote_without_danger_adds_nothing() -> None:
    """As imbalanced-learn: classes so far apart that no image has a foreign neighbour."""
    pixels = np.zeros((20, 4, 4), dtype=np.uint8)
    pixels += np.arange(20, dtype=np.uint8)[:, None, None]
    pixels[12:] += 200
    data = all_rows(pixels, np.array([0] * 12 + [1] * 8))
    for kind in (1, 2):
        plan = get_technique("borderline_smote").build(data, 0, k_neighbors=3, m_neighbors=4, kind=kind)
        assert_same_plan(plan, get_technique("baseline").build(data, 0))


def test_colour_images_are_mixed_like_grey_ones() -> None:
    """Three equal channels change no neighbour."""
    grey = make_data(CLASS_COUNTS[:2])
    colour = replace(grey, pixels=np.repeat(grey.pixels[..., None], 3, axis=-1))
    for name in ("smote", "borderline_smote"):
        assert_same_plan(get_technique(name).build(grey, 0), get_technique(name).build(colour, 0))


def test_too_few_images_message_says_rule_value_and_next_step() -> None:
    with pytest.raises(UserError) as error:
        get_technique("smote").check_feasible([4, 10], ["NORMAL", "PNEUMONIA"])
    assert str(error.value) == (
        "class NORMAL has 4 training images, but smote with k_neighbors=5 needs at least 6; "
        "lower smote.k_neighbors to 3 or choose oversampling"
    )
    with pytest.raises(UserError, match=r"class 1 has 1 training image, .* at least 4; choose oversampling"):
        get_technique("borderline_smote").check_feasible([10, 1], parameters={"k_neighbors": 3})
    with pytest.raises(UserError, match=r"there are 15 training images, .* m_neighbors=15 needs at least 16; lower"):
        get_technique("borderline_smote").check_feasible([9, 6], parameters={"m_neighbors": 15})
    with pytest.raises(UserError, match="class EMPTY has none"):
        get_technique("baseline").check_feasible([9, 0], ["FULL", "EMPTY"])


def test_small_largest_class_needs_no_neighbours() -> None:
    """Only classes that grow are looked at; equal ones do not."""
    get_technique("smote").check_feasible([2, 2])
    get_technique("borderline_smote").check_feasible([2, 2])


def test_only_light_imports() -> None:
    """Listing balancing's techniques loads neither torch nor ray, datasets, imbalanced-learn, pydantic."""
    code = (
        "import sys; import balancing.components.augmentations.rotate_flip\n"
        "from balancing.components.techniques import techniques; techniques()\n"
        "heavy = 'torch', 'ray', 'datasets', 'imblearn', 'sklearn', 'pydantic', 'sweep'\n"
        "print([m for m in heavy if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
