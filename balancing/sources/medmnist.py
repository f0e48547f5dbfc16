"""MedMNIST's .npz: ``train_images``, ``train_labels``, ``val_images`` ...; read a few images at a time."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from balancing.errors import UserError
from balancing.sources.base import Content, Listing, Source, digest, files_identity

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
                values = self._labels(archive, f"{key}_labels")
                if len(values) != images.shape[0]:
                    raise UserError(
                        f"{self.name} has {images.shape[0]} {key}_images but {len(values)} {key}_labels; "
                        "each image needs one"
                    )
                names += [f"{key}-{row:06d}" for row in range(len(values))]
                splits += [split] * len(values)
                labels += values.tolist()
        return Listing(names, splits, labels)

    def contents(self) -> Iterator[Content]:
        with self._open() as archive:
            for key, _ in self._splits(archive):
                header = self._header(archive, f"{key}_images")
                if header.fortran:
                    with archive.open(f"{key}_images.npy") as member:
                        yield from np.lib.format.read_array(member, allow_pickle=False)
                    continue
                with archive.open(f"{key}_images.npy") as member:
                    _read_header(member)
                    shape = header.shape[1:]
                    nbytes = int(np.prod(shape)) * header.dtype.itemsize
                    for _ in range(header.shape[0]):
                        yield np.frombuffer(_read_exactly(member, nbytes), header.dtype).reshape(shape)

    def _open(self) -> zipfile.ZipFile:
        try:
            return zipfile.ZipFile(self._path)
        except (zipfile.BadZipFile, OSError) as error:
            raise UserError(f"{self.name} cannot be read as .npz ({error}); download it again") from None

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
        try:
            with archive.open(f"{key}.npy") as member:
                return _read_header(member)
        except (ValueError, EOFError, zipfile.BadZipFile) as error:
            raise UserError(f"{key} of {self.name} cannot be read ({error}); download the file again") from None

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

    def _labels(self, archive: zipfile.ZipFile, key: str) -> np.ndarray:
        self._header(archive, key)
        with archive.open(f"{key}.npy") as member:
            try:
                labels = np.lib.format.read_array(member, allow_pickle=False)
            except ValueError as error:
                raise UserError(f"{key} of {self.name} cannot be read ({error})") from None
        if labels.ndim > 1 and int(np.prod(labels.shape[1:])) > 1:
            raise UserError(
                f"{key} of {self.name} give {labels.shape[1]} labels an image (multi-label); "
                "one label an image is needed"
            )
        if labels.dtype.kind not in "iub":
            raise UserError(f"{key} of {self.name} are {labels.dtype}; whole numbers are needed")
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
