"""MedMNIST's .npz: ``train_images``, ``train_labels``, ``val_images`` ...; read a few images at a time."""

from __future__ import annotations

import contextlib
import math
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from balancing.data.imagefile import MOST_PIXELS
from balancing.data.sources.base import Content, Listing, Source, digest, files_identity
from balancing.errors import UserError

_MOST_IMAGES = 10_000_000
_MOST_AT_ONCE = 2 << 30  # bytes
# What zipfile and numpy raise on damaged files; a header is parsed as Python, so it can be wrong in Python's ways.
_DAMAGE = (
    zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, KeyError, RuntimeError, OverflowError, MemoryError,
    SyntaxError, TypeError, struct.error, tokenize.TokenError, AttributeError, IndexError,
)  # fmt: skip
_SPLITS = {"train": "train", "val": "validation", "test": "test"}


@dataclass(frozen=True)
class _Header:
    shape: tuple[int, ...]
    fortran: bool
    dtype: np.dtype[Any]


class MedMNISTSource(Source):
    """Two-dimensional MedMNIST sets with one label an image; classes are named by their numbers.

    Args:
        name: what the user named.
        path: the .npz file.
    """

    def __init__(self, name: str, path: Path) -> None:
        self.name = name
        self._path = path

    def identity(self) -> str:
        return digest(["npz", files_identity(self._path.parent, [self._path])])

    def listing(self) -> Listing:
        names: list[str] = []
        splits: list[str] = []
        labels: list[Any] = []
        with self._open() as archive:
            for key, split in self._splits(archive):
                images = self._header(archive, f"{key}_images")
                self._check(key, images)
                values = self._labels(archive, f"{key}_labels", images.shape[0])
                names += [f"{key}-{row:06d}" for row in range(len(values))]
                splits += [split] * len(values)
                labels += values.tolist()
        return Listing(names, splits, labels)

    def contents(self) -> Iterator[Content]:
        with self._open() as archive:
            for key, _ in self._splits(archive):
                header = self._header(archive, f"{key}_images")
                self._check(key, header)
                with self._reading(f"{key}_images"), archive.open(f"{key}_images.npy") as member:
                    if header.fortran:
                        yield from np.lib.format.read_array(member, allow_pickle=False)
                        continue
                    _read_header(member)
                    shape = header.shape[1:]
                    nbytes = math.prod(shape) * header.dtype.itemsize
                    for _ in range(header.shape[0]):
                        yield np.frombuffer(_read_exactly(member, nbytes), header.dtype).reshape(shape)

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
        found = [(key, split) for key, split in _SPLITS.items() if f"{key}_images" in members]
        if not found or any(f"{key}_labels" not in members for key, _ in found):
            raise UserError(
                f"{self.name} is not in MedMNIST's layout: it needs train_images and train_labels (and val_, test_), "
                f"but holds {', '.join(sorted(members)) or 'nothing'}"
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
        if len(images.shape) == 5 or (len(images.shape) == 4 and images.shape[3] != 3):
            raise UserError(
                f"{key}_images of {self.name} are three-dimensional ({' x '.join(map(str, images.shape[1:]))}); "
                "two-dimensional images are needed, grey (N, H, W) or colour (N, H, W, 3)"
            )
        if len(images.shape) not in (3, 4) or images.dtype not in (np.uint8, np.uint16, np.bool_):
            raise UserError(
                f"{key}_images of {self.name} have shape {images.shape} and type {images.dtype}; "
                "(N, H, W) or (N, H, W, 3) of uint8 are needed"
            )
        if images.shape[0] > _MOST_IMAGES or math.prod(images.shape[1:3]) > MOST_PIXELS:
            raise UserError(
                f"{key}_images of {self.name} have shape {images.shape}; at most {_MOST_IMAGES:,} images of "
                f"{MOST_PIXELS:,} pixels are read"
            )
        if images.fortran and math.prod(images.shape) * images.dtype.itemsize > _MOST_AT_ONCE:
            raise UserError(
                f"{key}_images of {self.name} are stored by columns, so that all would be read at once, which is done "
                f"up to {_MOST_AT_ONCE >> 20:,} MiB; save them by np.ascontiguousarray"
            )

    def _labels(self, archive: zipfile.ZipFile, key: str, count: int) -> np.ndarray:
        header = self._header(archive, key)
        if len(header.shape) > 1 and math.prod(header.shape[1:]) > 1:
            raise UserError(
                f"{key} of {self.name} give {header.shape[1]} labels an image (multi-label); "
                "one label an image is needed"
            )
        if header.dtype.kind not in "iub":
            raise UserError(f"{key} of {self.name} are {header.dtype}; whole numbers are needed")
        if not header.shape or header.shape[0] != count:
            raise UserError(
                f"{self.name} has {count} {key.replace('labels', 'images')} but {math.prod(header.shape[:1])} {key}; "
                "each image needs one"
            )
        with self._reading(key), archive.open(f"{key}.npy") as member:
            labels = np.lib.format.read_array(member, allow_pickle=False)
        return labels.reshape(-1).astype(np.int64)


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
