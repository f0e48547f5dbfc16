"""A split shares no patient and no bytes, keeps the classes' shares, and never touches the official test split."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from balancing.data.splits import Split, make_split
from balancing.errors import UserError


def made_up(seed: int, n: int = 600, n_classes: int = 2, official: str = "train") -> dict[str, Any]:
    """Patients of one to nine images, a few byte-identical images across patients, imbalanced classes."""
    rng = np.random.default_rng(seed)
    sizes = rng.choice([1, 1, 1, 2, 3, 9], n)
    patients = np.repeat(np.arange(n), sizes)[:n]
    shares = np.arange(n_classes) + 1.0
    labels = rng.choice(n_classes, n, p=shares / shares.sum())[patients]  # a patient has one class
    sha256 = np.arange(n)
    sha256[rng.choice(n, 10)] = sha256[rng.choice(n, 10)]
    return {
        "labels": labels,
        "official": np.full(n, official, dtype="<U10"),
        "patients": patients.astype(str),
        "sha256": sha256.astype(str),
        "class_names": [f"c{i}" for i in range(n_classes)],
    }


def split_of(labels: Any, official: Any, patients: Any, sha256: Any, class_names: Any, **options: Any) -> Split:
    images = SimpleNamespace(labels=labels, splits=official, patients=patients, sha256=sha256, class_names=class_names)
    return make_split(images, **options)


def partition(split: Split) -> np.ndarray:
    return np.sort(np.concatenate([split.train, split.validation, split.test]))


@pytest.mark.parametrize("seed", range(25))
@pytest.mark.parametrize("n_classes", [2, 4])
def test_laws_of_a_cut(seed: int, n_classes: int) -> None:
    data = made_up(seed, n_classes=n_classes)
    split = split_of(**data, seed=seed)
    np.testing.assert_array_equal(partition(split), np.arange(600))
    sides = (split.train, split.validation, split.test)
    for key in ("patients", "sha256"):
        for i, one in enumerate(sides):
            for other in sides[i + 1 :]:
                assert not np.intersect1d(data[key][one], data[key][other]).size
    # Each class ends within about one group (here up to nine images, or two patients who share bytes) of its share.
    for held, pool in ((split.test, np.arange(600)), (split.validation, np.union1d(split.train, split.validation))):
        wanted = 0.15 * np.bincount(data["labels"][pool], minlength=n_classes)
        have = np.bincount(data["labels"][held], minlength=n_classes)
        assert (np.abs(have - wanted) <= 10).all(), (have, wanted)
    assert not any("Leak" in note for note in split.notes)
    again = split_of(**data, seed=seed)
    for one, other in zip(sides, (again.train, again.validation, again.test), strict=True):
        np.testing.assert_array_equal(one, other)


def test_another_seed_is_another_split_and_patients_of_every_size_are_held_out() -> None:
    data = made_up(0, 2000)
    sizes = np.unique(data["patients"], return_counts=True)[1]
    whole = np.mean([sizes[i] for i in range(len(sizes))])
    held_sizes = []
    rows = set()
    for seed in range(20):
        split = split_of(**data, seed=seed)
        rows.add(tuple(split.test))
        held_sizes += np.unique(data["patients"][split.test], return_counts=True)[1].tolist()
    assert len(rows) == 20
    assert abs(np.mean(held_sizes) / whole - 1) < 0.1


def test_official_splits_are_taken_where_large_enough() -> None:
    data = made_up(1, 900)
    data["official"][:300], data["official"][300:600] = "validation", "test"
    split = split_of(**data)
    np.testing.assert_array_equal(split.validation, np.arange(300))
    np.testing.assert_array_equal(split.test, np.arange(300, 600))
    np.testing.assert_array_equal(split.train, np.arange(600, 900))
    assert split.notes[0].startswith("Validation is the official split: 300 images (")


def test_a_small_official_validation_joins_training_and_test_stays() -> None:
    data = made_up(2, 900)
    data["official"][:60], data["official"][600:] = "validation", "test"
    split = split_of(**data)
    np.testing.assert_array_equal(split.test, np.arange(600, 900))
    np.testing.assert_array_equal(np.union1d(split.train, split.validation), np.arange(600))
    zeros, ones = np.bincount(data["labels"][:60])
    assert split.notes[0].startswith(
        f"The official validation split holds 60 images ({zeros} c0, {ones} c1), fewer than 50 of each class, so its "
        "images join the training images and validation is 15 % of the training images instead, "
    )
    of_class = [
        len(np.unique(data["patients"][split.validation][data["labels"][split.validation] == c])) for c in (0, 1)
    ]
    assert f"patients ({of_class[0]} c0, {of_class[1]} c1), stratified, no patient on both sides." in split.notes[0]
    assert np.isin(np.arange(60), split.train).any()


def test_the_threshold_is_each_classs_own() -> None:
    labels = np.array([0] * 50 + [1] * 50 + [0, 1] * 200)
    official = np.array(["validation"] * 100 + ["train"] * 400)
    rows = np.arange(500).astype(str)
    assert len(split_of(labels, official, None, rows, "ab").validation) == 100
    split = split_of(labels, official, None, rows, "ab", min_per_class=51)
    assert len(split.validation) not in (0, 100)
    assert "each image taken for a patient of its own" in " ".join(split.notes)


def test_leaks_between_official_splits_are_told() -> None:
    data = made_up(3, 900)
    data["patients"] = np.arange(900).astype(str)
    data["sha256"] = np.arange(900).astype(str)
    data["official"][:300], data["official"][300:600] = "validation", "test"
    data["sha256"][300] = data["sha256"][301] = data["sha256"][700]
    data["patients"][0] = data["patients"][800]
    notes = split_of(**data).notes
    assert "Leak: 2 test images byte-identical to train images, as the source has them." in notes
    assert "Leak: 1 patient in both train and validation, as the source has them." in notes


def test_a_class_that_is_missing_in_test_is_told() -> None:
    data = made_up(4, 900, n_classes=3)
    data["official"][np.flatnonzero(data["labels"] > 0)[:90]] = "test"
    assert "The test split holds no image of c0" in " ".join(split_of(**data).notes)


def test_a_test_split_of_one_class_of_two_is_refused() -> None:
    data = made_up(4, 900)
    data["official"][np.flatnonzero(data["labels"] == 1)[:60]] = "test"
    with pytest.raises(UserError, match="the test split holds no image of c0"):
        split_of(**data)


def test_every_side_has_every_class_however_few() -> None:
    labels = np.array([0] * 100 + [1] * 3)
    split = split_of(labels, np.full(103, "train"), None, np.arange(103).astype(str), ["a", "b"])
    for side in (split.train, split.validation, split.test):
        assert set(labels[side]) == {0, 1}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            {"labels": np.zeros(20, dtype=int)},
            r"the training split holds no image of class b \(0 in validation, 0 in test\)",
        ),
        (
            {"patients": np.array(["x"] * 10 + ["y"] * 10)},
            r"class a has 10 images of 1 patient \(or of identical bytes\)",
        ),
        ({"patients": np.array(["x", "y"] * 5 + ["z", "w"] * 5)}, r"class [ab] has (5|10) images"),
        (
            {"patients": np.array(["x", "y"] * 10)},
            r"class a has 10 images of 2 patients .* but 3 patients are needed",
        ),
        ({"fraction": 0.0}, r"must lie in \(0, 0.5\], but is 0.0"),
        ({"official": np.full(20, "extra")}, r"splits must be train, validation or test, but there is extra"),
    ],
)
def test_what_cannot_be_split(change: dict[str, Any], sentence: str) -> None:
    data: dict[str, Any] = {
        "labels": np.array([0] * 10 + [1] * 10),
        "official": np.full(20, "train"),
        "patients": None,
        "sha256": np.arange(20).astype(str),
        "class_names": ["a", "b"],
    }
    with pytest.raises(UserError, match=sentence):
        split_of(**{**data, **change})


def test_notes_say_how_many_patients_of_each_class_a_part_holds_and_where_they_are_too_few() -> None:
    labels, patients = np.repeat([0, 1], 300), np.array([f"p{i // 100}" for i in range(300)] + [*map(str, range(300))])
    data = {"labels": labels, "official": np.full(600, "train"), "sha256": np.array([f"{i:064x}" for i in range(600)])}
    split = split_of(**data, patients=patients, class_names=("rare", "common"))
    for part in ("train", "validation", "test"):
        rows = getattr(split, part)
        n = [len(set(patients[rows][labels[rows] == c].tolist())) for c in (0, 1)]
        assert any(f"({n[0]} rare, {n[1]} common)" in note for note in split.notes)
    few = [note for note in split.notes if note.startswith("Too few to judge")]
    assert len(few) == 1
    assert "fewer than 5 patients of some classes (1 of rare)" in few[0]
    assert "give more patients of them, or a test split of your own" in few[0]

    official = np.where(np.isin(patients, ["p0", *map(str, range(50))]), "test", "train")
    own = split_of(**{**data, "official": official}, patients=patients, class_names=("rare", "common"))
    assert any("leave the test split out of the data" in note for note in own.notes)
    enough = split_of(**data, patients=None, class_names=("rare", "common"))
    assert not any(note.startswith("Too few") for note in enough.notes), "images stand for unknown patients"
    tiny = np.where(np.arange(600) % 100 == 0, "test", "train")
    unknown = split_of(**{**data, "official": tiny}, patients=None, class_names=("rare", "common"))
    assert any("patients are unknown, so images stand for them" in note for note in unknown.notes)
