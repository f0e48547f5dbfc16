"""What came from elsewhere is refused with a sentence: it runs nothing, leads nowhere, takes no more than its due."""

from __future__ import annotations

import io
import os
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import EpsImagePlugin, Image

from balancing.data.images import load_images
from balancing.data.masks import read_mask
from balancing.data.pixels.decoding import BadImages, decode
from balancing.data.text import shown, text_array
from balancing.errors import UserError
from tests.balancing.samples import class_folders, encoded, noise, png, write_files, write_hub_folder

EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n%%EOF\n"
STRUCT = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def load(path: Path, **options: object) -> object:
    return load_images(str(path), image_size=12, **options)  # type: ignore[arg-type]


def table(path: Path, n: int = 8, **columns: object) -> Path:
    cells = [{"bytes": png(i), "path": f"{i}.png"} for i in range(n)]
    given = {"image": pa.array(cells, STRUCT), "label": ["a", "b"] * (n // 2), **columns}
    pq.write_table(pa.table(given), path)
    return path


def test_no_image_runs_a_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def ran(*arguments: object, **options: object) -> None:
        raise AssertionError("Ghostscript was asked")

    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", ran)
    assert decode(EPS, 12) == "it is no image in a format that can be read"
    (tmp_path / "mask.png").write_bytes(EPS)
    with pytest.raises(UserError, match=r"mask\.png cannot be read"):
        read_mask(tmp_path / "mask.png", 12)


def test_an_image_of_too_much_memory_is_refused_by_its_header() -> None:
    image = Image.new("P", (9400, 9400))
    reason = decode(encoded(image, transparency=0), 12)
    assert isinstance(reason, str)
    assert "would take 1,432 MiB of memory; at most 512" in reason
    with_more_pixels = decode(
        encoded(Image.new("1", (10_000, 10_000))), 12
    )  # not through decode_all, as predict once was
    assert isinstance(with_more_pixels, str)
    assert "claims more than 89,478,485 pixels" in with_more_pixels


def _tiff(pixels: np.ndarray, order: str, photometric: int = 1, tile: tuple[int, int] | None = None) -> bytes:
    """A TIFF of one strip or tile, made by hand: Pillow writes none of these."""
    bits = pixels.dtype.itemsize * 8
    data = zlib.compress(pixels.astype(pixels.dtype.newbyteorder(order)).tobytes())
    kind = "HI"
    place = [(322, 1, tile[0]), (323, 1, tile[1])] if tile else [(278, 1, len(pixels))]
    where, length = (324, 325) if tile else (273, 279)
    rows = [(256, 1, pixels.shape[1]), (257, 1, len(pixels)), (258, 0, bits), (259, 0, 8), (262, 0, photometric)]
    rows += [(277, 0, 1), *place, (length, 1, len(data))]
    start = 8 + 2 + 12 * (len(rows) + 1) + 4
    rows = sorted([*rows, (where, 1, start)])
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}IH", 8, len(rows))
    for tag, large, value in rows:
        head += struct.pack(f"{order}HHI", tag, 3 + large, 1) + struct.pack(order + kind[large], value).ljust(4, b"\0")
    return head + bytes(4) + data


@pytest.mark.parametrize("order", ["<", ">"])
def test_greys_from_white_to_black_are_turned_round_or_refused(order: str) -> None:
    grey = np.tile(np.arange(0, 240, 20, dtype=np.uint8), (12, 1))
    for dtype in (np.uint8, np.uint16):
        straight = decode(_tiff(grey.astype(dtype), order), 12, 8)
        assert not isinstance(straight, str)
        np.testing.assert_array_equal(straight.pixels, grey)
        inverted = decode(_tiff(grey.astype(dtype), order, photometric=0), 12, 8)
        if dtype == np.uint8:
            assert not isinstance(inverted, str)
            np.testing.assert_array_equal(inverted.pixels, 255 - grey)
        else:  # Pillow knows those of big-endian files not at all
            assert isinstance(inverted, str)
            assert ("white to black" if order == "<" else "kind of pixels is not known") in inverted


def test_a_tile_far_larger_than_its_image_is_refused() -> None:
    grey = noise(0, 16, 16)
    small = decode(_tiff(grey, "<", tile=(16, 16)), 16)
    assert not isinstance(small, str)
    np.testing.assert_array_equal(small.pixels, grey)
    reason = decode(_tiff(grey, "<", tile=(30_000, 30_000)), 16)
    assert isinstance(reason, str)
    assert "tiles of 858 MiB" in reason


@pytest.mark.parametrize("kind", ["TIFF", "GIF", "PNG", "WEBP"])
def test_several_images_in_one_file_are_refused(kind: str) -> None:
    frames = [Image.fromarray(noise(i)) for i in range(3)]
    reason = decode(encoded(frames[0], kind, save_all=True, append_images=frames[1:]), 12)
    assert isinstance(reason, str)
    assert "it holds several images (pages or frames); name the one that is meant by --page N" in reason
    assert not isinstance(decode(encoded(frames[0], kind, save_all=True), 12), str)


def test_a_thumbnail_behind_the_image_is_passed_over() -> None:
    from PIL import TiffImagePlugin

    stream = io.BytesIO()
    with TiffImagePlugin.AppendingTiffWriter(stream, True) as pages:  # type: ignore[no-untyped-call]
        Image.fromarray(noise(1)).save(pages, "TIFF")
        pages.newFrame()
        Image.fromarray(noise(1)[::2, ::2]).save(pages, "TIFF", tiffinfo={254: 1})
        pages.newFrame()
    decoded = decode(stream.getvalue(), 12)
    assert not isinstance(decoded, str)
    assert (decoded.width, decoded.height) == (10, 12)


def test_devices_and_pipes_are_no_images(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    for path in (tmp_path / "pipe.png", Path("/dev/zero"), tmp_path):
        assert decode(path, 12) == "it is no file, but a folder, a device or a pipe"


@pytest.mark.parametrize("path", ["../secret.png", "{}/secret.png", "/dev/zero", "x/../../secret.png"])
def test_a_path_in_a_table_stays_in_its_folder(tmp_path: Path, path: str) -> None:
    (tmp_path / "secret.png").write_bytes(png(99))
    folder = tmp_path / "set"
    folder.mkdir()
    (folder / "own.png").write_bytes(png(50))
    cells = [{"bytes": png(i), "path": f"{i}.png"} for i in range(8)]
    cells[2] = {"bytes": None, "path": "own.png"}
    table(folder / "x.parquet", image=pa.array(cells, STRUCT))
    load(folder / "x.parquet")  # what lies beside the table is read
    cells[3] = {"bytes": None, "path": path.format(tmp_path)}
    table(folder / "x.parquet", image=pa.array(cells, STRUCT))
    with pytest.raises(BadImages, match="1 of 8 .*\n.*leads out of the data's folder"):
        load(folder / "x.parquet")


def test_a_zip_member_is_bounded_by_what_it_states(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in class_folders(2, ("train",)).items():
            archive.writestr(name, data)
        archive.writestr("train/NORMAL/bomb.png", bytes(17 << 20))
        info = zipfile.ZipInfo("train/NORMAL/other.png")
        info.compress_type = zipfile.ZIP_BZIP2
        archive.writestr(info, png(80))
    with pytest.raises(BadImages) as error:
        load(tmp_path / "x.zip")
    assert "states 17,825,792 bytes for it" in str(error.value)
    assert "another method than deflate" in str(error.value)
    assert len(error.value.bad) == 2


def test_a_cell_that_is_no_name_is_refused(tmp_path: Path) -> None:
    ids = [f"p{i}" for i in range(8)]
    ids[5] = "x" * 1_001
    path = table(tmp_path / "x.parquet", patient=ids)
    with pytest.raises(UserError, match=r"row 5 of column 'patient' of .* holds a text of 1,001 characters"):
        load(path, patient_column="patient")
    with pytest.raises(UserError, match=r"row 5 of column 'patient'"):
        load(path, label_column="patient")


def test_long_texts_take_no_more_memory_than_they_have() -> None:
    values = ["x" * 1000] + ["y"] * 100_000
    assert text_array(values).dtype == object
    assert text_array(values).tolist() == values
    assert text_array(["a", "bc"]).dtype == np.dtype("<U2")


@pytest.mark.parametrize("name", [b"R\xf6ntgen.png", b"a\nb.png", b"\x1b[31mred.png"])
def test_file_names_are_shown_as_one_line(tmp_path: Path, name: bytes) -> None:
    root = write_files(tmp_path / "set", class_folders(3))
    (tmp_path / "set" / "train" / "NORMAL" / os.fsdecode(name)).write_bytes(png(90))
    images = load_images(str(root), image_size=12)
    (found,) = [n for n in images.names.tolist() if n.endswith(".png") and "\\" in n]
    assert found.isprintable()
    assert found.encode("utf-8")
    assert shown(os.fsdecode(name)) == found


@pytest.mark.parametrize(
    ("columns", "options", "sentence"),
    [
        ({"label": ["", "b"] * 4}, {}, "4 of 8 images have no label"),
        ({"label": [" ", "b"] * 4}, {}, "4 of 8 images have no label"),
        ({"label": [float("nan"), 1.0] * 4}, {}, "4 of 8 images have no label"),
        ({"label": list(map(str, range(40))), "n": 40}, {}, "gives 40 classes for 40 images, 1.0 images a class"),
        ({}, {"patient_column": "label", "label_column": "label"}, "can't be the label and the patient"),
    ],
)
def test_labels_that_are_none(tmp_path: Path, columns: dict, options: dict, sentence: str) -> None:
    path = table(tmp_path / "x.parquet", **columns)
    with pytest.raises(UserError, match=sentence):
        load(path, **options)


def test_many_classes_with_enough_images_are_read(tmp_path: Path) -> None:
    path = table(tmp_path / "x.parquet", 210, label=[f"c{i % 21}" for i in range(210)])
    assert len(load_images(str(path), image_size=8).class_names) == 21


def test_spaces_are_no_part_of_a_class_or_a_patient(tmp_path: Path) -> None:
    path = table(tmp_path / "x.parquet", label=["a ", "b"] * 2 + ["a", "b"] * 2, patient=["p", " p "] + [""] * 6)
    images = load_images(str(path), image_size=12, patient_column="patient")
    assert images.class_names == ("a", "b")
    assert "Spaces around labels are no part of the class: a." in images.notes
    assert images.patients is not None
    assert len(set(images.patients.tolist())) == 7  # p, and each image without a patient for itself


@pytest.mark.parametrize("missing", [float("nan"), None])
def test_a_missing_number_is_no_patient(tmp_path: Path, missing: float | None) -> None:
    path = table(tmp_path / "x.parquet", patient=pa.array([missing, 1.0] * 4, pa.float64()))
    images = load_images(str(path), image_size=12, patient_column="patient")
    assert images.patients is not None
    assert sorted(set(images.patients.tolist()))[0] == "1"
    assert len(set(images.patients.tolist())) == 5


def test_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    image = pa.array([{"bytes": png(i), "path": None} for i in range(4)], STRUCT)
    labels = pa.array(["a", "b"] * 2)
    for names, arrays in ((["image", "label", "label"], [image, labels, labels]),
                          (["image", "image", "label"], [image, image, labels])):  # fmt: skip
        pq.write_table(pa.Table.from_arrays(arrays, names=names), tmp_path / "x.parquet")
        with pytest.raises(UserError, match="has 2 columns named"):
            load(tmp_path / "x.parquet")


def test_class_names_must_fit_their_numbers(tmp_path: Path) -> None:
    root = write_hub_folder(tmp_path / "one", {"train": 3}, class_names=("a", "a"))
    with pytest.raises(UserError, match="names two classes 'a'"):
        load(root)
    whole = pq.read_table(next((root / "data").iterdir()))
    for labels in (["x", "y"] * 3, ["b", "a"] * 3, [True, False] * 3):
        changed = whole.set_column(1, "label", pa.array(labels))
        metadata = {b"huggingface": (whole.schema.metadata or {})[b"huggingface"].replace(b'["a", "a"]', b'["a", "b"]')}
        pq.write_table(changed.replace_schema_metadata(metadata), tmp_path / "x.parquet")
        if labels[0] == "x":
            with pytest.raises(UserError, match="which is no whole number and no name of them"):
                load(tmp_path / "x.parquet")
            continue
        images = load(tmp_path / "x.parquet")  # names over their own numbers, and what datasets stores as 0 and 1
        assert images.class_names == ("a", "b")
        assert images.labels.tolist() == [1, 0] * 3


def test_notes_of_datasets_that_are_nested_deeply_are_no_notes(tmp_path: Path) -> None:
    whole = pq.read_table(next((write_hub_folder(tmp_path / "one", {"train": 3}) / "data").iterdir()))
    pq.write_table(whole.replace_schema_metadata({b"huggingface": b"[" * 100_000}), tmp_path / "x.parquet")
    assert load(tmp_path / "x.parquet").class_names == ("0", "1")


def test_texts_that_are_no_utf8_are_a_sentence(tmp_path: Path) -> None:
    bad = pa.Array.from_buffers(
        pa.string(), 2, [None, pa.py_buffer(np.array([0, 2, 4], np.int32).tobytes()), pa.py_buffer(b"\xff\xfeab")]
    )
    with pytest.raises(UserError, match="cannot be read as parquet"):
        load(table(tmp_path / "x.parquet", label=pa.concat_arrays([bad] * 4)))


def _header(shape: tuple[int, ...], kind: str) -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": kind, "fortran_order": False, "shape": shape})
    return stream.getvalue()


@pytest.mark.parametrize("shape", [(4, 2**32, 2**32), (10**13, 28, 28), (4, 0, 0), (-1, 28, 28)])
def test_an_npz_that_claims_what_it_has_not(tmp_path: Path, shape: tuple[int, ...]) -> None:
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.writestr("train_images.npy", _header(shape, "|u1") + b"abc")
        archive.writestr("train_labels.npy", _header((shape[0],), "<i8"))
    with pytest.raises(UserError, match="claims the shape"):
        load(tmp_path / "x.npz")


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_a_damaged_npz_is_a_sentence(tmp_path: Path, save: object) -> None:
    images = np.stack([noise(i, 28, 28) for i in range(20)])
    save(tmp_path / "x.npz", train_images=images, train_labels=np.arange(20) % 2)  # type: ignore[operator]
    data = bytearray((tmp_path / "x.npz").read_bytes())
    data[5000:5040] = bytes(40)
    (tmp_path / "x.npz").write_bytes(data)
    with pytest.raises(UserError, match=r"cannot be read as \.npz"):
        load(tmp_path / "x.npz")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "GIF", "BMP", "WEBP", "PPM"])
def test_damaged_images_give_reasons_never_exceptions(kind: str) -> None:
    whole = encoded(noise(1, 40, 30), kind)
    rng = np.random.default_rng(0)
    for _ in range(40):
        data = bytearray(whole)
        for place in rng.integers(0, len(data), 3):
            data[place] ^= 1 << int(rng.integers(8))
        for damaged in (bytes(data), bytes(data[: int(rng.integers(1, len(data)))])):
            found = decode(damaged, 12)
            assert isinstance(found, str) or found.pixels.shape[:2] == (12, 12)
