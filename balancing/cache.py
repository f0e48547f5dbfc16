"""Decoded image sets on disk: written in a folder of their own, then renamed into place, so none is ever half-made.

An entry holds ``pixels.npy``, ``rows.parquet``, ``meta.json`` and, where lesions are known, ``masks.npy``.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from balancing.errors import UserError
from balancing.sources.base import digest

VARIABLE = "BALANCING_ACT_CACHE"
_TEMPORARY = ".tmp-"
_STALE_SECONDS = 24 * 3600


@dataclass(frozen=True)
class Entry:
    """One decoded image set on disk, its sizes checked.

    Args:
        folder: where it lies.
        meta: what meta.json says: class_names, fingerprint, notes, bad, files, created.
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
    Raises:
        UserError: the folder cannot be made or written.
    """

    def __init__(self, folder: Path | None = None) -> None:
        if folder is None:
            named = os.environ.get(VARIABLE)
            folder = Path(named) if named else Path.home() / ".cache" / "balancing-act"
        self.folder = folder.expanduser().absolute()
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise self._unwritable(error) from None

    def _unwritable(self, error: OSError) -> UserError:
        return UserError(
            f"the cache folder {self.folder} cannot be written ({error.strerror or error}); "
            f"name another folder in {VARIABLE}"
        )

    def find(self, key: str) -> Entry | None:
        """The entry of that name, or None where there is none or its files are not as long as they should be."""
        folder = self.folder / key
        try:
            meta = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
            sizes = meta["files"]
            if all((folder / name).stat().st_size == size for name, size in sizes.items()):
                return Entry(folder, meta)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
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
            meta["files"] = {file.name: file.stat().st_size for file in sorted(temporary.iterdir())}
            meta["created"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
            (temporary / "meta.json").write_text(json.dumps(meta, indent=1), encoding="utf-8")
            temporary.chmod(0o755)
            self._move_into_place(temporary, key)
        except OSError as error:
            if error.filename is not None and not str(error.filename).startswith(str(self.folder)):
                raise  # a file of the source, not of the cache
            raise self._unwritable(error) from error
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        entry = self.find(key)
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
            if self.find(key) is not None:
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
        """Notes which entry a request led to, so that it is found again without a network."""
        folder = self.folder / "remembered"
        folder.mkdir(exist_ok=True)
        file = folder / f"{digest(request)[:32]}.txt"
        new = file.with_name(f"{file.name}.{os.getpid()}")
        new.write_text(key, encoding="utf-8")
        os.replace(new, file)

    def recall(self, request: Any) -> Entry | None:
        """The entry that this request led to last, or None."""
        try:
            key = (self.folder / "remembered" / f"{digest(request)[:32]}.txt").read_text(encoding="utf-8").strip()
        except OSError:
            return None
        return self.find(key) if key else None


def entry_key(source_name: str, image_size: int, parts: Any) -> str:
    """A readable beginning and a hash of all that settles the pixels and rows."""
    readable = re.sub(r"[^A-Za-z0-9.]+", "-", source_name.rstrip("/").rsplit("/", 1)[-1]).strip("-.")[:40] or "images"
    return f"{readable}-{image_size}-{digest(parts)[:20]}"
