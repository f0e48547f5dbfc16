"""Small image folders and tables on disk, drawn for tests."""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from balancing.data.images import ImageSet, load_images
from tests.balancing.samples import png, write_files


def draw(root: Path, paths: Iterable[str], first: int = 0) -> Path:
    """A different image at each path below root; returns root."""
    return write_files(root, {path: png(first + i) for i, path in enumerate(paths)})


def table(path: Path, header: Sequence[str], rows: Iterable[Sequence[Any]], delimiter: str = ",") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter=delimiter)
        writer.writerow(header)
        writer.writerows(rows)
    return path


def load(source: Path, **options: Any) -> ImageSet:
    with tempfile.TemporaryDirectory() as cache:
        return load_images(str(source), image_size=8, cache_dir=Path(cache), **options)


def label_of(images: ImageSet) -> dict[str, str]:
    """Path of each image -> its class."""
    assert images.paths is not None
    names = np.array(images.class_names, dtype=object)[images.labels]
    return dict(zip(images.paths.tolist(), names.tolist(), strict=True))


def counts(images: ImageSet, split: str | None = None) -> dict[str, int]:
    rows = slice(None) if split is None else images.splits == split
    found = np.bincount(images.labels[rows], minlength=images.n_classes).tolist()
    return dict(zip(images.class_names, found, strict=True))


def patient_of(images: ImageSet) -> dict[str, str]:
    assert images.paths is not None
    assert images.patients is not None
    return dict(zip(images.paths.tolist(), images.patients.tolist(), strict=True))


def noted(images: ImageSet, words: str) -> bool:
    return any(words in note for note in images.notes)
