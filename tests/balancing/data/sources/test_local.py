"""What a path holds, decided in one order: known layouts, zip files, lists of names, one file in a folder."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path
from typing import Any

import pytest

from balancing.errors import UserError
from tests.balancing.data.sources.drawn import counts, draw, label_of, load, noted, patient_of, table
from tests.balancing.samples import png


def zipped(folder: Path) -> Path:
    path = folder.with_suffix(".zip")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                archive.write(file, file.relative_to(folder.parent).as_posix())
    return path


def test_images_and_their_table_in_a_zip_file(tmp_path: Path) -> None:
    root = draw(tmp_path / "set", [f"pictures_{1 + i % 2}/{i}.png" for i in range(8)])
    rows = [(i, "ab"[i % 2 if i < 4 else (i + 1) % 2], f"P{i // 2}") for i in range(8)]
    table(root / "labels.csv", ["id", "label", "patient"], rows)
    found, packed = load(root), load(zipped(root))
    assert counts(packed) == counts(found) == {"a": 4, "b": 4}
    assert sorted(packed.sha256) == sorted(found.sha256)
    assert patient_of(packed)["set/pictures_1/0.png"] == "P0"
    assert counts(load(tmp_path / "set.zip", labels="set/labels.csv")) == {"a": 4, "b": 4}


def test_a_path_in_a_zip_file_writes_nowhere_else(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("../../escaped.csv", "image,label\n1,a\n")
        archive.writestr("/escaped.csv", "image,label\n1,a\n")
    with pytest.raises(UserError, match="holds neither parquet files nor images"):
        load(tmp_path / "x.zip")
    assert [path.name for path in tmp_path.rglob("*")] == ["x.zip"]


def test_a_known_layout_is_read_as_such_and_can_be_declined(tmp_path: Path) -> None:
    draw(tmp_path, [f"HAM10000_images_part_{1 + i % 2}/ISIC_{i:07d}.jpg" for i in range(8)])
    rows = [(f"HAM_{i // 2:07d}", f"ISIC_{i:07d}", ["nv", "mel"][i // 4], "histo") for i in range(8)]
    table(tmp_path / "HAM10000_metadata.csv", ["lesion_id", "image_id", "dx", "dx_type"], rows)
    known, plain = load(tmp_path), load(tmp_path, layout="none")
    assert known.layout == "HAM10000"
    assert noted(known, "This looks like HAM10000")
    assert plain.layout is None
    for images in (known, plain):
        assert counts(images) == {"mel": 4, "nv": 4}
        assert len(set(patient_of(images).values())) == 4


def test_official_lists_may_name_more_than_is_here(tmp_path: Path) -> None:
    draw(tmp_path, [f"images_001/{i:08d}_000.png" for i in range(10)])
    rows = [(f"{i:08d}_000.png", ["No Finding", "Hernia|Mass"][i % 2], i // 2) for i in range(10)]
    table(tmp_path / "Data_Entry_2017.csv", ["Image Index", "Finding Labels", "Patient ID"], rows)
    (tmp_path / "train_val_list.txt").write_text("\n".join(f"{i:08d}_000.png" for i in (0, 1, 2, 3, 77)))
    (tmp_path / "test_list.txt").write_text("\n".join(f"{i:08d}_000.png" for i in (4, 5, 6, 7)))
    images = load(tmp_path, positive="Hernia")
    assert counts(images, "train") == counts(images, "test") == {"Hernia": 2, "no Hernia": 2}
    assert noted(images, "1 of 5 lines of train_val_list.txt name no image, such as 00000077_000.png")
    assert noted(images, "2 images stand in no list and are left out")


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        ("gone.png\n", r"names none of the images: it has gone.png, the data a/0.png"),
        ("0.png\n", r"names 0.png, which could be several images; write their paths"),
    ],
)
def test_lists_that_name_no_image_or_several(tmp_path: Path, lines: str, sentence: str) -> None:
    draw(tmp_path / "set", [f"{label}/{i}.png" for label in "ab" for i in range(3)])
    (tmp_path / "test.txt").write_text(lines)
    with pytest.raises(UserError, match=sentence):
        load(tmp_path / "set", split_list=f"test={tmp_path / 'test.txt'}")


def test_lists_split_class_folders(tmp_path: Path) -> None:
    draw(tmp_path / "set", [f"{label}/{label}{i}.png" for label in "ab" for i in range(3)])
    (tmp_path / "test.txt").write_text("a/a0.png\nset/b/b0.png\n")
    images = load(tmp_path / "set", split_list=f"test={tmp_path / 'test.txt'}")
    assert counts(images, "test") == {"a": 1, "b": 1}
    (tmp_path / "train.txt").write_text("a0.png\n")
    both = f"test={tmp_path / 'test.txt'},train={tmp_path / 'train.txt'}"
    with pytest.raises(UserError, match="a/a0.png stands in the list of test and in that of train"):
        load(tmp_path / "set", split_list=both)


def test_a_table_apart_from_the_images_and_several_by_a_glob(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draw(tmp_path / "set", [f"{i}.png" for i in range(8)])
    for name, first in (("train", 0), ("test", 4)):
        table(tmp_path / "csv" / f"{name}_1.csv", ["id", "label"], [(i, "ab"[i % 2]) for i in range(first, first + 4)])
    monkeypatch.chdir(tmp_path)
    images = load(Path("set"), labels="csv/*_1.csv")
    assert counts(images, "test") == counts(images, "train") == {"a": 2, "b": 2}
    with pytest.raises(UserError, match=r"no such file: csv/none.csv \(--labels; looked in"):
        load(Path("set"), labels="csv/none.csv")
    with pytest.raises(UserError, match="one file, but --labels x.csv was given; give the folder as --data"):
        load(Path("csv/train_1.csv"), labels="x.csv")


def test_links_to_images_elsewhere_are_followed_and_lost_ones_named(tmp_path: Path) -> None:
    draw(tmp_path / "store", [f"{i}.png" for i in range(4)])
    (tmp_path / "set").mkdir()
    for i in range(4):
        os.symlink(tmp_path / "store" / f"{i}.png", tmp_path / "set" / f"{i}.png")
    table(tmp_path / "set" / "t.csv", ["id", "label"], [(i, "ab"[i % 2]) for i in range(4)])
    assert set(label_of(load(tmp_path / "set"))) == {f"{i}.png" for i in range(4)}
    (tmp_path / "store" / "3.png").unlink()
    with pytest.raises(UserError, match="3.png: its link leads nowhere"):
        load(tmp_path / "set")


def test_what_changes_a_table_changes_what_is_read(tmp_path: Path) -> None:
    draw(tmp_path / "set", [f"{i}.png" for i in range(4)])
    cache = tmp_path / "cache"
    from balancing.data.images import load_images

    def read() -> list[int]:
        return load_images(str(tmp_path / "set"), image_size=8, cache_dir=cache).labels.tolist()

    table(tmp_path / "set" / "t.csv", ["id", "label"], [(i, "ab"[i % 2]) for i in range(4)])
    assert read() == [0, 1, 0, 1]
    table(tmp_path / "set" / "t.csv", ["id", "label"], [(i, "ab"[i // 2]) for i in range(4)])
    assert read() == [0, 0, 1, 1]


def test_a_table_in_a_zip_never_names_a_file_of_this_machine(tmp_path: Path) -> None:
    secret = table(tmp_path / "secret.csv", ["image", "label"], [(f"{i}.png", "xy"[i % 2]) for i in range(4)])
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        for i in range(4):
            archive.writestr(f"{i}.png", png(i))
        archive.writestr(str(secret), "image,label\n" + "".join(f"{i}.png,{'ab'[i // 2]}\n" for i in range(4)))
    assert counts(load(tmp_path / "set.zip")) == {"a": 2, "b": 2}


@pytest.mark.parametrize("name", ["t.csv/more.csv", "/".join(["d" * 200] * 30) + "/t.csv"])
def test_names_in_a_zip_that_no_folder_takes(tmp_path: Path, name: str) -> None:
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        archive.writestr("t.csv", "image,label\n0.png,a\n")
        archive.writestr(name, "image,label\n")
    with pytest.raises(UserError, match="cannot be unpacked .*; unpack the zip file and give the folder"):
        load(tmp_path / "set.zip")


@pytest.mark.parametrize("name", ["x.parquet", "x.csv", "x.h5", "x.npz", "x.arrow", "state.json", "a/x.png"])
def test_pipes_are_never_waited_for(tmp_path: Path, name: str) -> None:
    draw(tmp_path / "set", [f"{label}/{i}.png" for label in "ab" for i in range(3)])
    os.mkfifo(tmp_path / "set" / name)
    assert counts(load(tmp_path / "set")) == {"a": 3, "b": 3}
    if name == "a/x.png":
        rows = [(f"{label}/{i}", label) for label in "ab" for i in range(3)]
        assert counts(load(table(tmp_path / "set" / "t.csv", ["image", "label"], [*rows, (name, "a")]))) == {
            "a": 3,
            "b": 3,
        }


def test_folders_beside_those_of_splits_are_said_and_mapped(tmp_path: Path) -> None:
    paths = [f"{'holdout' if i < 4 else 'train'}/{i}.png" for i in range(12)]
    draw(tmp_path / "set", paths)
    table(tmp_path / "set" / "t.csv", ["image", "label"], [(path, "ab"[i % 2]) for i, path in enumerate(paths)])
    assert noted(load(tmp_path / "set"), "--split-map holdout=test would make one the test split")
    assert counts(load(tmp_path / "set", split_map="holdout=test"), "test") == {"a": 2, "b": 2}


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"split_map": "x=test"}, "--split-map names x, but no column of t.csv and no folder tells splits"),
        ({"test_fold": "1"}, "no column of t.csv tells folds, of which --test-fold 1 speaks"),
        ({"labels": "t.csv", "label_pattern": "(a)"}, r"--label-pattern \(a\) means nothing for a table of labels"),
        ({"config": "x"}, "--config x means nothing for a table of labels; remove it"),
        ({"label_colum": "x"}, "there is no option 'label_colum' of data; did you mean 'label_column'"),
        ({"merge": "a=b,b=a"}, "--merge makes a a part of b, and b a part of a"),
        ({"merge": "a=drop"}, "leave a out by --label-map 'a=drop'"),
        ({"labels": 1.5}, "--labels must be a word, but is 1.5"),
    ],
)
def test_what_means_nothing_is_never_passed_over(tmp_path: Path, options: dict[str, Any], sentence: str) -> None:
    draw(tmp_path / "set", [f"{i}.png" for i in range(4)])
    table(tmp_path / "set" / "t.csv", ["image", "label"], [(i, "ab"[i % 2]) for i in range(4)])
    with pytest.raises(UserError, match=sentence):
        load(tmp_path / "set", **options)
    with pytest.raises(UserError, match="--page 1 means nothing for the phantom"):
        load(Path("phantom"), page=1)
