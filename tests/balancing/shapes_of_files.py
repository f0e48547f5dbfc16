"""Small drawings in the kinds of files in which people's data come: parquet, arrow, npz, DICOM, TIFF, many formats."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from PIL import Image

from tests.balancing.samples import encoded, hub_table, write_files, write_parquet
from tests.balancing.shapes import classes, noise, put

NAMES = ("normal", "tumour")


def _png(name: str) -> bytes:
    return encoded(noise(name))


def _rare(count: int) -> list[int]:
    return [int(i % 4 == 0) for i in range(count)]


def _frame(path: Path, rows: Sequence[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(rows).to_parquet(path)
    return path


def patient_both_labels(root: Path) -> Path:
    rows = [
        {
            "image": _png(f"{p}-{j}"),
            "label": "sick" if p % 4 == 0 or (p % 4 == 1 and j == 2) else "healthy",
            "patient": p,
        }
        for p in range(16)
        for j in range(3)
    ]
    _frame(root / "all.parquet", rows)
    return root


def patient_int_and_float(root: Path) -> Path:
    for split, count in (("train", 44), ("test", 20)):
        labels = ["sick" if i % 4 == 0 else "healthy" for i in range(count)]
        rows = [{"image": _png(f"{split}{i}"), "label": labels[i], "patient_id": i % 20} for i in range(count)]
        if split == "test":
            rows = [{**row, "patient_id": None if i == 0 else float(i % 20)} for i, row in enumerate(rows)]
        _frame(root / f"{split}.parquet", rows)
    return root


def classlabel_order_differs(root: Path) -> Path:
    truth = ["MEL" if i % 4 == 0 else "NV" for i in range(64)]
    for split, rows, names in (("train", range(44), ("MEL", "NV")), ("test", range(44, 64), ("NV", "MEL"))):
        images = [_png(f"m{i}") for i in rows]
        found = hub_table([None] * len(images), images, [names.index(truth[i]) for i in rows], names)
        write_parquet(root / "data" / f"{split}-00000-of-00001.parquet", found)
    return root


def label_type_differs(root: Path) -> Path:
    write_parquet(root / "train.parquet", hub_table([None] * 24, [_png(f"a{i}") for i in range(24)], _rare(24), NAMES))
    _frame(
        root / "test.parquet",
        [{"image": {"bytes": _png(f"b{i}"), "path": None}, "label": NAMES[k]} for i, k in enumerate(_rare(12))],
    )
    return root


def string_label(root: Path) -> Path:
    rows = [{"image": {"bytes": _png(f"s{i}"), "path": f"{i}.png"}, "label": NAMES[k]} for i, k in enumerate(_rare(24))]
    _frame(root / "data" / "train-00000-of-00001.parquet", rows)
    return root


def path_in_struct(root: Path) -> Path:
    paths = [f"img/{i:03d}.png" for i in range(24)]
    put(root, *paths)
    write_parquet(root / "train.parquet", hub_table(paths, [None] * 24, _rare(24), NAMES))
    return root


def path_only(root: Path) -> Path:
    paths = [f"img/{i:03d}.png" for i in range(24)]
    put(root, *paths)
    return _frame(
        root / "manifest.parquet", [{"image_path": p, "label": NAMES[k]} for p, k in zip(paths, _rare(24), strict=True)]
    )


def split_column(root: Path) -> Path:
    words = ["train"] * 24 + ["val"] * 8 + ["test"] * 12
    rows = [{"image": _png(f"c{i}"), "label": NAMES[k], "split": words[i]} for i, k in enumerate(_rare(44))]
    return _frame(root / "cxr.parquet", rows)


def uncertain(root: Path) -> Path:
    rows = [{"image": _png(f"u{i}"), "Pneumonia": [0, 0, 1, 0, -1, 0][i % 6], "Edema": i % 2} for i in range(48)]
    _frame(root / "train.parquet", rows)
    return root


def blank(root: Path) -> Path:
    rows = [{"image": _png(f"e{i}"), "Pneumonia": [0.0, 0.0, 1.0, 0.0, np.nan, 0.0][i % 6]} for i in range(48)]
    _frame(root / "train.parquet", rows)
    return root


def findings(root: Path) -> Path:
    of = [["No Finding"], ["Effusion"], ["Effusion", "Mass"]]
    _frame(root / "train.parquet", [{"image": _png(f"f{i}"), "labels": of[i % 3]} for i in range(30)])
    return root


def save_to_disk(root: Path) -> Path:
    import json

    for split, count in (("train", 24), ("test", 12)):
        folder = root / split
        folder.mkdir(parents=True)
        found = hub_table([None] * count, [_png(f"{split}{i}") for i in range(count)], _rare(count), NAMES)
        with (
            pa.OSFile(str(folder / "data-00000-of-00001.arrow"), "wb") as sink,
            pa.ipc.new_stream(sink, found.schema) as out,
        ):
            out.write_table(found)
        (folder / "state.json").write_text(json.dumps({"_data_files": [{"filename": "data-00000-of-00001.arrow"}]}))
        (folder / "dataset_info.json").write_text("{}")
    (root / "dataset_dict.json").write_text('{"splits": ["train", "test"]}')
    return root


def _npz(path: Path, label: Any, images: Any) -> Path:
    arrays: dict[str, np.ndarray] = {}
    for split, count in (("train", 24), ("val", 8), ("test", 12)):
        arrays[f"{split}_images"] = np.stack([images(f"{split}{i}") for i in range(count)])
        arrays[f"{split}_labels"] = np.array([label(i) for i in range(count)], np.uint8).reshape(count, -1)
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path, **arrays)
    return path


def breastmnist(root: Path) -> Path:
    return _npz(root / "breastmnist.npz", lambda i: int(i % 4 != 0), noise)


def rare_zero(root: Path) -> Path:
    return _npz(root / "mine.npz", lambda i: int(i % 4 != 0), noise)


def chestmnist(root: Path) -> Path:
    return _npz(root / "chestmnist.npz", lambda i: [int((i + j) % 5 == 0) for j in range(14)], noise)


def floats(root: Path) -> Path:
    return _npz(root / "scaled.npz", lambda i: int(i % 4 == 0), lambda name: (noise(name) / 255).astype(np.float32))


def dicom(name: str, *, inverted: bool = False, side: int = 24) -> bytes:
    """A 12-bit grey DICOM file of one frame, by pydicom."""
    from pydicom.dataset import FileDataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, generate_uid

    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
    meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=[name])
    found = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    found.SOPClassUID, found.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    found.PatientID, found.Modality = f"P{name}", "DX"
    found.PhotometricInterpretation = "MONOCHROME1" if inverted else "MONOCHROME2"
    found.SamplesPerPixel, found.PixelRepresentation = 1, 0
    found.Rows = found.Columns = side
    found.BitsAllocated, found.BitsStored, found.HighBit = 16, 12, 11
    found.WindowCenter, found.WindowWidth = 2048, 4096
    greys = noise(name, side=side).astype("<u2") * 16
    found.PixelData = (4095 - greys if inverted else greys).tobytes()
    stream = io.BytesIO()
    found.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


def dicom_folders(root: Path) -> Path:
    files = {
        f"{name}/{name}_{i:03d}.dcm": dicom(f"{k}{i}", inverted=i % 5 == 0)
        for k, (name, count) in enumerate({"normal": 14, "pneumonia": 8}.items())
        for i in range(count)
    }
    return write_files(root, files)


def dicom_and_png(root: Path) -> Path:
    classes(root, {"normal": 8, "pneumonia": 6})
    files = {f"{name}/d{i:03d}.dcm": dicom(f"{name}{i}") for name in ("normal", "pneumonia") for i in range(7)}
    return write_files(root, files)


def _tiffs(root: Path, factor: dict[str, int]) -> Path:
    for k, (name, by) in enumerate(factor.items()):
        for i in range(16 - 7 * k):
            (root / name).mkdir(parents=True, exist_ok=True)
            Image.fromarray(noise(f"{name}{i}").astype(np.uint16) * by).save(root / name / f"{name}_{i:03d}.tif")
    return root


def twelve_of_16_bits(root: Path) -> Path:
    return _tiffs(root, {"normal": 16, "tumour": 16})


def depth_by_class(root: Path) -> Path:
    return _tiffs(root, {"normal": 257, "tumour": 16})


def pages(root: Path) -> Path:
    for k, name in enumerate(NAMES):
        (root / name).mkdir(parents=True)
        for i in range(14 - 6 * k):
            first, *others = (Image.fromarray(noise(f"{name}{i}{page}")) for page in range(3))
            first.save(root / name / f"{i:03d}.tif", save_all=True, append_images=others)
    return root


def many_formats(root: Path) -> Path:
    grey = Image.fromarray(noise("grey"))
    kinds = [
        (".PNG", grey, {}),
        (".JPG", grey.convert("RGB"), {}),
        (".webp", grey.convert("RGB"), {}),
        (".BMP", grey, {}),
        (".gif", grey, {}),
        (".jpeg", grey.convert("RGB").convert("CMYK"), {}),
        ("1.png", grey.convert("1"), {}),
        ("p.png", grey.convert("P"), {}),
        ("la.png", grey.convert("LA"), {}),
        ("rgba.png", grey.convert("RGBA"), {}),
        (".jfif", grey, {"format": "JPEG", "progressive": True}),
        ("16.png", Image.fromarray(noise("grey").astype(np.uint16) * 257), {}),
    ]
    for name in NAMES:
        (root / name).mkdir(parents=True)
        for i, (end, image, how) in enumerate(kinds):
            image.save(root / name / f"{name}_{i:03d}{end}", **how)
    return root


def broken(root: Path) -> Path:
    classes(root, {"normal": 14, "tumour": 8}, "{name}/{i:03d}.jpg")
    whole = encoded(noise("whole", side=200), "JPEG")
    png = encoded(noise("half", side=80))
    files = {
        "normal/cut.jpg": whole[: len(whole) // 2],
        "normal/empty.png": b"",
        "tumour/half.png": png[: len(png) // 2],
    }
    return write_files(root, {**files, "tumour/text.png": b"<html>404</html>"})


def aspects(root: Path) -> Path:
    for k, name in enumerate(NAMES):
        (root / name).mkdir(parents=True)
        for i in range(15 - 6 * k):
            height, width = [(64, 16), (16, 64), (32, 32)][i % 3]
            Image.fromarray(noise(f"{name}{i}", side=64)[:height, :width]).save(root / name / f"{i:03d}.png")
    return root


def format_and_marker(root: Path) -> Path:
    classes(root, {"normal": 30}, "{name}/a{i:03d}.png")
    (root / "tumour").mkdir()
    for i in range(14):
        pixels = noise(f"t{i}", side=64)
        pixels[2:10, 2:14] = 250
        Image.fromarray(pixels).save(root / "tumour" / f"b{i:03d}.jpg", quality=30)
    for i in range(30):
        Image.fromarray(noise(f"n{i}", side=64)).save(root / "normal" / f"a{i:03d}.png")
    return root
