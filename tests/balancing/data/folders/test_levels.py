"""What each level of folders means, by folders and how many images lie in each."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest

from balancing.data.folders.levels import read_levels
from balancing.data.folders.notes import Hint
from balancing.data.folders.tree import Place
from balancing.data.options import Options
from balancing.errors import UserError


def read(folders: Mapping[str, int], /, **options: Any) -> tuple[dict[str, Place], list[str]]:
    return read_levels("set", "set", folders, Options.of(options), Hint())


def counts(folders: Mapping[str, int], /, **options: Any) -> dict[tuple[str | None, str | None], int]:
    """Images of each split and class; those left out under (None, what they are)."""
    found: Counter[tuple[str | None, str | None]] = Counter()
    for place in read(folders, **options)[0].values():
        found[(None, place.out) if place.out else (place.split, place.label)] += place.images
    return dict(found)


def refusal(folders: Mapping[str, int], /, **options: Any) -> str:
    with pytest.raises(UserError) as caught:
        read(folders, **options)
    message = str(caught.value)
    assert "\n" not in message
    return message


def times(first: list[str], second: list[str], images: int = 3) -> dict[str, int]:
    return {f"{a}/{b}": images for a in first for b in second}


AB = ["A", "B"]


@pytest.mark.parametrize(
    "folders",
    [
        times(["train", "test"], AB),
        times(AB, ["train", "test"]),
        {f"data/images/{path}": n for path, n in times(["Training Set", "testset"], AB).items()},
        {f"s/site{s}/{path}": 1 for s in "XYZ" for path in times(["train", "test"], AB)},
        {f"{split}/{part}/{c}": 1 for split in ("train", "test") for part in ("part1", "part2", "part3") for c in AB},
        {**times(["train"], AB), **{f"set/{path}": 1 for path in times(["train"], AB)}, **times(["test"], AB)},
        {"training/train/A": 3, "training/train/B": 3, "testing/A": 3, "testing/B": 3},
        {"train/train/A": 3, "train/train/B": 3, "test/test/A": 3, "test/test/B": 3},
    ],
)  # fmt: skip
def test_splits_above_and_below_classes_at_any_depth(folders: dict[str, int]) -> None:
    found = counts(folders)
    train = 4 if any(path.startswith("set/") for path in folders) else 3
    assert found == {("train", "A"): train, ("train", "B"): train, ("test", "A"): 3, ("test", "B"): 3}


def test_plain_folders_need_no_note_and_all_others_have_one() -> None:
    assert read(times(["Train", "VAL", "test"], AB))[1] == []
    assert read(times(["x"], AB))[1] == []
    for folders in (
        times(["train_set", "test_set"], AB),
        times(AB, ["train", "test"]),
        times(["part1", "part2"], AB),
        times(["siteA", "siteB"], AB),
        times(["patient1", "patient2"], AB),
        times(["benign", "malignant"], ["40X", "100X"]),
        {"A/x": 3, "A/y": 3, "B/z": 3},
    ):
        assert read(folders)[1], folders


def test_an_unknown_word_beside_splits_is_asked_for() -> None:
    folders = times(["train", "validate", "test", "holdout_external"], AB)
    assert "--split-map holdout_external=test (or train, validation; drop" in refusal(folders)
    assert counts(folders, split_map="holdout_external=test")["test", "A"] == 6
    assert counts(folders, split_map="holdout_external=drop")[None, "drop"] == 6
    assert counts(folders, split_map="holdout_external=drop")["validation", "A"] == 3
    assert "--split-map a=test,b=test" in refusal(times(["train", "test", "a", "b"], AB))
    assert "--split-map holdout=test" in refusal(times(["normal", "sick"], ["train", "holdout"]))
    assert "no folder of set is called so" in refusal(times(["train", "test"], AB), split_map="x=test")
    assert counts(times(["train", "test"], AB), split_map="test=validation")["validation", "B"] == 3


def test_classes_beside_a_split_and_images_without_class() -> None:
    assert "move the classes' folders into a folder train" in refusal({"A": 3, "B": 3, "test/A": 1, "test/B": 1})
    assert counts({"train/A": 3, "train/B": 3, "test": 5})[None, "stray"] == 5
    assert counts({"": 2, "A": 3, "B": 3})[None, "stray"] == 2
    assert "look like splits" in refusal({"test": 3, "control": 3})


@pytest.mark.parametrize(
    ("folders", "words"),
    [
        ({"HAM_images_part_1": 5, "HAM_images_part_2": 5}, "look like parts of one set"),
        ({"fold_0": 5, "fold_1": 5}, "look like folds"),
        ({f"patient{i}": 2 for i in range(4)}, "look like patients, or ids"),
        ({str(10_253 + 7 * i): 2 for i in range(6)}, "look like patients, or ids"),
        ({"2019": 3, "2020": 3}, "look like dates"),
        ({f"train/patient{i:05d}/study1": 2 for i in range(5)}, "look like studies or views"),
        ({"hospital_1": 3, "hospital_2": 3}, "look like sites"),
        ({"train": 3, "test": 3}, "6 images outside of any"),
        ({"images": 3}, "3 images outside of any"),
        ({"images_001/images": 3, "images_002/images": 3}, "6 images outside of any"),
    ],
)
def test_what_cannot_be_classes_is_refused_with_what_would_tell_them(folders: dict[str, int], words: str) -> None:
    message = refusal(folders)
    assert words in message
    assert "--labels TABLE" in message
    assert "--label-pattern" in message
    if "look like" in message:  # the option that takes them all the same does so
        option = shlex.split(message.split("give --folders ")[-1])[0]
        assert sum(counts(folders, folders=option).values()) == sum(folders.values())


def test_folds_parts_and_sites_above_classes() -> None:
    places, _ = read(times(["fold_0", "fold_1"], AB))
    assert {(place.fold, place.label) for place in places.values()} == {(f"fold_{i}", c) for i in (0, 1) for c in AB}
    places, _ = read({**times(["x/fold_0", "x/fold_1"], AB), **{f"x/test/{c}": 2 for c in AB}})
    assert {place.split for place in places.values() if place.fold is None} == {"test"}
    for level in (["part1", "part2"], ["siteA", "siteB"], ["2019", "2020"], ["left", "right"]):
        assert counts(times(level, AB)) == {(None, "A"): 6, (None, "B"): 6}


@pytest.mark.parametrize(
    ("folders", "patients"),
    [
        ({"patient1/A": 1, "patient2/A": 1, "patient2/B": 1}, 2),
        ({"A/P001": 1, "A/P002": 1, "B/P003": 1}, 3),
        ({f"{c}/{1000 * (c == 'A') + 37 * i}": 2 for c in AB for i in range(1, 9)}, 16),
        (times([str(8863 + i) for i in range(12)], ["0", "1"]), 12),
        ({f"train/A/p1{i}/p1{i}000{j}/s5{i}{j}": 1 for i in (0, 1) for j in (1, 2)} | {"train/B/p13/p130001/s1": 1}, 5),
        ({f"{c}/patient{i}/study{j}": 1 for i, c in enumerate("AAB") for j in (1, 2)}, 3),
    ],
)
def test_patients_above_and_below_classes(folders: dict[str, int], patients: int) -> None:
    places, notes = read(folders)
    assert len({place.patient for place in places.values()}) == patients
    assert f": {patients:,} patients." in " ".join(notes)


def test_crossed_levels_are_told_by_words_or_refused_with_both_readings() -> None:
    assert counts(times(["benign", "malignant"], ["40X", "100X"]))[None, "benign"] == 6
    assert counts(times(["north", "south"], ["normal", "tumour"]))[None, "normal"] == 6
    assert counts(times(["normal", "tumour"], ["north", "south"]))[None, "normal"] == 6
    assert counts(times(["a1x", "b1x"], ["0", "1"]))[None, "1"] == 6
    folders = times(["red", "blue"], ["big", "small"])
    message = refusal(folders)
    assert message.endswith("say which by --folders class or --folders '*/class'")
    assert counts(folders, folders="class")[None, "red"] == 6
    assert counts(folders, folders="*/class")[None, "small"] == 6
    message = refusal(
        {f"x/{c}/{s}/{k}": 1 for c in ("red", "blue") for s in ("train", "test") for k in ("big", "small")}
    )
    assert "--folders class or --folders '*/split/class'" in message
    assert "--images 'Original/*'" in refusal(times(["Original", "Augmented"], AB))


def test_what_would_put_an_image_into_two_splits_is_refused() -> None:
    folders = {f"cv{i}/{path}": 1 for i in (1, 2) for path in times(["train", "test"], AB)}
    assert "each of the folds cv1 and cv2 of set has its own splits" in refusal(folders)
    assert "--images 'cv1/*'" in refusal(folders)
    assert "--images '512x512/*'" in refusal(times(["224x224", "512x512"], AB))


def test_names_that_tell_two_things_at_once() -> None:
    fused = {f"{split}_{label}": 2 for split in ("train", "test") for label in ("cat", "dog")}
    assert counts(fused) == {(split, label): 2 for split in ("train", "test") for label in ("cat", "dog")}
    assert "tell their split and their class at once" in read(fused)[1][0]
    studies = {f"train/patient{i}/study1_{'positive' if i else 'negative'}": 1 for i in range(3)}
    assert "--label-pattern 'study[0-9]+[_-]([A-Za-z]+)'" in refusal(studies)
    assert counts(studies, label_pattern="study[0-9]+[_-]([A-Za-z]+)") == {("train", None): 3}


def test_names_below_the_classes_are_no_classes() -> None:
    folders = {"benign/adenosis": 3, "benign/fibroma": 3, "malignant/ductal": 3, "malignant/lobular": 3}
    assert counts(folders) == {(None, "benign"): 6, (None, "malignant"): 6}
    places, notes = read(folders)
    assert places["benign/fibroma"].inside == ("fibroma",)
    assert "--folders '*/class' would take them" in notes[0]
    assert len(counts(folders, folders="*/class")) == 4


def test_folders_as_asked() -> None:
    folders = {f"w/{s}/{split}/{c}": 2 for s in ("x", "y") for split in ("train", "test") for c in AB}
    assert counts(folders, folders="site/split/class") == {(s, c): 4 for s in ("train", "test") for c in AB}
    assert counts(folders, folders="*/site/split/class") == counts(folders, folders="site/split/class")
    places, _ = read(folders, folders="patient/fold/class")
    assert places["w/x/test/B"].patient == "x"
    assert places["w/x/test/B"].fold == "test"
    assert "names 6 levels" in refusal(folders, folders="*/*/*/*/*/class")
    assert "--split-map x=test,y=test" in refusal(folders, folders="split/*/class")
    assert counts(folders, folders="split/*/class", split_map="x=train,y=test")["test", "B"] == 4
    assert "names no level that is the class" in refusal(folders, folders="site/split")


def test_with_a_label_pattern_no_folder_is_a_class() -> None:
    folders = times(["train", "test"], AB)
    places, _ = read(folders, label_pattern="([a-z]+)_")
    assert {place.label for place in places.values()} == {None}
    assert all(place.out is None for place in places.values())
    assert places["test/A"].split == "test"


def test_sets_that_each_have_splits_are_not_joined_unasked() -> None:
    folders = {
        f"{way}/{path}": 3
        for way in ("by_hospital", "at_random")
        for path in times(["train", "test"], ["ill", "normal"])
    }
    said = refusal(folders)
    assert "--images 'at_random/*'" in said
    assert "--folders '*/split/class'" in said
    assert counts(folders, folders="*/split/class")[("test", "ill")] == 6
    assert counts({f"site{s}/{path}": 1 for s in "AB" for path in times(["train", "test"], ["ill", "normal"])})


def test_a_second_folder_for_a_split_is_asked_about() -> None:
    folders = times(["train", "test", "auto_test"], AB)
    assert "--split-map auto_test=test (or train, validation; drop" in refusal(folders)
    assert counts(folders, split_map="auto_test=drop")[("test", "A")] == 3


def test_sets_of_images_are_no_classes() -> None:
    folders = {
        **times(["lung_image_sets"], ["lung_aca", "lung_n"]),
        **times(["colon_image_sets"], ["colon_aca", "colon_n"]),
    }
    assert "--folders class or --folders '*/class'" in refusal(folders)
    assert len(counts(folders, folders="*/class")) == 4


def test_numbered_series_within_patients_are_no_classes() -> None:
    folders = {f"patient{i:03d}/Study {i}/CR chest {k}": 1 for i in range(6) for k in (1, 2)}
    assert "CR chest 1 and CR chest 2" in refusal(folders)
    assert set(counts({f"patient{i:03d}/grade {k}": 1 for i in range(6) for k in (1, 2)})) == {
        (None, "grade 1"), (None, "grade 2"),
    }  # fmt: skip


def test_splits_in_other_tongues() -> None:
    assert set(counts(times(["entrenamiento", "validación", "prueba"], AB))) == {
        (split, name) for split in ("train", "validation", "test") for name in AB
    }


def test_copies_in_several_forms_are_asked_about() -> None:
    folders = times(["jpg", "png"], ["ill", "normal"])
    assert "--images 'jpg/*', or all of them by --folders '*/class'" in refusal(folders)
    assert counts(folders, folders="*/class")[(None, "ill")] == 6


def test_a_set_that_is_named_like_a_split_beside_one_that_is_not() -> None:
    folders = times(["NCT-CRC-HE-100K", "CRC-VAL-HE-7K"], ["NORM", "TUM"])
    assert "--split-map CRC-VAL-HE-7K=validation,NCT-CRC-HE-100K=train, or join them by --folders '*/class'" in refusal(
        folders
    )
    found = counts(folders, split_map="CRC-VAL-HE-7K=validation,NCT-CRC-HE-100K=train")
    assert found[("train", "TUM")] == found[("validation", "TUM")] == 3


def test_unlabelled_test_images_beside_classes_are_left_out_as_asked() -> None:
    folders = {"health": 4, "sick": 4, "tb": 4, "test": 9}
    assert "beside health, sick and tb: leave it out by --split-map test=drop" in refusal(folders)
    assert counts(folders, split_map="test=drop") == {
        (None, "health"): 4, (None, "sick"): 4, (None, "tb"): 4, (None, "drop"): 9,
    }  # fmt: skip


def test_images_and_labels_side_by_side_are_no_classes() -> None:
    assert "nothing tells their classes" in refusal({"images": 5, "labels": 5})
    assert "--images 'processed/*'" in refusal(times(["raw", "processed"], AB))
    assert counts({"labels": 5, "tumour": 5}) == {(None, "labels"): 5, (None, "tumour"): 5}
