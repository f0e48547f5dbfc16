"""EOS: towards the nearest of other classes; a hand-computed case, since no library has it."""

from __future__ import annotations

import numpy as np
import pytest

from balancing.components.axes import TrainingData
from balancing.components.techniques import get_technique
from balancing.errors import UserError

# On a line: class 1 at 0, 10 and 40; class 0 at 11, 12, 14, 100, 101, 102.
PLACES = np.array([[0], [10], [40], [11], [12], [14], [100], [101], [102]], dtype=np.float32)
LABELS = np.array([1, 1, 1, 0, 0, 0, 0, 0, 0])


def data_of(places: np.ndarray, labels: np.ndarray) -> TrainingData:
    rows = np.arange(len(labels))
    return TrainingData(np.zeros((len(labels), 1), np.uint8), labels, rows, 2, ("many", "few"), vectors=places)


def test_rows_go_from_an_image_with_enemies_among_its_nearest_to_one_of_these() -> None:
    plan = get_technique("eos").build(data_of(PLACES, LABELS), 0, n_neighbors=2)
    made = plan.synthetic
    assert plan.class_counts(2).tolist() == [6, 6]
    np.testing.assert_array_equal(plan.base[~made], np.arange(9))
    # Two nearest: of 0 they are 10 and 11, of 10 they are 11 and 12, of 40 they are 14 and 12.
    enemies = {0: {3}, 1: {3, 4}, 2: {4, 5}}
    assert all(int(mate) in enemies[int(base)] for base, mate in zip(plan.base[made], plan.mate[made], strict=True))
    assert (plan.labels[made] == 1).all()
    assert (LABELS[plan.mate[made]] == 0).all(), "mates are of another class"
    assert ((plan.weight[made] >= 0) & (plan.weight[made] < 1)).all()
    placed = plan.realise(PLACES)[made, 0]
    low, high = PLACES[plan.base[made], 0], PLACES[plan.mate[made], 0]
    assert ((placed >= np.minimum(low, high)) & (placed <= np.maximum(low, high))).all()


def test_bases_enemies_and_weights_are_drawn_evenly() -> None:
    places, labels = np.vstack([PLACES, 1000 + np.arange(3000)[:, None]]), np.append(LABELS, np.zeros(3000, int))
    plan = get_technique("eos").build(data_of(places.astype(np.float32), labels), 1, n_neighbors=2)
    made = plan.synthetic
    shares = np.bincount(plan.base[made], minlength=3)[:3] / made.sum()
    np.testing.assert_allclose(shares, 1 / 3, atol=0.04)
    second = plan.base[made] == 1
    assert (plan.mate[made][second] == 3).mean() == pytest.approx(0.5, abs=0.06)
    assert plan.weight[made].mean() == pytest.approx(0.5, abs=0.03)


def test_an_image_without_an_enemy_among_its_nearest_starts_no_row() -> None:
    places = np.array([[0], [1], [2], [50], [51], [52], [53], [54]], dtype=np.float32)
    labels = np.array([1, 1, 1, 0, 0, 0, 0, 0])
    with pytest.raises(UserError, match="no image of class few has one of another class among its 2 nearest, so eos"):
        get_technique("eos").build(data_of(places, labels), 0, n_neighbors=2)
    labels[4] = 1  # among the others
    plan = get_technique("eos").build(data_of(places, np.append(labels[:-1], 0)), 0, n_neighbors=2, sampling_strategy=1)
    assert not plan.synthetic.any(), "four of each class already"
    plan = get_technique("eos").build(
        data_of(np.append(places, [[55]], axis=0).astype(np.float32), np.append(labels, 0)), 0, n_neighbors=2
    )
    assert set(plan.base[plan.synthetic]) == {4}
