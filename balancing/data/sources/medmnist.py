"""Arrays in .npz, as MedMNIST's: ``train_images``, ``train_labels``, ``val_images`` ...; read a few at a time."""

from __future__ import annotations

import contextlib
import math
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO, Any

import numpy as np

from balancing.data.content import Content
from balancing.data.layouts import Layout
from balancing.data.pixels.imagefile import MOST_PIXELS
from balancing.data.sources.base import Listing, Source, digest, files_identity
from balancing.errors import UserError

_MOST_IMAGES = 10_000_000
_MOST_AT_ONCE, _MOST_LABELS = 2 << 30, 1 << 28  # bytes
# What zipfile and numpy raise on damaged files; a header is parsed as Python, so it can be wrong in Python's ways.
_DAMAGE = (
    zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, KeyError, RuntimeError, OverflowError, MemoryError,
    SyntaxError, TypeError, struct.error, tokenize.TokenError, AttributeError, IndexError,
)  # fmt: skip
# Beginnings of the members' names -> the split; a file without splits has plain ``images`` and ``labels``.
_SPLITS = {"train_": "train", "val_": "validation", "valid_": "validation", "test_": "test", "": "train"}
_WHITE = {1.0: 255.0, 255.0: 1.0}  # the brightest float that is possible -> what it is multiplied by


@dataclass(frozen=True)
class _Header:
    shape: tuple[int, ...]
    fortran: bool
    dtype: np.dtype[Any]

    @property
    def picture(self) -> tuple[int, ...]:
        """The shape of one image: (H, W) or (H, W, 3); one grey channel behind them is none."""
        return self.shape[1:3] if self.shape[3:] == (1,) else self.shape[1:]


class MedMNISTSource(Source):
    """Two-dimensional images with a label each, or with a row of 0 and 1 for several findings; classes are named by
    their numbers.

    Pixels are uint8, uint16, bool, or floats in 0..1 or 0..255.

    Args:
        name: what the user named.
        path: the .npz file.
        layout: the known data set that it is; names findings.
    """

    what = "an .npz file"
    passes_over = ("config", "label_pattern", "folders", "images", "page", "split_map", "test_fold")

    def __init__(self, name: str, path: Path, layout: Layout | None = None) -> None:
        self.name = name
        self._path = path
        self._layout = layout

    def identity(self) -> str:
        return digest(["npz", files_identity(self._path.parent, [self._path])])

    def listing(self) -> Listing:
        names: list[str] = []
        splits: list[str] = []
        labels: list[Any] = []
        with self._open() as archive:
            for key, split in self._splits(archive):
                images = self._header(archive, f"{key}images")
                self._check(key, images)
                values = self._labels(archive, f"{key}labels", images.shape[0])
                names += [f"{key.rstrip('_') or split}-{row:06d}" for row in range(len(values))]
                splits += [split] * len(values)
                labels += values
        layout = self._layout
        return Listing(
            names,
            splits,
            labels,
            notes=self._float_note(),
            positive=None if layout is None else layout.options.get("positive"),
            layout=None if layout is None else layout.title,
        )

    def contents(self) -> Iterator[Content]:
        with self._open() as archive:
            for key, _ in self._splits(archive):
                yield from self._images(archive, key)

    def _images(self, archive: zipfile.ZipFile, key: str) -> Iterator[np.ndarray]:
        header = self._header(archive, f"{key}images")
        self._check(key, header)
        scale = self._scale if header.dtype.kind == "f" else None
        for image in self._stored(archive, key, header):
            yield image if scale is None else np.rint(image.astype(np.float64) * scale).astype(np.uint8)

    def _stored(self, archive: zipfile.ZipFile, key: str, header: _Header) -> Iterator[np.ndarray]:
        with self._reading(f"{key}images"), archive.open(f"{key}images.npy") as member:
            if header.fortran:
                yield from np.lib.format.read_array(member, allow_pickle=False).reshape(-1, *header.picture)
                return
            _read_header(member)
            shape = header.picture
            nbytes = math.prod(shape) * header.dtype.itemsize
            for _ in range(header.shape[0]):
                yield np.frombuffer(_read_exactly(member, nbytes), header.dtype).reshape(shape)

    @cached_property
    def _scale(self) -> float | None:
        """By what floats are multiplied to be 0..255, told by all of them together; None where there are no floats.

        Raises:
            UserError: they are neither in 0..1 nor in 0..255.
        """
        lowest, highest = math.inf, -math.inf
        with self._open() as archive:
            for key, _ in self._splits(archive):
                header = self._header(archive, f"{key}images")
                if header.dtype.kind != "f":
                    continue
                self._check(key, header)
                for image in self._stored(archive, key, header):
                    if not np.isfinite(image).all():
                        raise UserError(
                            f"{key}images of {self.name} hold what is no number (NaN or infinite); repair them"
                        )
                    lowest, highest = min(lowest, float(image.min())), max(highest, float(image.max()))
        if highest == -math.inf:
            return None
        white = next((white for white in _WHITE if lowest >= 0 and highest <= white), None)
        if white is None:
            raise UserError(
                f"the images of {self.name} are floats from {lowest:g} to {highest:g}; floats in 0..1 or 0..255 are "
                "read: scale them so, all alike"
            )
        return _WHITE[white]

    def _float_note(self) -> tuple[str, ...]:
        if self._scale is None:
            return ()
        spread = "0..1" if self._scale == _WHITE[1.0] else "0..255"
        return (
            f"Its images are floats in {spread}: rounded to 256 grey levels, {spread.rpartition('.')[2]} is white.",
        )

    def _open(self) -> zipfile.ZipFile:
        with self._reading("the file"):
            return zipfile.ZipFile(self._path)

    @contextlib.contextmanager
    def _reading(self, what: str) -> Iterator[None]:
        """Turns whatever a damaged archive or header raises into one sentence."""
        try:
            yield
        except UserError:
            raise
        except _DAMAGE as error:
            reason = (str(error).splitlines() or [""])[0] or type(error).__name__
            raise UserError(f"{self.name} cannot be read as .npz ({what}: {reason}); download it again") from None

    def _splits(self, archive: zipfile.ZipFile) -> list[tuple[str, str]]:
        members = {name.removesuffix(".npy") for name in archive.namelist()}
        found = [(key, split) for key, split in _SPLITS.items() if f"{key}images" in members]
        if not found or any(f"{key}labels" not in members for key, _ in found):
            raise UserError(
                f"{self.name} is not in MedMNIST's layout: it needs train_images and train_labels (and val_, test_), "
                f"or images and labels, but holds {', '.join(sorted(members)) or 'nothing'}"
            )
        return found

    def _header(self, archive: zipfile.ZipFile, key: str) -> _Header:
        """What a member says of itself, which its size in the archive must bear out.

        Raises:
            UserError: it can't be read, or claims more or less than there is.
        """
        with self._reading(key):
            info = archive.getinfo(f"{key}.npy")
            if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise ValueError("it is packed by another method than deflate")
            with archive.open(info) as member:
                header = _read_header(member)
                claimed = math.prod(header.shape) * header.dtype.itemsize
                if header.dtype.hasobject:
                    raise ValueError("it holds Python objects, which are never unpacked")
                if claimed != info.file_size - member.tell() or any(side < 0 for side in header.shape):
                    raise ValueError(
                        f"it claims the shape {header.shape} of {header.dtype}, {claimed:,} bytes, but has "
                        f"{info.file_size - member.tell():,}"
                    )
        return header

    def _check(self, key: str, images: _Header) -> None:
        if len(images.shape) == 5 or (len(images.shape) == 4 and images.shape[3] not in (1, 3)):
            raise UserError(
                f"{key}images of {self.name} are three-dimensional ({' x '.join(map(str, images.shape[1:]))}); "
                "two-dimensional images are needed, grey (N, H, W) or colour (N, H, W, 3)"
            )
        readable = images.dtype in (np.uint8, np.uint16, np.bool_) or images.dtype.kind == "f"
        if len(images.shape) not in (3, 4) or not readable or math.prod(images.shape[1:]) == 0:
            raise UserError(
                f"{key}images of {self.name} have shape {images.shape} and type {images.dtype}; "
                "(N, H, W) or (N, H, W, 3) of uint8, or of floats in 0..1, are needed"
            )
        if images.shape[0] > _MOST_IMAGES or math.prod(images.shape[1:3]) > MOST_PIXELS:
            raise UserError(
                f"{key}images of {self.name} have shape {images.shape}; at most {_MOST_IMAGES:,} images of "
                f"{MOST_PIXELS:,} pixels are read"
            )
        if images.fortran and math.prod(images.shape) * images.dtype.itemsize > _MOST_AT_ONCE:
            raise UserError(
                f"{key}images of {self.name} are stored by columns, so that all would be read at once, which is done "
                f"up to {_MOST_AT_ONCE >> 20:,} MiB; save them by np.ascontiguousarray"
            )

    def _labels(self, archive: zipfile.ZipFile, key: str, count: int) -> list[Any]:
        """Numbers; or, where each image has a row of several 0 and 1, the places of the ones."""
        header = self._header(archive, key)
        whole_floats = header.dtype.kind == "f" and header.dtype.itemsize <= 8
        if header.dtype.kind not in "iub" and not whole_floats:
            raise UserError(f"{key} of {self.name} are {header.dtype}; whole numbers are needed")
        if not header.shape or header.shape[0] != count or len(header.shape) > 2:
            raise UserError(
                f"{self.name} has {count} {key.replace('labels', 'images')} but {math.prod(header.shape[:1])} {key} "
                f"(of shape {header.shape}); each image needs one"
            )
        nbytes = math.prod(header.shape) * header.dtype.itemsize
        if nbytes > _MOST_LABELS:
            raise UserError(
                f"{key} of {self.name} have shape {header.shape}, {nbytes:,} bytes, but at most {_MOST_LABELS:,} are "
                "read; keep the columns of the findings that are meant"
            )
        with self._reading(key), archive.open(f"{key}.npy") as member:
            labels = np.lib.format.read_array(member, allow_pickle=False)
        if whole_floats and not (labels == np.rint(labels)).all():
            raise UserError(f"{key} of {self.name} are {header.dtype} with fractions; whole numbers are needed")
        if labels.ndim == 1 or labels.shape[1] == 1:
            return list(map(int, labels.reshape(-1).tolist()))  # of uint64, too
        ones = np.unique(labels)
        if not np.isin(ones, (0, 1)).all():
            raise UserError(
                f"{key} of {self.name} give {labels.shape[1]} labels an image (multi-label), but hold {ones[-1]}; rows "
                "of 0 and 1 are read, one place a finding"
            )
        single = bool((labels.sum(axis=1) == 1).all())
        if single:
            return labels.argmax(axis=1).tolist()
        findings = self._layout.findings if self._layout else ()
        called = findings if len(findings) == labels.shape[1] else tuple(map(str, range(labels.shape[1])))
        return [tuple(called[place] for place in np.flatnonzero(row)) for row in labels]


def _read_header(member: IO[bytes]) -> _Header:
    version = np.lib.format.read_magic(member)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    return _Header(*read(member))


def _read_exactly(member: IO[bytes], count: int) -> bytes:
    data = member.read(count)
    while len(data) < count:
        more = member.read(count - len(data))
        if not more:
            raise UserError("the .npz file ends in the middle of an image; download it again")
        data += more
    return data
