"""Parquet: the Hub's layout, single files, other columns, and what is said where a column is missing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from balancing.data.images import ImageSet, load_images
from balancing.data.sources.base import split_of_path
from balancing.errors import UserError
from tests.balancing.samples import hub_table, noise, png, write_files, write_hub_folder


def load(source: Path, **options: Any) -> ImageSet:
    return load_images(str(source), image_size=12, **options)


def write(path: Path, columns: dict[str, Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path)
    return path


def test_the_hubs_layout(tmp_path: Path) -> None:
    images = load(write_hub_folder(tmp_path / "set", {"validation": 2, "test": 3, "train": 4}))
    assert images.splits.tolist() == ["train"] * 8 + ["validation"] * 4 + ["test"] * 6
    assert images.names.tolist()[:2] == ["train0.png", "train1.png"]
    assert images.class_names == ("NORMAL", "PNEUMONIA")
    from PIL import Image

    row = 8  # the first of validation, which was written first
    expected = np.asarray(Image.fromarray(noise(0)).resize((12, 12), Image.Resampling.BILINEAR))
    np.testing.assert_array_equal(images.pixels[row], expected)
    assert (images.widths == 10).all()
    assert (images.heights == 12).all()
    assert (images.channels == 1).all()


@pytest.mark.parametrize(
    ("path", "split"),
    [
        ("data/train-00000-of-00002.parquet", "train"),
        ("default/val/0000.parquet", "validation"),
        ("test.parquet", "test"),
        ("train/test-part.parquet", "test"),  # the file's own name counts before its folder's
        ("data/strain-0.parquet", None),
        ("contest.parquet", None),
        ("x_dev.parquet", "validation"),
    ],
)
def test_the_split_in_a_path(path: str, split: str | None) -> None:
    assert split_of_path(path) == split


def test_one_file_and_shards(tmp_path: Path) -> None:
    table = hub_table([None] * 6, [png(i) for i in range(6)], [0, 1] * 3)
    pq.write_table(table, tmp_path / "xrays.parquet")
    one = load(tmp_path / "xrays.parquet")
    assert one.names.tolist() == [f"train-{i:06d}" for i in range(6)]
    (tmp_path / "shards").mkdir()
    pq.write_table(table.slice(0, 4), tmp_path / "shards" / "part-0.parquet")
    pq.write_table(table.slice(4), tmp_path / "shards" / "part-1.parquet")
    shards = load(tmp_path / "shards")
    assert shards.fingerprint == one.fingerprint
    assert set(shards.splits) == {"train"}
    pq.write_table(table, tmp_path / "shards" / "test.parquet")
    pq.write_table(table, tmp_path / "shards" / "train.parquet")
    named = load(tmp_path / "shards")
    assert len(named) == 12
    assert "2 parquet files whose name tells no split left out: part-0.parquet, part-1.parquet." in named.notes


def test_words_and_numbers_as_labels(tmp_path: Path) -> None:
    data = [png(i) for i in range(4)]
    words = load(write(tmp_path / "w.parquet", {"img": data, "class": ["sick", "fit", "sick", "odd"]}))
    assert words.class_names == ("fit", "odd", "sick")
    assert words.labels.tolist() == [2, 0, 2, 1]
    numbers = load(write(tmp_path / "n.parquet", {"img": data, "target": [10, 9, 10, 2]}))
    assert numbers.class_names == ("2", "9", "10")
    assert numbers.labels.tolist() == [2, 1, 2, 0]
    dictionary = pa.array(["a", "b", "a", "b"]).dictionary_encode()
    coded = load(write(tmp_path / "d.parquet", {"img": data, "label": dictionary}))
    assert coded.class_names == ("a", "b")
    floats = load(write(tmp_path / "f.parquet", {"img": data, "label": [0.0, 1.0, 1.0, 0.0]}))
    assert floats.class_names == ("0", "1")
    flags = load(write(tmp_path / "b.parquet", {"img": data, "label": [False, True, True, False]}))
    assert flags.class_names == ("False", "True")


def test_classes_without_images_are_left_out(tmp_path: Path) -> None:
    table = hub_table([None] * 4, [png(i) for i in range(4)], [0, 2, 0, 2], class_names=["a", "none", "c"])
    pq.write_table(table, tmp_path / "x.parquet")
    images = load(tmp_path / "x.parquet")
    assert images.class_names == ("a", "c")
    assert images.labels.tolist() == [0, 1, 0, 1]
    assert "No image has the class none: left out of the classes." in images.notes


def test_a_patient_column(tmp_path: Path) -> None:
    root = write_hub_folder(tmp_path / "set", {"train": 2, "test": 2}, extra={"case": ["p1", "p1", "p2", None]})
    images = load(root, patient_column="case")
    assert images.patients is not None
    assert images.patients.tolist() == ["p1", "p1", "p2", "train/train3.png", "p1", "p1", "p2", "test/test3.png"]
    assert images.notes[-1] == (
        "Patients are told by column 'case': 4 patients. 2 images name none and count as a patient each."
    )
    assert load(root).patients is None
    by_name = load(root, patient_pattern=r"(\d)\.png")
    assert by_name.patients is not None
    assert by_name.patients.tolist() == ["0", "1", "2", "3"] * 2
    with pytest.raises(UserError, match="both given; keep one"):
        load(root, patient_column="case", patient_pattern="x")


def test_images_beside_the_parquet_file(tmp_path: Path) -> None:
    write_files(tmp_path, {"pictures/a.png": png(1), "pictures/b.png": png(2)})
    pq.write_table(hub_table(["pictures/a.png", "pictures/b.png"], [None, None], [0, 1]), tmp_path / "train.parquet")
    images = load(tmp_path / "train.parquet")
    assert images.names.tolist() == ["a.png", "b.png"]
    assert len(images) == 2


def columns(**others: Any) -> dict[str, Any]:
    return {"image": [png(1), png(2)], "label": [0, 1], "age": [50, 60], **others}


@pytest.mark.parametrize(
    ("table", "options", "sentence"),
    [
        (columns(), {"image_column": "imag"}, r"has no column 'imag' \(--image-column\); did you mean 'image'\?"),
        (columns(), {"label_column": "zzz"}, r"has no column 'zzz' \(--label-column\); there are: age, image, label"),
        (columns(), {"patient_column": "zzz"}, r"has no column 'zzz' \(--patient-column\)"),
        (columns(), {"image_column": "age"}, "column 'age' of .* holds no images; name another with --image-column"),
        (
            columns(),
            {"label_column": "image"},
            "column 'image' of .* holds no labels; name another with --label-column",
        ),
        ({"x": [1], "label": [1]}, {}, "no column of the table .* names the images: .* --image-column, of: x, label"),
        ({"image": [b"x"], "z": [1]}, {}, "no label column found in .*; name it with --label-column, of: image, z"),
        (columns(target=[0, 1]), {}, "2 columns of .* could be the label: label, target; name one with --label-column"),
        (
            {"left": [b"x"], "right": [b"y"], "label": [1]},
            {},
            "2 columns of .* could be the image: left, right; name one with --image-column",
        ),
        ({"image": [b"x"], "label": [[0, 1]]}, {}, "may have several findings in column 'label'.*--positive 0"),
        ({"image": [b"x"], "label": [0.5]}, {}, "labels must be classes, but one is 0.5"),
    ],
)
def test_columns_that_do_not_fit(tmp_path: Path, table: dict[str, Any], options: dict[str, str], sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        load(write(tmp_path / "x.parquet", table), **options)


def test_images_without_a_label(tmp_path: Path) -> None:
    root = tmp_path / "data"
    root.mkdir()
    data = [png(i) for i in range(4)]
    pq.write_table(hub_table(["a", "b", "c", "d"], data, [0, 1, 0, 1]), root / "train.parquet")
    pq.write_table(hub_table(["e", "f", "g", "h"], data, [-1, -1, 0, None]), root / "test.parquet")
    with pytest.raises(UserError, match=r"3 of 8 images have no label \(3 in test\), such as e; every image needs one"):
        load(root)
    pq.write_table(hub_table(["e"], data[:1], [2]), root / "test.parquet")
    with pytest.raises(UserError, match=r"e has label 2, but there are 2 class names \(0\.\.1: NORMAL, PNEUMONIA\)"):
        load(root)


def test_files_that_do_not_belong_together_or_are_broken(tmp_path: Path) -> None:
    write(tmp_path / "mixed" / "train.parquet", columns())
    write(tmp_path / "mixed" / "test.parquet", {"other": [1]})
    with pytest.raises(
        UserError, match=r"have different columns: train\.parquet has image, label, age; test\.parquet has"
    ):
        load(tmp_path / "mixed")
    (tmp_path / "x.parquet").write_bytes(b"not parquet")
    with pytest.raises(UserError, match=r"x\.parquet of .* cannot be read as parquet \(.*\); download it again"):
        load(tmp_path / "x.parquet")
    write(tmp_path / "none.parquet", {"image": pa.array([], pa.binary()), "label": pa.array([], pa.int64())})
    with pytest.raises(UserError, match="the source holds no images"):
        load(tmp_path / "none.parquet")
