"""Decoded image sets on disk: written in a folder of their own, then renamed into place, so none is ever half-made.

An entry holds ``pixels.npy``, ``rows.parquet``, ``meta.json`` and, where lesions are known, ``masks.npy``. It is its
owner's alone (see `balancing.data.private`), and it is used only if every byte is what was written: meta.json holds the
checksums, which are verified each time an entry is looked for. That guards against disks, not against people.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from balancing.data.checksums import block_checksums
from balancing.data.private import check_owner, close_entry, close_to_others, make_folder, open_to_others
from balancing.data.sources.base import digest
from balancing.errors import UserError

VARIABLE = "BALANCING_ACT_CACHE"
_TEMPORARY = ".tmp-"
_REMEMBERED = "remembered"
_STALE_SECONDS = 24 * 3600
_ROWS = 256  # images hashed at once


@dataclass(frozen=True)
class Entry:
    """One decoded image set on disk, all its bytes verified.

    Args:
        folder: where it lies.
        meta: what meta.json says: class_names, fingerprint, notes, bad, files, checksums, created.
    """

    folder: Path
    meta: dict[str, Any]

    @property
    def pixels_path(self) -> Path:
        return self.folder / "pixels.npy"

    @property
    def rows_path(self) -> Path:
        return self.folder / "rows.parquet"

    @property
    def masks_path(self) -> Path | None:
        return self.folder / "masks.npy" if "masks.npy" in self.meta["files"] else None


class Cache:
    """A folder of entries, shared by processes.

    Args:
        folder: by default $BALANCING_ACT_CACHE, or else ~/.cache/balancing-act.
    Attributes:
        notes: sentences on entries that were found damaged.
    Raises:
        UserError: the folder cannot be made or looked into, or is open to other users' writing.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.notes: list[str] = []
        try:
            if folder is None:
                named = os.environ.get(VARIABLE)
                if not named and os.environ.get("HOME") == "":
                    raise RuntimeError("HOME is empty")  # else it would be the root folder
                folder = Path(named) if named else Path.home() / ".cache" / "balancing-act"
            self.folder = folder.expanduser().absolute()
            str(self.folder).encode()
        except UnicodeEncodeError:
            raise UserError(
                f"the cache folder {folder} has a name that is no UTF-8; name another folder in {VARIABLE}"
            ) from None
        except RuntimeError as error:  # no home
            raise UserError(
                f"there is no place for the cache of decoded images ({error}); name a folder in {VARIABLE}"
            ) from None
        try:
            make_folder(self.folder, group_writes=True)
            check_owner(self.folder, VARIABLE)
            if open_to_others(self.folder) and self._holds_only_ours():  # of an older version
                close_to_others(self.folder)
        except OSError as error:
            raise self._unwritable(error) from None

    def _holds_only_ours(self) -> bool:
        """Whether nothing but the cache's own lies in its folder, so that it may be closed to others."""
        return all(
            path.name.startswith(_TEMPORARY) or path.name == _REMEMBERED or (path / "meta.json").is_file()
            for path in self.folder.iterdir()
        )

    def _unwritable(self, error: OSError) -> UserError:
        return UserError(
            f"the cache folder {self.folder} cannot be written ({error.strerror or error}); "
            f"name another folder in {VARIABLE}"
        )

    def find(self, key: str) -> Entry | None:
        """The entry of that name; None where there is none, or where it is damaged, which ``notes`` then says.

        All its bytes are read and their checksums compared: 1 GB takes 0.2 s where it is in memory already. What an
        older version wrote without checksums gets them where its pixels and labels still have their fingerprint.
        """
        entry = self._complete(key)
        if entry is None:
            return None
        with contextlib.suppress(OSError):
            if open_to_others(entry.folder):  # an older version's
                close_entry(entry.folder)
        if _intact(entry):
            return entry
        self.notes.append(
            f"The decoded images in {entry.folder} were damaged (their checksum is another), so they are decoded anew; "
            "if that happens again, look after the disk."
        )
        return None

    def _complete(self, key: str) -> Entry | None:
        """The entry of that name, or None where there is none or its files are not as long as they should be."""
        folder = self.folder / key
        try:
            meta = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
            sizes = meta["files"]
            if all((folder / name).stat().st_size == size for name, size in sizes.items()):
                return Entry(folder, meta)
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            pass
        return None

    def require_room(self, needed: int) -> None:
        """Raises UserError where fewer than ``needed`` bytes are free."""
        free = shutil.disk_usage(self.folder).free
        if needed > free:
            raise UserError(
                f"the decoded images need {needed / 1e9:.2f} GB in {self.folder}, where {free / 1e9:.2f} GB are free; "
                f"make room, choose a smaller image size, or name a folder with more room in {VARIABLE}"
            )

    def build(self, key: str, fill: Callable[[Path], dict[str, Any]]) -> Entry:
        """Makes the entry, unless another process was faster.

        Args:
            key: the entry's name.
            fill: writes all files into the folder it is given and returns what meta.json shall say of them.
        Raises:
            UserError: the disk is full or the folder cannot be written; nothing is left behind.
        """
        self._remove_stale()
        try:
            temporary = Path(tempfile.mkdtemp(prefix=f"{_TEMPORARY}{os.getpid()}-", dir=self.folder))
        except OSError as error:
            raise self._unwritable(error) from None
        try:
            meta = fill(temporary)
            files = sorted(temporary.iterdir())
            meta["files"] = {file.name: file.stat().st_size for file in files}
            meta["created"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
            meta["checksums"] = {file.name: block_checksums(file) for file in files}
            (temporary / "meta.json").write_text(_sealed(meta), encoding="utf-8")
            close_entry(temporary)
            self._move_into_place(temporary, key)
        except OSError as error:
            if error.filename is not None and not str(error.filename).startswith(str(self.folder)):
                raise  # a file of the source, not of the cache
            raise self._unwritable(error) from error
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        entry = self._complete(key)
        if entry is None:
            raise UserError(f"the cache entry {self.folder / key} was damaged while it was made; run again")
        return entry

    def _move_into_place(self, temporary: Path, key: str) -> None:
        target = self.folder / key
        for _ in range(10):
            try:
                os.rename(temporary, target)
                return
            except OSError:
                if not target.exists():
                    raise
            there = self._complete(key)
            if there is not None and _intact(there):
                return  # another process was faster; its entry is as good
            aside = Path(tempfile.mkdtemp(prefix=f"{_TEMPORARY}damaged-", dir=self.folder))
            with contextlib.suppress(OSError):  # another process may have moved it first
                os.rename(target, aside)
            shutil.rmtree(aside, ignore_errors=True)

    def _remove_stale(self) -> None:
        """Removes what killed processes left, a day later."""
        for folder in self.folder.glob(f"{_TEMPORARY}*"):
            with contextlib.suppress(OSError):
                newest = max(path.stat().st_mtime for path in [folder, *folder.iterdir()])
                if time.time() - newest > _STALE_SECONDS:
                    shutil.rmtree(folder, ignore_errors=True)

    def remember(self, request: Any, key: str) -> None:
        """Notes which entry a request led to, so that it is found again without a network; where that can be written.

        A cache that can only be read serves what it holds.
        """
        folder = self.folder / _REMEMBERED
        with contextlib.suppress(OSError):
            make_folder(folder, group_writes=True)
            file = folder / f"{digest(request)[:32]}.txt"
            new = file.with_name(f"{file.name}.{os.getpid()}")
            new.write_text(key, encoding="utf-8")
            close_to_others(new)
            os.replace(new, file)

    def recall(self, request: Any) -> Entry | None:
        """The entry that this request led to last, or None."""
        try:
            key = (self.folder / _REMEMBERED / f"{digest(request)[:32]}.txt").read_text(encoding="utf-8").strip()
        except OSError:
            return None
        return self.find(key) if key else None


def content_fingerprint(shape: Sequence[int], pixels_sha256: str, class_names: Sequence[str], labels: Any) -> str:
    """Hex, of the pixels and labels: equal on every machine for equal content and size.

    Args:
        shape: of the pixels, (N, S, S) or (N, S, S, 3).
        pixels_sha256: hex, of all pixels.
        class_names: (C,).
        labels: (N,) whole numbers.
    """
    named = json.dumps([list(shape), pixels_sha256, list(class_names)]).encode()
    return hashlib.sha256(named + np.ascontiguousarray(labels, dtype="<i8").tobytes()).hexdigest()


def _sealed(meta: dict[str, Any]) -> str:
    """meta.json's text, with a digest of all the rest in it."""
    return json.dumps({**meta, "seal": digest(meta)}, indent=1)


def _intact(entry: Entry) -> bool:
    """Whether every byte of the entry is as it was written."""
    meta = {name: value for name, value in entry.meta.items() if name != "seal"}
    try:
        if "checksums" not in meta:
            return _seal_an_older_one(entry)
        return entry.meta.get("seal") == digest(meta) and all(
            block_checksums(entry.folder / name) == meta["checksums"].get(name) for name in meta["files"]
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return False


def _seal_an_older_one(entry: Entry) -> bool:
    """Whether an entry without checksums has its fingerprint; if so it gets checksums, where it can be written."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        pixels = np.load(entry.pixels_path, mmap_mode="r")
        sha256 = hashlib.sha256()
        for start in range(0, len(pixels), _ROWS):
            sha256.update(np.ascontiguousarray(pixels[start : start + _ROWS]).data)
        with pq.ParquetFile(entry.rows_path) as file:
            labels = file.read(columns=["label"], use_threads=False).column("label").to_numpy()
    except pa.ArrowException:
        return False
    found = content_fingerprint(pixels.shape, sha256.hexdigest(), entry.meta["class_names"], labels)
    if found != entry.meta["fingerprint"]:
        return False
    checksums = {name: block_checksums(entry.folder / name) for name in entry.meta["files"]}
    with contextlib.suppress(OSError):
        new = entry.folder / f".meta.json.{os.getpid()}"
        new.write_text(_sealed({**entry.meta, "checksums": checksums}), encoding="utf-8")
        close_to_others(new)
        os.replace(new, entry.folder / "meta.json")
    return True


def entry_key(source_name: str, image_size: int, parts: Any) -> str:
    """A readable beginning and a hash of all that settles the pixels and rows."""
    readable = re.sub(r"[^A-Za-z0-9.]+", "-", source_name.rstrip("/").rsplit("/", 1)[-1]).strip("-.")[:40] or "images"
    return f"{readable}-{image_size}-{digest(parts)[:20]}"
