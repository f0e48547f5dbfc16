"""Small made-up images and data sets on disk."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image


def noise(seed: int, height: int = 12, width: int = 10, channels: int = 1) -> np.ndarray:
    """(H, W) or (H, W, channels) uint8."""
    shape = (height, width) if channels == 1 else (height, width, channels)
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def encoded(pixels: np.ndarray | Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    """The bytes of an image file."""
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def png(seed: int, channels: int = 1) -> bytes:
    return encoded(noise(seed, channels=channels))


def write_files(root: Path, files: Mapping[str, bytes]) -> Path:
    """Writes each file below root; returns root."""
    for path, data in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)
    return root


def write_zip(path: Path, files: Mapping[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def class_folders(per_class: int = 3, splits: Sequence[str] = ("train", "val", "test")) -> dict[str, bytes]:
    """``train/NORMAL/n0.png`` ...: two classes, each image different."""
    files = {}
    for split in splits:
        for label in ("NORMAL", "PNEUMONIA"):
            for i in range(per_class):
                files[f"{split}/{label}/{label[0].lower()}{i}.png"] = png(len(files))
    return files


def hub_table(
    names: Sequence[str | None],
    images: Sequence[bytes | None],
    labels: Sequence[int | None],
    class_names: Sequence[str] = ("NORMAL", "PNEUMONIA"),
    extra: Mapping[str, Sequence[Any]] | None = None,
) -> pa.Table:
    """A table as ``datasets`` writes it: image {bytes, path}, label with its names in the metadata."""
    cells = [{"bytes": data, "path": name} for name, data in zip(names, images, strict=True)]
    features: dict[str, Any] = {
        "image": {"_type": "Image"},
        "label": {"names": list(class_names), "_type": "ClassLabel"},
    }
    columns: dict[str, Any] = {
        "image": pa.array(cells, pa.struct([("bytes", pa.binary()), ("path", pa.string())])),
        "label": pa.array(labels, pa.int64()),
    }
    for name, values in (extra or {}).items():
        columns[name] = pa.array(values)
        features[name] = {"dtype": str(columns[name].type), "_type": "Value"}
    table = pa.table(columns)
    return table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})


def write_hub_folder(root: Path, per_class: Mapping[str, int], **extra: Any) -> Path:
    """A folder in the Hub's layout with so many images of each of two classes per split."""
    (root / "data").mkdir(parents=True, exist_ok=True)
    seed = 0
    for split, count in per_class.items():
        labels = [0] * count + [1] * count
        names = [f"{split}{i}.png" for i in range(2 * count)]
        images = [png(seed + i) for i in range(2 * count)]
        seed += 2 * count
        pq.write_table(hub_table(names, images, labels, **extra), root / "data" / f"{split}-00000-of-00001.parquet")
    return root


def write_parquet(path: Path, table: pa.Table) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path)
    return path
