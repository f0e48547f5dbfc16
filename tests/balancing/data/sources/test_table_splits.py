"""Splits, folds and patients that a table tells; and a table beside class folders."""

from __future__ import annotations

from pathlib import Path

import pytest

from balancing.errors import UserError
from tests.balancing.data.sources.drawn import counts, draw, label_of, load, noted, patient_of, table


def with_column(root: Path, name: str, words: list[str]) -> Path:
    n = 4 * len(words)
    draw(root, [f"{i}.png" for i in range(n)])
    rows = [(f"{i}.png", "ab"[(i // 2) % 2], words[i % len(words)]) for i in range(n)]
    table(root / "t.csv", ["image", "label", name], rows)
    return root


@pytest.mark.parametrize("name", ["split", "Set", "fold", "data_split"])
def test_a_column_of_splits(tmp_path: Path, name: str) -> None:
    images = load(with_column(tmp_path, name, ["train", "Val", "TEST"]))
    assert sorted(set(images.splits)) == ["test", "train", "validation"]
    assert (images.splits == "test").sum() == 4


def test_an_unknown_word_of_a_split_column(tmp_path: Path) -> None:
    with_column(tmp_path, "split", ["train", "hospital B"])
    with pytest.raises(UserError, match=r"holds 'hospital B', which names no split; .* --split-map 'hospital B=test'"):
        load(tmp_path)
    assert counts(load(tmp_path, split_map="hospital B=test"), "test") == {"a": 2, "b": 2}
    assert len(load(tmp_path, split_map="hospital B=drop")) == 4


def test_words_that_are_no_splits_are_said(tmp_path: Path) -> None:
    images = load(with_column(tmp_path, "set", ["x", "y"]))
    assert set(images.splits) == {"train"}
    assert noted(images, "Column 'set' of t.csv (x, y) names no split that is known and is not used")


def test_folds(tmp_path: Path) -> None:
    with_column(tmp_path, "fold", ["0", "1", "2"])
    images = load(tmp_path)
    assert images.folds is None
    assert noted(images, "looks like folds and is not used; --fold-column fold --test-fold FOLD")
    images = load(tmp_path, test_fold="2")
    assert (images.splits == "test").sum() == 4
    assert images.folds is not None
    assert set(images.folds[images.splits == "test"]) == {"2"}
    with pytest.raises(UserError, match=r"has no fold '7' \(--test-fold\)"):
        load(tmp_path, fold_column="fold", test_fold="7")


def test_folders_tell_the_split_that_the_table_does_not(tmp_path: Path) -> None:
    draw(tmp_path, [f"Training_Input/{i}.png" for i in range(4)] + [f"Test_Input/{i}.png" for i in range(4, 8)])
    table(tmp_path / "t.csv", ["image", "label"], [(i, "ab"[i % 2]) for i in range(8)])
    assert counts(load(tmp_path), "test") == {"a": 2, "b": 2}


def test_a_table_of_patients(tmp_path: Path) -> None:
    draw(tmp_path / "set", [f"{label}/{label}{i}.png" for label in "ab" for i in range(4)])
    table(tmp_path / "who.csv", ["picture", "subject"], [(f"{x}{i}.png", f"S{i // 2}") for x in "ab" for i in range(3)])
    images = load(tmp_path / "set", patient_table=str(tmp_path / "who.csv"))
    assert patient_of(images)["a/a0.png"] == patient_of(images)["b/b1.png"] == "S0"
    assert noted(images, "2 images have no patient in who.csv, such as a3.png, b3.png")
    with pytest.raises(UserError, match=r"no such file: nowhere.csv \(--patient-table"):
        load(tmp_path / "set", patient_table="nowhere.csv")


def folders_and_table(root: Path, same: bool) -> Path:
    draw(root, [f"{label}/{label}_{i}.png" for label in ("benign", "malignant") for i in range(4)])
    rows = []
    for j, label in enumerate(("benign", "malignant")):
        for i in range(4):
            told = label if same or i else ("malignant", "benign")[j]
            rows.append((f"{label}_{i}", told.upper(), f"P{i}"))
    table(root / "info.csv", ["image", "diagnosis", "patient_id"], rows)
    return root


def test_folders_win_over_a_table_that_agrees_and_its_patients_are_used(tmp_path: Path) -> None:
    images = load(folders_and_table(tmp_path, same=True))
    assert counts(images) == {"benign": 4, "malignant": 4}
    assert patient_of(images)["benign/benign_2.png"] == "P2"
    assert noted(images, "The folders are the classes; the table info.csv beside them tells patients")
    assert counts(load(tmp_path, labels="info.csv")) == {"BENIGN": 4, "MALIGNANT": 4}


def test_a_table_of_finer_labels_contradicts_nothing(tmp_path: Path) -> None:
    draw(tmp_path, [f"{label}/{label}{i}.png" for label in ("benign", "malignant") for i in range(4)])
    rows = [(f"{x}{i}", f"{x[0]}-{i % 2}") for x in ("benign", "malignant") for i in range(4)]
    table(tmp_path / "kinds.csv", ["image", "diagnosis"], rows)
    images = load(tmp_path)
    assert counts(images) == {"benign": 4, "malignant": 4}
    assert noted(images, "the table kinds.csv beside them is not used: --labels kinds.csv would take its labels")


def test_a_table_that_contradicts_the_folders_is_refused(tmp_path: Path) -> None:
    folders_and_table(tmp_path, same=False)
    with pytest.raises(UserError, match=r"contradict each other.*--labels info.csv or --labels folders"):
        load(tmp_path)
    assert label_of(load(tmp_path, labels="folders"))["benign/benign_0.png"] == "benign"
    assert label_of(load(tmp_path, labels="info.csv"))["benign/benign_0.png"] == "MALIGNANT"
    assert label_of(load(tmp_path, label_column="diagnosis"))["benign/benign_0.png"] == "MALIGNANT"


def test_a_table_of_something_else_is_passed_over_and_said(tmp_path: Path) -> None:
    draw(tmp_path, [f"{label}/{i}.png" for label in ("ill", "well") for i in range(3)])
    table(tmp_path / "hospital.csv", ["name", "beds"], [("north", 30), ("south", 40)])
    images = load(tmp_path)
    assert counts(images) == {"ill": 3, "well": 3}
    assert noted(images, "The table hospital.csv is not used (none of its columns names the images)")
    with pytest.raises(UserError, match="no columns, but --patient-column beds was given"):
        load(tmp_path, patient_column="beds")
