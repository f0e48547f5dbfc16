"""Folds: every image tested once a repeat, no patient on two sides, classes alike; the data's own folds where told."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from balancing.data.folds import Folds, make_folds
from balancing.errors import UserError


@dataclass
class Images:
    """As much of an ``ImageSet`` as folds ask for."""

    labels: np.ndarray
    patients: np.ndarray | None
    folds: np.ndarray | None = None
    class_names: tuple[str, ...] = ("well", "sick")
    splits: np.ndarray = field(default_factory=lambda: np.array([]))
    sha256: np.ndarray = field(default_factory=lambda: np.array([]))
    names: np.ndarray = field(default_factory=lambda: np.array([]))

    def __post_init__(self) -> None:
        n = len(self.labels)
        self.splits = self.splits if len(self.splits) else np.full(n, "train")
        self.sha256 = self.sha256 if len(self.sha256) else np.array([f"{i}" for i in range(n)])
        self.names = np.array([f"{i}.png" for i in range(n)])


def images(seed: int = 0, n: int = 90, share: float = 0.2, **more: Any) -> Images:
    """n patients of 1 to 6 images each, a share of them sick; a tenth of the patients have images of both classes."""
    rng = np.random.default_rng(seed)
    patient = np.repeat(np.arange(n), rng.integers(1, 7, n))
    labels = (patient < share * n).astype(np.int64)
    both = rng.random(len(labels)) < 0.1
    return Images(np.where(both, rng.integers(0, 2, len(labels)), labels), patient.astype(str), **more)


def parts(folds: Folds) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    return [(split.train, split.validation, split.test) for split in folds.splits]


@pytest.mark.parametrize(("folds", "repeats", "seed"), [(2, 1, 0), (3, 1, 1), (5, 2, 2), (10, 1, 3)])
def test_every_image_is_tested_once_a_repeat_and_no_patient_is_on_two_sides(
    folds: int, repeats: int, seed: int
) -> None:
    given = images(seed)
    assert given.patients is not None
    found = make_folds(given, folds, repeats, seed=seed)
    assert len(found.splits) == folds * repeats
    for repeat in range(repeats):
        own = parts(found)[repeat * folds : (repeat + 1) * folds]
        assert np.array_equal(np.sort(np.concatenate([test for *_, test in own])), np.arange(len(given.labels)))
    for number, split in enumerate(parts(found)):
        assert np.array_equal(np.sort(np.concatenate(split)), np.arange(len(given.labels)))
        patients = [set(given.patients[rows]) for rows in split]
        assert sum(map(len, patients)) == len(set().union(*patients))
        assert all(len(np.unique(given.labels[rows])) == 2 for rows in split)
        assert (found.fold_of[number // folds][split[2]] == number % folds + 1).all()
    if repeats > 1:
        assert not np.array_equal(found.fold_of[0], found.fold_of[1])


def test_classes_are_shared_out_alike_and_equal_seeds_give_equal_folds() -> None:
    given = images(4, n=200, share=0.15)
    found = make_folds(given, 5)
    counts = np.array([np.bincount(given.labels[test], minlength=2) for *_, test in parts(found)])
    np.testing.assert_allclose(counts, np.bincount(given.labels)[None] / 5 + np.zeros((5, 1)), atol=4)
    again, other = make_folds(given, 5), make_folds(given, 5, seed=1)
    assert np.array_equal(found.fold_of, again.fold_of)
    assert all(
        np.array_equal(a, b)
        for one, two in zip(parts(found), parts(again), strict=True)
        for a, b in zip(one, two, strict=True)
    )
    assert not np.array_equal(found.fold_of, other.fold_of)


def test_with_one_image_a_patient_folds_are_as_equal_as_scikit_learn_s() -> None:
    from sklearn.model_selection import StratifiedKFold

    labels = (np.arange(103) < 22).astype(np.int64)
    found = make_folds(Images(labels, None), 5)
    own = {tuple(np.bincount(labels[test]).tolist()) for *_, test in parts(found)}
    theirs = {tuple(np.bincount(labels[test]).tolist()) for _, test in StratifiedKFold(5).split(labels, labels)}
    for label in (0, 1):
        assert {counts[label] for counts in own} == {counts[label] for counts in theirs}


def test_images_of_identical_bytes_stay_together() -> None:
    labels = np.tile([0, 1], 20)
    sha256 = np.array([f"{i // 4 * 2 + i % 2}" for i in range(40)])
    found = make_folds(Images(labels, None, sha256=sha256), 4)
    for digest in np.unique(sha256):
        assert len(np.unique(found.fold_of[0][sha256 == digest])) == 1


def test_the_data_s_own_folds_are_used_in_natural_order() -> None:
    given = images(5, n=60)
    assert given.patients is not None
    told = np.array([f"f{int(p) % 4 * 5}" for p in given.patients], dtype=object)  # f0, f5, f10, f15
    given.folds = told
    found = make_folds(given, 4, own=True)
    assert [told[test[0]] for *_, test in parts(found)] == ["f0", "f5", "f10", "f15"]
    assert all(set(told[test]) == {told[test[0]]} for *_, test in parts(found))
    assert "the data's own" in found.notes[-1]


def test_an_official_split_is_set_aside_and_that_is_said() -> None:
    given = images(6)
    given.splits = np.where(np.arange(len(given.labels)) % 4 == 0, "test", "train")
    found = make_folds(given, 3)
    assert "set aside" in found.notes[0]
    assert f"{int((given.splits == 'test').sum())} test" in found.notes[0]
    assert not any("set aside" in note for note in make_folds(images(6), 3).notes)


def folded(labels: np.ndarray, patients: np.ndarray | None, folds: list[str | None]) -> Images:
    return Images(labels, patients, np.array(folds, dtype=object))


LABELS = np.tile([0, 1], 12)


@pytest.mark.parametrize(
    ("given", "folds", "repeats", "own", "sentence"),
    [
        (Images(np.repeat([0, 1], [30, 4]), None), 5, 1, None, r"sick has 4 images, but 5 folds need 5.*--folds 4"),
        (Images(np.repeat([0, 1], [30, 3]), None), 2, 1, None, "class sick has 3 images, but 2 folds need 4"),
        (Images(LABELS, None), 1, 1, None, "folds must be 2 to 100, but are 1"),
        (Images(LABELS, None), 3, 0, None, "repeats must be 1 to 100"),
        (Images(LABELS, None), 3, 1, True, "tell no folds"),
        (folded(LABELS, None, ["a", "b", "c"] * 8), 5, 1, None, r"tell 3 folds of their own \(a, b, c\).*--folds 3"),
        (folded(LABELS, None, ["a", "b", "c", None] * 6), 3, 1, None, "6 images of these data are in no fold"),
        (folded(LABELS, np.repeat(np.arange(12), 2).astype(str), ["a", "b", "c"] * 8), 3, 1, None, "share patients"),
        (folded(LABELS, None, ["a", "a", "b", "b"] * 6), 2, 2, None, "can't be repeated 2 times"),
        (folded(LABELS, None, ["a", "b"] * 12), 2, 1, None, "has 12 patients of class well to test and 0 beside"),
    ],
)  # fmt: skip
def test_folds_that_cannot_be_are_refused_in_one_sentence(
    given: Images, folds: int, repeats: int, own: bool | None, sentence: str
) -> None:
    with pytest.raises(UserError, match=sentence):
        make_folds(given, folds, repeats, own=own)
