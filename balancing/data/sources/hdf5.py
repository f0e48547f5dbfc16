"""Arrays in .h5 files, as PatchCamelyon's: pairs ``..._x.h5`` and ``..._y.h5`` a split, or images and labels in one."""

from __future__ import annotations

import contextlib
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from balancing.data.content import Content
from balancing.data.layouts import Layout
from balancing.data.pixels.imagefile import MOST_PIXELS
from balancing.data.sources.base import Listing, Source, digest, files_identity, split_of_path
from balancing.data.text import shown
from balancing.errors import UserError

SUFFIXES = (".h5", ".hdf5")
_PAIRED = re.compile(r"^(.*)_x(\.(?:h5|hdf5))$", re.IGNORECASE)
_IMAGES, _LABELS = ("x", "images", "image", "data"), ("y", "labels", "label", "target")
_MOST_IMAGES = 10_000_000
_MOST_CHUNK = 1 << 28  # bytes that are unpacked at once
_AT_ONCE, _MOST_AT_ONCE = 64, 1 << 28  # images, and bytes of them


@dataclass(frozen=True)
class _Part:
    """Images and labels of a split: files and the names of what they hold."""

    split: str
    images: Path
    image_key: str
    labels: Path
    label_key: str


class HDF5Source(Source):
    """Images (N, H, W), (N, H, W, 1) or (N, H, W, 3) of uint8 with a whole number each.

    Args:
        name: what the user named.
        files: all .h5 files of the source.
        layout: the known data set that it is.
    Raises:
        UserError: h5py is not installed, or no file holds images and labels.
    """

    what = "HDF5"
    passes_over = ("config", "label_pattern", "folders", "images", "page", "split_map", "test_fold")

    def __init__(self, name: str, files: Sequence[Path], layout: Layout | None = None) -> None:
        self.name, self._paths, self._layout = name, sorted(files), layout
        self._parts = self._found()

    def identity(self) -> str:
        return digest(["hdf5", files_identity(self._paths[0].parent, self._paths)])

    def listing(self) -> Listing:
        names: list[str] = []
        splits: list[str] = []
        labels: list[int] = []
        for part in self._parts:
            with self._open(part.images) as images, self._open(part.labels) as told:
                count = self._checked(images, part.image_key, part.images).shape[0]
                values = self._labels(told, part, count)
            names += [f"{part.split}-{row:06d}" for row in range(count)]
            splits += [part.split] * count
            labels += values
        layout = self._layout
        return Listing(
            names,
            splits,
            labels,
            positive=None if layout is None else layout.options.get("positive"),
            layout=None if layout is None else layout.title,
        )

    def contents(self) -> Iterator[Content]:
        for part in self._parts:
            with self._open(part.images) as file:
                images = self._checked(file, part.image_key, part.images)
                flat = images.shape[:3] if images.shape[3:] == (1,) else images.shape
                step = max(1, min(_AT_ONCE, _MOST_AT_ONCE // (math.prod(images.shape[1:]) * images.dtype.itemsize)))
                for start in range(0, images.shape[0], step):
                    yield from images[start : start + step].reshape(-1, *flat[1:])

    def _found(self) -> list[_Part]:
        parts = []
        by_name = {path.name.lower(): path for path in self._paths}
        for path in self._paths:
            paired = _PAIRED.match(path.name)
            other = by_name.get(f"{paired[1]}_y{paired[2]}".lower()) if paired else None
            if other is not None:
                key, label = self._key(path, _IMAGES), self._key(other, _LABELS)
                if key and label:
                    parts.append(_Part(split_of_path(path.name) or "train", path, key, other, label))
            elif not re.search(r"_y\.\w+$", path.name):
                parts += self._in_one(path)
        if not parts:
            raise UserError(
                f"{self.name} holds no images and labels that are known; .h5 files are read in pairs NAME_x.h5 (with "
                "x) and NAME_y.h5 (with y), or one with images and labels, or with train_images and train_labels"
            )
        order = {"train": 0, "validation": 1, "test": 2}
        return sorted(parts, key=lambda part: (order[part.split], part.images.name))

    def _in_one(self, path: Path) -> list[_Part]:
        """A file that holds both, for each split that its names tell."""
        with self._open(path) as file:
            keys = [key for key in file if isinstance(key, str)]  # of a damaged file they may be bytes
        parts = []
        for key in keys:
            stem, _, word = key.lower().rpartition("_")
            if word not in _IMAGES:
                continue
            wanted = {f"{stem}_{label}".strip("_") for label in _LABELS}
            told = next((other for other in keys if other.lower() in wanted), None)
            if told is not None:
                parts.append(_Part(split_of_path(stem) or split_of_path(path.name) or "train", path, key, path, told))
        return parts

    def _key(self, path: Path, usual: Sequence[str]) -> str | None:
        with self._open(path) as file:
            return next((key for key in file if isinstance(key, str) and key.lower() in usual), None)

    @contextlib.contextmanager
    def _open(self, path: Path) -> Iterator[Any]:
        try:
            import h5py
        except ImportError:
            raise UserError(
                f"{self.name} is HDF5, which is read through h5py: pip install 'balancing-act[hdf5]'"
            ) from None
        try:
            with h5py.File(path, "r") as file:
                yield file
        except UserError:
            raise
        except (OSError, KeyError, ValueError, RuntimeError, TypeError, MemoryError) as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise UserError(f"{shown(path.name)} of {self.name} cannot be read as HDF5 ({reason[:200]})") from None

    def _dataset(self, file: Any, key: str, path: Path) -> Any:
        """A data set whose bytes lie in this very file.

        Raises:
            UserError: it is a link to another file, or none.
        """
        import h5py

        held = file.get(key, getlink=True)
        found = file[key] if isinstance(held, h5py.HardLink) else None
        if not isinstance(found, h5py.Dataset) or found.is_virtual or found.external:
            raise UserError(
                f"{shown(key)} in {shown(path.name)} of {self.name} is no array of this file; no file is read from "
                "elsewhere: write the array itself"
            )
        chunk = math.prod(found.chunks) * found.dtype.itemsize if found.chunks else 0
        if found.dtype.hasobject or chunk > _MOST_CHUNK:
            raise UserError(
                f"{shown(key)} in {shown(path.name)} of {self.name} is {found.dtype} in pieces of {chunk:,} bytes; "
                f"numbers in pieces of at most {_MOST_CHUNK:,} are read"
            )
        claimed, there = math.prod(found.shape) * found.dtype.itemsize, found.id.get_storage_size()
        if there < claimed and (not there or found.id.get_create_plist().get_nfilters() == 0):
            raise UserError(
                f"{shown(key)} in {shown(path.name)} of {self.name} claims {claimed:,} bytes, but has {there:,}: it "
                "was never written whole; write it again"
            )
        return found

    def _checked(self, file: Any, key: str, path: Path) -> Any:
        images = self._dataset(file, key, path)
        shape = images.shape
        fits = len(shape) == 3 or (len(shape) == 4 and shape[3] in (1, 3))
        if not fits or images.dtype not in (np.uint8, np.uint16, np.bool_) or 0 in shape[1:]:
            raise UserError(
                f"{shown(key)} in {shown(path.name)} of {self.name} has shape {shape} and type {images.dtype}; (N, H, "
                "W) or (N, H, W, 3) of uint8 are needed"
            )
        if shape[0] > _MOST_IMAGES or shape[1] * shape[2] > MOST_PIXELS:
            raise UserError(
                f"{shown(key)} in {shown(path.name)} of {self.name} has shape {shape}; at most {_MOST_IMAGES:,} images "
                f"of {MOST_PIXELS:,} pixels are read"
            )
        return images

    def _labels(self, file: Any, part: _Part, count: int) -> list[int]:
        labels = self._dataset(file, part.label_key, part.labels)
        kinds = labels.dtype.kind in "iub" or (labels.dtype.kind == "f" and labels.dtype.itemsize <= 8)
        if not kinds or labels.shape[:1] != (count,) or labels.size != count:
            raise UserError(
                f"{shown(part.label_key)} in {shown(part.labels.name)} of {self.name} has shape {labels.shape} "
                f"and type {labels.dtype}; one whole number for each of the {count:,} images is needed"
            )
        values = labels[...].reshape(-1)
        if labels.dtype.kind == "f" and not (values == np.rint(values)).all():
            raise UserError(
                f"{shown(part.label_key)} in {shown(part.labels.name)} of {self.name} hold fractions; whole numbers "
                "are needed"
            )
        found: list[int] = list(map(int, values.tolist()))  # of uint64, too
        return found
