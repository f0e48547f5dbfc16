"""What frozen bodies made of images, on disk: beside the decoded pixels and by the same rules.

An entry is made in a folder of its own and renamed into place, so none is ever half-made, and its bytes are compared
with their checksums whenever it is opened; see ``balancing.data.cache``.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import os
import shutil
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from balancing.data.cache import Cache, Entry, entry_key
from balancing.errors import UserError
from sweep.runs.network_name import NetworkName
from sweep.runs.spec import TrialSpec
from sweep.training.frozen.extract import Looks

VERSION = 1  # of what is stored: another where the same body would be given other numbers of the same image
_FILE = "vectors.npy"
FOLDER = "vectors"  # of a run, where vectors can't lie beside the images


@dataclass(frozen=True)
class Stored:
    """Vectors on disk, all their bytes verified.

    Args:
        path: the .npy file.
        rows: (R, D) float32, read-only, memory-mapped from it.
        fingerprint: hex, of the numbers.
    """

    path: Path
    rows: np.ndarray
    fingerprint: str


@dataclass(frozen=True)
class VectorStore:
    """A folder of vectors, shared by processes.

    Args:
        folder: of a cache of decoded images, or of a run.
        also: another, which is read and never written: a cache that can't be; "" for none.
    Attributes:
        notes: sentences on entries that were found damaged.
    """

    folder: str
    also: str = ""
    notes: list[str] = field(default_factory=list, compare=False)

    def opened(
        self,
        key: str,
        count: int,
        made: Callable[[], Generator[np.ndarray]],
        first: np.ndarray | None = None,
    ) -> Stored:
        """The vectors of that name; where there are none, or damaged ones, they are made.

        Two processes that make the same ones at once both do, and one of them is kept.

        Args:
            key: as of ``key_of``.
            count: how many rows are made.
            made: gives them, (B, D) float32 at a time; what it raises leaves nothing behind.
            first: (N, D) float32, rows that the file has before them.
        Raises:
            UserError: the folder can't be written.
        """
        before = 0 if first is None else len(first)
        known = self._known(key, before + count)
        if known is not None:
            return known
        cache = Cache(Path(self.folder))
        entry = cache.find(key)
        found = None if entry is None else _read(entry, key, before + count)
        if entry is not None and found is None:
            shutil.rmtree(entry.folder, ignore_errors=True)  # whole, but another's: it would stand in the way
        if cache.notes or (entry is not None and found is None):
            self.notes.append(
                f"The features in {cache.folder / key} were damaged (their checksum is another), so they are made "
                "anew; if that happens again, look after the disk."
            )
        if found is not None:
            return found

        def fill(folder: Path) -> dict[str, Any]:
            with contextlib.closing(made()) as rows:  # what it changed of the process is put back at once
                parts = rows if first is None else itertools.chain([np.asarray(first)], rows)
                return {"key": key, "fingerprint": _write(folder / _FILE, before + count, parts)}

        found = _read(cache.build(key, fill), key, before + count)
        assert found is not None
        return found

    def _known(self, key: str, count: int) -> Stored | None:
        """Those of the folder that is only read; None where it has none, or where they are damaged."""
        if not self.also or not (Path(self.also) / key).is_dir():
            return None
        with contextlib.suppress(UserError):
            cache = Cache(Path(self.also))
            entry = cache.find(key)
            if cache.notes:
                self.notes.append(f"The features in {cache.folder / key} are damaged (their checksum is another).")
            return None if entry is None else _read(entry, key, count)
        return None


def store_of(pixels: Path, run: Path) -> VectorStore:
    """Where what a run's body makes of its images is kept.

    Args:
        pixels: the file of the images, in an entry of a cache.
        run: the run folder.
    Returns:
        That of the cache, or where nothing can be written there one in the run, which knows what the cache has.
    """
    folder = pixels.parent.parent
    with contextlib.suppress(UserError):
        Cache(folder)
        if os.access(folder, os.W_OK):
            return VectorStore(str(folder))
    return VectorStore(str(run / FOLDER), also=str(folder))


def _write(path: Path, count: int, made: Iterable[np.ndarray]) -> str:
    """Writes rows one after the other as one .npy file; returns their fingerprint.

    Plain writes: where the disk is full these raise, and a memory map would end the process.
    """
    sha256, rows = hashlib.sha256(), 0
    with path.open("wb") as file:
        for found in made:
            part = np.ascontiguousarray(found, dtype="<f4")
            if rows == 0:
                shape = (count, part.shape[1])
                header = {"descr": "<f4", "fortran_order": False, "shape": shape}
                np.lib.format.write_array_header_1_0(file, header)
            file.write(part.data)
            sha256.update(part.data)
            rows += len(part)
    if rows != count:
        raise ValueError(f"{count} vectors were to be made, but {rows} were")
    return sha256.hexdigest()


def _read(entry: Entry, key: str, count: int) -> Stored | None:
    """An entry's vectors; None where it holds something else, such as those of another name that were put there."""
    try:
        if entry.meta.get("key", key) != key:
            return None
        path = entry.folder / _FILE
        rows = np.load(path, mmap_mode="r", allow_pickle=False)
        sound = rows.dtype == np.float32 and rows.ndim == 2 and len(rows) == count
        return Stored(path, rows, str(entry.meta["fingerprint"])) if sound else None
    except (OSError, ValueError, KeyError):
        return None


def key_of(spec: TrialSpec, device: str, looks: Looks | None = None) -> str:
    """The name of vectors: a readable beginning and a hash of all that settles them.

    Args:
        spec: of a trial behind the body.
        device: its kind, ``cpu`` or ``cuda``, which round differently.
        looks: at what, where it is not each image of the set as it is.
    """
    name = NetworkName.parse(spec.network).architecture
    parts: list[Any] = [VERSION, spec.data, name, spec.weights, spec.stem, spec.image_size, spec.mean, spec.std]
    parts += [spec.precision, device]
    if looks is not None:
        plan, views = looks.plan, looks.views
        numbers = (plan.base.astype("<i8"), plan.mate.astype("<i8"), plan.weight.astype("<f8"))
        parts.append(hashlib.sha256(b"".join(values.tobytes() for values in numbers)).hexdigest())
        if views is not None:
            parts.append([views.count, views.augmentation, views.strength, views.parameters, views.counts])
    return entry_key(f"{name}-features", spec.image_size, parts)
