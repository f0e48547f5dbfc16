"""The phantom is the same for equal seeds, imbalanced 1 to 3, and its lesions are where the masks say."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest

from balancing.data.phantom import CLASS_NAMES, Phantom
from balancing.data.phantom_drawing import Anatomy
from balancing.errors import UserError


def first(phantom: Phantom, count: int) -> np.ndarray:
    return np.stack(list(islice(phantom.images(), count)))


def test_equal_seeds_draw_equal_images_however_many() -> None:
    some, more, other = Phantom(48, 32, 7), Phantom(480, 32, 7), Phantom(48, 32, 8)
    np.testing.assert_array_equal(first(some, 48), first(more, 48))
    assert some.names == more.names[:48]
    np.testing.assert_array_equal(some.labels, more.labels[:48])
    assert some.splits == more.splits[:48]
    assert (first(some, 48) != first(other, 48)).mean() > 0.5
    assert len(np.unique(first(some, 48).reshape(48, -1), axis=0)) == 48


def test_lesions_are_the_minority_and_splits_hold_enough() -> None:
    phantom = Phantom()
    labels, splits = phantom.labels, np.array(phantom.splits)
    clear, lesion = np.bincount(labels)
    assert CLASS_NAMES == ("clear", "lesion")
    assert 2.7 < clear / lesion < 3.3
    for split in ("train", "validation", "test"):
        assert np.bincount(labels[splits == split]).min() >= 50
        assert 2.7 < 1 / labels[splits == split].mean() - 1 < 3.3


def test_a_patient_has_one_class_and_lies_in_one_split() -> None:
    phantom = Phantom()
    assert 1.4 < len(phantom.labels) / len(set(phantom.patients)) < 1.6
    assert len(set(zip(phantom.patients, phantom.splits, phantom.labels, strict=True))) == len(set(phantom.patients))
    assert len(set(phantom.names)) == len(phantom.labels)
    assert all(f"-{patient}-" in name for patient, name in zip(phantom.patients, phantom.names, strict=True))


@pytest.mark.parametrize("size", [16, 48, 150])
def test_masks_lie_in_lesion_images_only(size: int) -> None:
    phantom = Phantom(96, size, 1)
    masks = np.stack(list(phantom.masks()))
    assert masks.dtype == np.bool_
    np.testing.assert_array_equal(masks.any(axis=(1, 2)), phantom.labels == 1)
    share = masks[phantom.labels == 1].mean(axis=(1, 2))
    assert share.max() < 0.3
    rim = np.ones((size, size), dtype=bool)
    edge = max(1, size // 25)
    rim[edge:-edge, edge:-edge] = False
    assert not (masks & rim).any()


def test_a_lesion_brightens_its_mask_and_nothing_far_from_it(monkeypatch: pytest.MonkeyPatch) -> None:
    phantom = Phantom(96, 64, 2)
    ill = np.flatnonzero(phantom.labels == 1)
    with_lesions = np.stack([phantom.draw(i) for i in ill]).astype(int)
    masks = np.stack([phantom.mask(i) for i in ill])
    monkeypatch.setattr(Phantom, "_lesions", lambda *_: [])
    change = with_lesions - np.stack([phantom.draw(i) for i in ill])
    assert change.min() >= 0
    for image, mask in zip(change, masks, strict=True):
        assert image[mask].mean() > 5 * image[~mask].mean()


def test_the_marker_does_not_tell_the_class() -> None:
    """Outside the body, the classes look alike: their mean corners differ by less than chance would allow."""
    phantom = Phantom(480, 32, 3)
    images = first(phantom, 480)
    corners = np.concatenate([images[:, :5, :8], images[:, :5, -8:]], axis=2).reshape(480, -1).mean(axis=1)
    clear, lesion = corners[phantom.labels == 0], corners[phantom.labels == 1]
    error = np.sqrt(clear.var() / len(clear) + lesion.var() / len(lesion))
    assert abs(clear.mean() - lesion.mean()) < 3 * error


def test_lesions_start_inside_the_lungs() -> None:
    for seed in range(200):
        anatomy = Anatomy(np.random.default_rng(seed))
        lesion = anatomy.lesion(np.random.default_rng(seed))
        at = np.array([lesion.x]), np.array([lesion.y])
        assert max(anatomy.lung(-1, *at)[0], anatomy.lung(1, *at)[0]) > 0.5


@pytest.mark.parametrize("change", [{"n_images": 47}, {"n_images": 100.0}, {"seed": -1}])
def test_what_cannot_be_drawn(change: dict[str, int]) -> None:
    with pytest.raises(UserError, match=r"phantom_(images|seed) must be a whole number of at least (48|0), but is"):
        Phantom(**change)
