"""Words that folders are named by."""

from __future__ import annotations

import pytest

from balancing.data.folders.words import alike, kind_of, look_like_ids, natural_order, split_word, split_words


@pytest.mark.parametrize(
    ("split", "words"),
    [
        (
            "train",
            "train TRAIN training train_set Training-Set trainset TrainingData train_images trainval train_val train1",
        ),
        ("validation", "val valid validate validation dev VALIDATION_SET valset val_data"),
        ("test", "test testing test_set TestImages tst eval evaluation testdata"),
        (
            None,
            "holdout_external pretest test_positive testis trained_by_hand control set data devices train_test_split",
        ),
    ],
)
def test_words_for_splits(split: str | None, words: str) -> None:
    assert {word: split_word(word) for word in words.split()} == dict.fromkeys(words.split(), split)
    assert split_word("Training Set") == "train"


def test_words_beside_a_splits_own_count_only_where_two_splits_are_told() -> None:
    both = ["C-NMC_training_data", "C-NMC_test_prelim_phase_data"]
    assert split_words(both) == {both[0]: "train", both[1]: "test"}
    assert split_words(["test_positive", "test_negative"]) == {}
    assert split_words(["train", "test", "holdout"]) == {"train": "train", "test": "test"}
    # The names of classes of a test's outcome, beside a word that means health, are no splits.
    assert split_words(["test_positive", "trained_normal"]) == {}


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("fold", ["fold_0", "fold_1"]),
        ("fold", ["cv2"]),
        ("fold", ["split_1", "split_2"]),
        ("part", ["HAM10000_images_part_1", "HAM10000_images_part_2"]),
        ("part", ["images_001", "images_002"]),
        ("part", ["images", "images_2"]),
        ("part", ["batch3", "batch4"]),
        ("site", ["siteA", "siteB"]),
        ("site", ["hospital_1", "hospital_2"]),
        ("site", ["Center 3", "Center 4"]),
        ("patient", ["patient00001", "patient00002"]),
        ("patient", ["P012", "P7"]),
        ("patient", ["subject-3", "subject-4b"]),
        ("study", ["study1", "study2"]),
        ("view", ["LEFT", "RIGHT"]),
        ("magnification", ["40X", "100X"]),
        ("magnification", ["40", "100", "200", "400"]),
        ("size", ["224x224", "512x512"]),
        ("size", ["128", "256"]),
        ("date", ["2019", "2020"]),
        (None, ["split_1"]),
        (None, ["grade1", "grade2"]),
        (None, ["normal", "tumour"]),
        (None, ["site_normal", "site_tumour"]),
        (None, ["device", "no device"]),
        (None, ["0", "1"]),
        (None, ["fold_0", "normal"]),
    ],
)
def test_what_a_level_is(kind: str | None, names: list[str]) -> None:
    assert kind_of(names) == kind


@pytest.mark.parametrize(
    ("ids", "names"),
    [
        (True, ["10253", "10254"]),
        (True, ["12", "57", "31"]),
        (True, [f"{i:02d}" for i in range(1, 12)]),
        (True, [f"TCGA-A{i}-{i * 37 % 11}03" for i in range(12)]),
        (True, [f"{i:032x}" for i in range(5)]),
        (True, [str(i) for i in range(40)]),
        (False, [str(i) for i in range(12)]),
        (False, ["1", "3", "5"]),
        (False, [f"grade {i}" for i in range(100, 130)]),
        (False, ["COVID-19", "SARS-2"]),
        (False, ["normal", "tumour"]),
    ],
)
def test_names_that_look_like_ids(ids: bool, names: list[str]) -> None:
    assert look_like_ids(names, images=4 * len(names)) is ids


def test_names_that_are_one_and_their_order() -> None:
    assert alike("Viral Pneumonia") == alike("viral_pneumonia") == alike("VIRAL-PNEUMONIA")
    assert alike("1-1") != alike("11")
    assert natural_order({"10", "9", "1"}) == ["1", "9", "10"]
    assert natural_order({"grade 10", "grade 9"}) == ["grade 9", "grade 10"]
    assert natural_order({"b", "a10", "a9"}) == ["a10", "a9", "b"]
    assert natural_order({"9" * 5000, "1"}) == ["1", "9" * 5000]
