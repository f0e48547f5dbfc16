"""Image folders and zip files: every image counts once, whatever lies around it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from balancing.data.images import BadImages, ImageSet, load_images
from balancing.data.sources.folder import arrange
from balancing.errors import UserError
from tests.balancing.samples import class_folders, hub_table, png, write_files, write_zip


def load(source: Path, **options: object) -> ImageSet:
    return load_images(str(source), image_size=12, **options)  # type: ignore[arg-type]


def counts(images: ImageSet) -> dict[str, list[int]]:
    return {
        split: np.bincount(images.labels[images.splits == split], minlength=images.n_classes).tolist()
        for split in sorted(set(images.splits.tolist()))
    }


@pytest.mark.parametrize("validation", ["val", "VALID", "Validation", "dev"])
def test_splits_in_any_letter_case(tmp_path: Path, validation: str) -> None:
    images = load(write_files(tmp_path / "xrays", class_folders(3, ("Train", validation, "TEST"))))
    assert images.class_names == ("NORMAL", "PNEUMONIA")
    assert counts(images) == {"train": [3, 3], "validation": [3, 3], "test": [3, 3]}
    assert images.pixels.shape == (18, 12, 12)
    assert images.names[0] == "n0.png"
    assert not images.pixels.flags.writeable


def test_class_folders_without_splits(tmp_path: Path) -> None:
    files = {f"data/{label}/sub/{i}.png": png(10 * ord(label) + i) for label in "bca" for i in range(2)}
    images = load(write_files(tmp_path / "set", files))
    assert images.class_names == ("a", "b", "c")
    assert counts(images) == {"train": [2, 2, 2]}
    assert images.names[0] == "a/sub/0.png"  # file names alone would repeat


def rubbish() -> dict[str, bytes]:
    return {
        "chest_xray/__MACOSX/chest_xray/train/NORMAL/._n0.png": b"resource fork",
        "chest_xray/train/.DS_Store": b"x",
        "chest_xray/train/NORMAL/.DS_Store": b"x",
        "chest_xray/train/NORMAL/._n1.png": b"x",
        "chest_xray/test/NORMAL/Thumbs.db": b"x",
        "chest_xray/test/NORMAL/notes.txt": b"hello",
        "chest_xray/test/stray.png": png(999),
    }


def kaggle() -> dict[str, bytes]:
    """Laid out as in Kaggle's zip: a nested second copy, and what a Mac leaves."""
    once = class_folders(4)
    files = {f"chest_xray/{path}": data for path, data in once.items()}
    return {**{f"chest_xray/chest_xray/{path}": data for path, data in once.items()}, **files, **rubbish()}


def test_kaggles_zip_and_its_extracted_folder_count_every_image_once(tmp_path: Path) -> None:
    zipped = load(write_zip(tmp_path / "archive.zip", kaggle()))
    extracted = load(write_files(tmp_path / "archive", kaggle()))
    inner = load(tmp_path / "archive" / "chest_xray")
    plain = load(write_files(tmp_path / "plain", class_folders(4)))
    for images in (zipped, extracted, inner):
        assert counts(images) == {"train": [4, 4], "validation": [4, 4], "test": [4, 4]}
        assert images.fingerprint == plain.fingerprint
        assert images.names.tolist() == plain.names.tolist()
        assert images.sha256.tolist() == plain.sha256.tolist()
        notes = " ".join(images.notes)
        assert "24 second copies left out" in notes
        assert "Files that are no images are left out: 1 .txt." in notes
        assert "1 images outside of class folders are left out, such as " in notes
    assert "second" not in " ".join(plain.notes)


def test_a_nested_copy_without_splits_counts_once(tmp_path: Path) -> None:
    once = {f"{label}/{i}.png": png(10 * i + ord(label)) for label in "ab" for i in range(3)}
    files = {**{f"covid/{p}": d for p, d in once.items()}, **{f"covid/covid/{p}": d for p, d in once.items()}}
    for source in (
        write_zip(tmp_path / "x.zip", files),
        write_files(tmp_path / "x", files),
        tmp_path / "x" / "covid",
        write_zip(tmp_path / "covid.zip", {p.removeprefix("covid/"): d for p, d in files.items()}),
    ):
        images = load(source)
        assert images.class_names == ("a", "b")
        assert counts(images) == {"train": [3, 3]}


def test_equal_names_of_other_sizes_or_places_are_other_images() -> None:
    sizes = {
        "train/A/1.png": 10,
        "copy/train/A/1.png": 11,
        "train/B/1.png": 10,
        "val/A/1.png": 10,
        "train/A/x/1.png": 10,
    }
    found, _ = arrange("x", "x", sizes)
    assert len(found) == 5


def test_links_are_followed_once(tmp_path: Path) -> None:
    root = write_files(tmp_path / "real", class_folders(2))
    (root / "train" / "NORMAL" / "round").symlink_to(root)
    linked = tmp_path / "linked"
    linked.symlink_to(root)
    assert counts(load(linked)) == {"train": [2, 2], "validation": [2, 2], "test": [2, 2]}


def test_a_zip_of_parquet_is_read(tmp_path: Path) -> None:
    import io

    import pyarrow.parquet as pq

    stream = io.BytesIO()
    pq.write_table(hub_table([f"{i}.png" for i in range(8)], [png(i) for i in range(8)], [0, 1] * 4), stream)
    images = load(write_zip(tmp_path / "hub.zip", {"data/train-00000-of-00001.parquet": stream.getvalue()}))
    assert counts(images) == {"train": [4, 4]}
    assert images.class_names == ("NORMAL", "PNEUMONIA")


def test_a_damaged_member_is_a_bad_image(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "x.zip", class_folders(3, ("train",)))
    data = bytearray(path.read_bytes())
    where = data.find(b"IDAT") + 20  # stored as it is: the checksum no longer fits
    data[where] ^= 255
    path.write_bytes(bytes(data))
    with pytest.raises(BadImages) as caught:
        load(path)
    assert [bad.name for bad in caught.value.bad] == ["n0.png"]
    assert "damaged in the zip file" in caught.value.bad[0].reason


def test_what_is_no_image_folder(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"holds neither parquet files nor images in class folders .* but nothing"):
        load(tmp_path / "empty")
    with pytest.raises(UserError, match="1 images outside of any"):
        load(write_files(tmp_path / "flat", {"x.png": png(1)}))
    with pytest.raises(UserError, match=r"but 2 \.nii"):
        load(write_files(tmp_path / "dicom", {"train/A/x.nii": b"1", "train/B/x.nii": b"1"}))
    with pytest.raises(UserError, match="are of one class, NORMAL; at least two classes are needed"):
        load(write_files(tmp_path / "one", {f"train/NORMAL/{i}.png": png(i) for i in range(3)}))
    (tmp_path / "x.zip").write_bytes(b"not a zip")
    with pytest.raises(UserError, match="cannot be read as a zip file"):
        load(tmp_path / "x.zip")
    (tmp_path / "x.txt").write_text("hello")
    with pytest.raises(UserError, match="cannot be read as data: give a folder"):
        load(tmp_path / "x.txt")


@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        ("image_column", "has no columns, but --image-column x was given; remove it"),
        ("patient_column", "has no columns, but --patient-column x was given; use --patient-pattern"),
    ],
)
def test_a_folder_has_no_columns(tmp_path: Path, option: str, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        load(write_files(tmp_path / "x", class_folders(2)), **{option: "x"})
