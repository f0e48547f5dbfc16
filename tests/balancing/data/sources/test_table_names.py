"""How the names of images and of columns stand in tables: without a line of names, taken apart, as addresses."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from balancing.errors import UserError
from tests.balancing.data.sources.drawn import draw, load, noted, table


def test_a_table_without_names_of_columns_is_read_by_their_numbers(tmp_path: Path) -> None:
    draw(tmp_path, [f"{i}.png" for i in range(4)])
    (tmp_path / "t.csv").write_text("0.png,a\n1.png,b\n2.png,a\n3.png,b\n")
    images = load(tmp_path)
    assert images.class_names == ("a", "b")
    assert len(images) == 4
    assert noted(images, "No line of t.csv names its columns, so they are called column 1, column 2.")


def test_lists_with_blanks_tell_split_class_and_patient_by_numbered_columns(tmp_path: Path) -> None:
    draw(tmp_path, [f"{split}/{split}{i}.png" for split in ("train", "test") for i in range(6)])
    for split in ("train", "test"):
        lines = [f"p{split}{i // 2} {split}{i}.png {('ill', 'normal')[i % 2]} here" for i in range(6)]
        (tmp_path / f"{split}.txt").write_text("\n".join(lines))
    with pytest.raises(UserError, match=r"name one of column 1, column 3.*--label-column 'column 1'"):
        load(tmp_path, labels="*.txt")
    images = load(tmp_path, labels="*.txt", label_column="column 3", patient_column="column 1", image_column="column 2")
    assert images.class_names == ("ill", "normal")
    assert sorted(images.splits.tolist()) == ["test"] * 6 + ["train"] * 6
    assert images.patients is not None
    assert len(set(images.patients.tolist())) == 6


def test_columns_that_flag_a_split_are_no_classes_and_are_offered(tmp_path: Path) -> None:
    draw(tmp_path, [f"{i}.png" for i in range(8)])
    rows = [(f"{i}.png", "ab"[i % 2], int(i < 6), int(i >= 6)) for i in range(8)]
    table(tmp_path / "t.csv", ["image", "colour", "train", "test"], rows)
    with pytest.raises(UserError, match="--label-column colour"):
        load(tmp_path)
    images = load(tmp_path, label_column="colour")
    assert noted(images, "--split-column test --split-map 1=test,0=train would use it.")
    images = load(tmp_path, label_column="colour", split_column="test", split_map="1=test,0=train")
    assert images.splits.tolist().count("test") == 2


def test_letters_that_macos_takes_apart_and_addresses_with_queries_name_images(tmp_path: Path) -> None:
    draw(tmp_path, [unicodedata.normalize("NFD", f"ü{i}.png") for i in range(4)])
    cells = [unicodedata.normalize("NFC", f"ü{i}.png") for i in range(2)]
    cells += [f"https://x.org/%C3%BC{i}.png?raw=1" for i in (2, 3)]
    table(tmp_path / "t.csv", ["image", "label"], [(cell, "ab"[i % 2]) for i, cell in enumerate(cells)])
    assert len(load(tmp_path)) >= 2


def test_a_long_number_that_leads_a_file_name_names_it(tmp_path: Path) -> None:
    draw(tmp_path, [f"{20586900 + i}_x{i}_MG_R_CC.png" for i in range(4)])
    table(tmp_path / "t.csv", ["File Name", "birads", "label"], [(20586900 + i, 1, "ab"[i % 2]) for i in range(4)])
    assert len(load(tmp_path)) == 4


def test_of_tables_without_a_sure_label_the_one_that_could_tell_it_is_named(tmp_path: Path) -> None:
    draw(tmp_path, [f"{i}.png" for i in range(8)])
    table(tmp_path / "a.csv", ["image", "note"], [(f"{i}.png", f"n{i}") for i in range(4)])
    table(tmp_path / "b.csv", ["image", "age", "ptb"], [(f"{i}.png", 40.5 + i, i % 2) for i in range(8)])
    with pytest.raises(UserError, match=r"which column of b\.csv is the label can't be told; name one of ptb"):
        load(tmp_path)


def test_a_table_that_names_none_of_the_images_is_not_proposed(tmp_path: Path) -> None:
    draw(tmp_path, [f"all/x{i}y.png" for i in range(4)])
    table(tmp_path / "t.csv", ["slide", "tumour"], [(f"s{i}", i % 2) for i in range(4)])
    with pytest.raises(UserError, match=r"--labels TABLE \(.*the table t\.csv is not used \(none of its columns"):
        load(tmp_path)


def test_the_column_of_images_may_be_named_where_two_name_other_images(tmp_path: Path) -> None:
    draw(tmp_path, [f"{i}_{side}.png" for i in range(4) for side in ("left", "right")])
    rows = [(f"{i}_left.png", f"{i}_right.png", "ab"[i % 2]) for i in range(4)]
    table(tmp_path / "t.csv", ["left", "right", "label"], rows)
    with pytest.raises(UserError, match="name one with --image-column left"):
        load(tmp_path)
    assert len(load(tmp_path, image_column="left")) == 4


def test_folders_are_no_classes_where_a_table_names_their_images_in_two_columns(tmp_path: Path) -> None:
    draw(tmp_path, [f"{folder}/{folder}{i}x.png" for folder in ("NEL", "AAL", "FAL") for i in range(4)])
    rows = [(f"NEL/NEL{i}x.png", f"AAL/AAL{i}x.png", ("nevus", "melanoma")[i % 2]) for i in range(4)]
    table(tmp_path / "meta.csv", ["clinic", "derm", "diagnosis"], rows)
    with pytest.raises(UserError, match="--image-column clinic; or give --labels folders, if the folders are the"):
        load(tmp_path)
    assert load(tmp_path, image_column="derm").class_names == ("melanoma", "nevus")
    assert load(tmp_path, labels="folders").class_names == ("AAL", "FAL", "NEL")


@pytest.mark.parametrize("names", [("normal", "benign", "cancer"), ("Tumor", "Stroma")])
def test_a_finding_among_columns_of_classes_is_one_of_them(tmp_path: Path, names: tuple[str, ...]) -> None:
    draw(tmp_path, [f"{i}x.png" for i in range(12)])
    rows = [(f"{i}x.png", *(int(i % len(names) == k) for k in range(len(names)))) for i in range(12)]
    table(tmp_path / "t.csv", ["image", *names], rows)
    assert load(tmp_path).class_names == tuple(sorted(names))


def test_a_finding_in_a_column_of_its_own_is_the_label(tmp_path: Path) -> None:
    draw(tmp_path, [f"{i}x.png" for i in range(12)])
    table(tmp_path / "t.csv", ["image", "cancer", "biopsy"], [(f"{i}x", int(i % 4 == 0), i % 2) for i in range(12)])
    images = load(tmp_path)
    assert (images.class_names, images.labels.sum()) == (("0", "1"), 3)
    table(
        tmp_path / "t.csv", ["image", "disease", "malignant"], [(f"{i}x", "ab"[i % 2], i % 3 // 2) for i in range(12)]
    )
    with pytest.raises(UserError, match="2 columns of t.csv could be the label: disease, malignant"):
        load(tmp_path)
