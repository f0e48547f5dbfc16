"""Image folders and zip files: every image counts once, whatever lies around it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from balancing.data.images import BadImages, ImageSet, load_images
from balancing.data.options import Options
from balancing.data.sources.arranging import arrange
from balancing.data.sources.base import Listing
from balancing.data.sources.filesets import DiskFiles, ZippedFiles
from balancing.data.sources.folder import FolderSource, walk
from balancing.errors import UserError
from tests.balancing.samples import class_folders, encoded, hub_table, noise, png, write_files, write_zip


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


def test_equal_names_of_other_bytes_or_places_are_other_images(tmp_path: Path) -> None:
    images = {
        "train/A/1.png": b"1 byte for byte",
        "copy/train/A/1.png": b"2 byte for byte",
        "again/train/A/1.png": b"1 byte for byte",
        "train/B/1.png": b"1 byte for byte",
        "val/A/1.png": b"1 byte for byte",
        "train/A/x/1.png": b"1 byte for byte",
    }
    write_files(tmp_path / "set", images)
    write_zip(tmp_path / "set.zip", images)
    for files in (DiskFiles(tmp_path / "set", [*images]), ZippedFiles("set.zip", tmp_path / "set.zip")):
        found, notes = arrange("set", files, Options())
        assert {one.path for one in found} == images.keys() - {"again/train/A/1.png"}
        assert sum("1 second copy left out" in note for note in notes) == 1


def test_equal_names_and_sizes_at_two_sites_are_two_images(tmp_path: Path) -> None:
    files = {
        f"{site}/{split}/{label}/00{i}.bmp": encoded(noise(hash_of(site, split, label, i)), "BMP")
        for site in ("siteA", "siteB")
        for split in ("train", "test")
        for label in ("normal", "tumour")
        for i in range(2)
    }
    assert len({len(data) for data in files.values()}) == 1
    images = load(write_files(tmp_path / "set", files))
    assert counts(images) == {"train": [4, 4], "test": [4, 4]}
    assert len(set(images.names.tolist())) == 16
    assert images.paths is not None
    assert sorted(images.paths.tolist()) == sorted(files)
    assert any("siteA and siteB are sites" in note for note in images.notes)


def hash_of(*parts: object) -> int:
    import zlib

    return zlib.crc32(repr(parts).encode())


def test_a_link_to_nowhere_is_a_bad_image_that_is_named(tmp_path: Path) -> None:
    root = write_files(tmp_path / "set", class_folders(3, ("train",)))
    (root / "train" / "NORMAL" / "lost.png").symlink_to(tmp_path / "nowhere.png")
    with pytest.raises(BadImages) as caught:
        load(root)
    assert [(bad.name, bad.reason) for bad in caught.value.bad] == [("lost.png", "its link leads nowhere")]
    assert counts(load(root, skip_bad=True)) == {"train": [3, 3]}


def test_kinds_that_are_not_read_are_never_left_out_without_a_word(tmp_path: Path) -> None:
    once = class_folders(3, ("train",))
    root = write_files(tmp_path / "set", {**once, "train/NORMAL/x.nii.gz": b"1", "train/PNEUMONIA/y.HEIC": b"2"})
    with pytest.raises(UserError, match=r"1 \.nii\.gz \(.*convert the slices .*\); 1 \.heic \(.*\), or .* --skip-bad"):
        load(root)
    skipped = load(root, skip_bad=True)
    assert counts(skipped) == {"train": [3, 3]}
    assert [(bad.name, "NIfTI" in bad.reason) for bad in skipped.bad] == [("x.nii.gz", True), ("y.HEIC", False)]
    beside = load(write_files(tmp_path / "loose", {**once, "x.heic": b"1"}))
    assert any("1 images outside of class folders are left out, such as x.heic" in note for note in beside.notes)


def test_dicom_is_listed_with_and_without_a_suffix(tmp_path: Path) -> None:
    dicom = b"\0" * 128 + b"DICM"
    files = {
        "A/1.2.840.10": dicom,
        "A/IM0001": dicom + b"1",
        "B/x.dcm": dicom,
        "B/DICOMDIR": dicom,
        "B/notes": b"hello",
    }
    write_files(tmp_path / "set", files)
    for source in (
        FolderSource.of_folder("set", tmp_path / "set", walk(tmp_path / "set")[0]),
        FolderSource.of_zip("set.zip", write_zip(tmp_path / "set.zip", files)),
    ):
        listing = source.listing()
        assert listing.paths == ["A/1.2.840.10", "A/IM0001", "B/x.dcm"]
        assert "2 no suffix" in " ".join(listing.notes)


def test_masks_are_no_images(tmp_path: Path) -> None:
    busi = {
        f"{kind}/{kind} ({i}){end}.png": png(len(kind) * 100 + 10 * i + len(end))
        for kind in ("benign", "malignant")
        for i in range(3)
        for end in ("", "_mask", "_mask_1")
    }
    covid = {
        f"{k}/{part}/{k}-{i}.png": png(i) for k in ("COVID", "Normal") for part in ("images", "masks") for i in (1, 2)
    }
    for name, files, left in (("busi", busi, 12), ("covid", covid, 4)):
        root = write_files(tmp_path / name, files)
        images = FolderSource.of_folder(name, root, walk(root)[0]).listing()
        assert len(images.names) == len(files) - left
        assert not any("mask" in path for path in images.paths or ())
        assert f"{left} masks are no images of their own and are left out, such as " in images.notes[0]
        assert f"--masks {root} would use them" in images.notes[0]


def test_classes_in_file_names(tmp_path: Path) -> None:
    files = {f"images/{'mel' if i % 5 == 0 else 'nv'}_{i:03d}.png": png(i) for i in range(20)}
    root = write_files(tmp_path / "set", files)
    with pytest.raises(UserError, match=re.escape("--label-pattern '([a-z]+)_' (nv: 16, mel: 4)")):
        load(root)
    images = load(root, label_pattern="([a-z]+)_")
    assert images.class_names == ("mel", "nv")
    assert counts(images) == {"train": [4, 16]}
    write_files(root, {"images/12.png": png(99)})
    with pytest.raises(UserError, match=r"finds no class in 1 of 21 file names, such as 12\.png: .* --unlabelled drop"):
        load(root, label_pattern="([a-z]+)_")
    assert counts(load(root, label_pattern="([a-z]+)_", unlabelled="drop")) == {"train": [4, 16]}
    with pytest.raises(UserError, match="finds no class in any of the 21 file names"):
        load(root, label_pattern="(melanoma)")


def test_a_table_beside_images_without_classes_is_named(tmp_path: Path) -> None:
    root = write_files(tmp_path / "set", {f"part_{i % 2}/ISIC_{i:04d}.jpg": png(i) for i in range(6)})
    (root / "labels of all.csv").write_text("nothing\n")
    with pytest.raises(UserError, match=r"look like parts of one set: give --labels 'labels of all\.csv'"):
        FolderSource.of_folder("set", root, walk(root)[0]).listing()


def test_a_fold_may_be_the_test_split(tmp_path: Path) -> None:
    root = write_files(
        tmp_path / "set",
        {f"fold_{i}/{label}/{i}{n}.png": png(i * 10 + n) for i in range(3) for label in "ab" for n in (0, 1)},
    )
    images = load(root)
    assert images.folds is not None
    assert sorted(set(images.folds.tolist())) == ["fold_0", "fold_1", "fold_2"]
    assert any("--test-fold fold_0 would make one the test split" in note for note in images.notes)
    for word in ("fold_1", "FOLD 1", "1"):
        source = FolderSource.of_folder("set", root, walk(root)[0], Options(test_fold=word)).listing()
        assert [path for path, split in zip(source.paths or [], source.splits, strict=True) if split == "test"] == [
            f"fold_1/{label}/1{n}.png" for label in "ab" for n in (0, 1)
        ]
    with pytest.raises(UserError, match="its folds are fold_0, fold_1 and fold_2"):
        load(root, test_fold="fold_7")
    other = write_files(tmp_path / "other", {f"{part}/a/1.png": png(len(part)) for part in ("cv0", "fold_1", "test")})
    with pytest.raises(UserError, match="has a test split already"):
        load(other, test_fold="fold_1")


def test_names_of_classes_that_people_mean_as_one(tmp_path: Path) -> None:
    def listed(folders: list[str], **options: Any) -> Listing:
        root = write_files(
            tmp_path / str(len(list(tmp_path.iterdir()))),
            {f"{one}/{one.replace('/', '')}.png": png(1) for one in folders},
        )
        return FolderSource.of_folder("set", root, walk(root)[0], Options.of(options)).listing()

    torn = ["train/Normal", "train/Sick", "test/NORMAL", "test/SICK"]
    with pytest.raises(UserError, match=r"differ in letter case .*--merge NORMAL=Normal,SICK=Sick,"):
        listed(torn)
    assert listed(torn, merge="NORMAL=Normal,SICK=Sick").class_names == ("NORMAL", "Normal", "SICK", "Sick")
    lung = ["train/large.cell_IIIa", "train/normal", "test/large.cell", "test/normal"]
    with pytest.raises(
        UserError, match=r"the training split lacks, large\.cell: .* --merge large\.cell_IIIa=large\.cell;"
    ):
        listed(lung)
    assert len(listed(lung, merge="large.cell_IIIa=large.cell").labels) == 4
    with pytest.raises(UserError, match="the training split lacks, odd: --label-map odd=drop leaves them out"):
        listed(["train/a", "train/b", "test/a", "test/b", "test/odd"])
    with pytest.raises(UserError, match="--merge 'normal - Copy=normal'"):
        listed(["normal", "normal - Copy", "sick"])
    assert listed(["type (1)", "type (2)"]).class_names == ("type (1)", "type (2)")
    blank = listed(["train/Normal ", "train/Sick", "test/Normal", "test/Sick"])
    assert blank.class_names == ("Normal", "Sick")
    assert "Blanks around the names of classes are passed over: 'Normal '." in blank.notes
    apart, composed = "train/Mu\u0308de", "test/M\u00fcde"
    assert listed([apart, composed, "train/wach", "test/wach"]).class_names == ("M\u00fcde", "wach")
    assert listed(["10", "9", "1"]).class_names == ("1", "9", "10")


def test_images_that_are_not_meant_are_left_out(tmp_path: Path) -> None:
    root = write_files(
        tmp_path / "set", {f"{d}/{c}/{i}.png": png(i) for d in ("small", "large") for c in "ab" for i in (1, 2)}
    )
    images = FolderSource.of_folder("set", root, walk(root)[0], Options(images="small/*")).listing()
    assert images.paths == [f"small/{c}/{i}.png" for c in "ab" for i in (1, 2)]
    assert "4 images are left out, for --images small/* does not mean them." in images.notes
    with pytest.raises(UserError, match=r"none of the 8 images of set is meant by --images tiny/\*"):
        FolderSource.of_folder("set", root, walk(root)[0], Options(images="tiny/*")).listing()


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
    with pytest.raises(UserError, match=r"but 2 \.avi"):
        load(write_files(tmp_path / "films", {"train/A/x.avi": b"1", "train/B/x.avi": b"1"}))
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
