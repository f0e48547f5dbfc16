"""The files of a folder or of a .zip, by their paths below it: size, first bytes, whether two are the same, content."""

from __future__ import annotations

import hashlib
import os
import stat
import zipfile
import zlib
from abc import ABC, abstractmethod
from collections.abc import Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from balancing.data.content import Content, Unreadable
from balancing.data.pixels.imagefile import MOST_ENCODED, BrokenImageError
from balancing.data.sources.base import digest, files_identity
from balancing.data.sources.walking import is_rubbish
from balancing.data.sources.zipped import IN_STEPS, open_zip, read_member

_STEP = 1 << 20
LOST = -1  # the size of a link that leads nowhere


class FileSet(ABC):
    """Files below one root.

    Attributes:
        root: the folder, or the .zip.
        root_name: what a nested copy of all repeats.
        sizes: path below the root, with ``/`` -> bytes; ``LOST`` for a link that leads nowhere.
        identity: changes when a file does.
        packed: whether they lie in a .zip.
    """

    root: Path
    root_name: str
    sizes: dict[str, int]
    identity: str
    packed = False

    @abstractmethod
    def head(self, path: str, count: int) -> bytes:
        """The first bytes of a file; none where it can't be read."""

    @abstractmethod
    def fingerprints(self, paths: Sequence[str]) -> list[Hashable]:
        """For each file what is equal for equal bytes alone; a file that can't be read is equal to none."""

    @abstractmethod
    def content(self, path: str) -> Content:
        """What a listed image is."""


class DiskFiles(FileSet):
    """Files of a folder, given by their paths below it."""

    def __init__(self, root: Path, files: Sequence[str]) -> None:
        self.root, self.root_name = root, root.resolve().name
        self.sizes, changed = {}, []
        for path in files:  # text and one call a file: pathlib would take a warm start's time ten times over
            full = f"{root}/{path}"
            try:
                found = os.stat(full)
            except OSError:
                if os.path.islink(full):
                    self.sizes[path] = LOST
                    changed.append([path, LOST, 0])
                    continue
                raise
            if stat.S_ISREG(found.st_mode):
                self.sizes[path] = found.st_size
                changed.append([path, found.st_size, found.st_mtime_ns])
        self.identity = digest(changed)

    def head(self, path: str, count: int) -> bytes:
        try:
            with open(f"{self.root}/{path}", "rb") as file:
                return file.read(count)
        except OSError:
            return b""

    def fingerprints(self, paths: Sequence[str]) -> list[Hashable]:
        with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
            return list(pool.map(self._fingerprint, paths))

    def _fingerprint(self, path: str) -> Hashable:
        if self.sizes[path] > MOST_ENCODED:  # is not read as an image either
            return path
        found = hashlib.blake2b(digest_size=16)
        try:
            with open(f"{self.root}/{path}", "rb") as file:
                while block := file.read(_STEP):
                    found.update(block)
        except OSError:
            return path
        return found.digest()

    def content(self, path: str) -> Content:
        if self.sizes[path] == LOST:
            return Unreadable("its link leads nowhere")
        return self.root / path


class ZippedFiles(FileSet):
    """Files in a .zip, which is read where it lies."""

    packed = True

    def __init__(self, source: str, path: Path) -> None:
        self.root, self.root_name = path, path.stem
        self._archive = open_zip(source, path)
        self._members = {
            info.filename.lstrip("/"): info  # a whole path would mean a file of this machine
            for info in self._archive.infolist()
            if not info.is_dir() and not is_rubbish(info.filename)
        }
        self.sizes = {name: info.file_size for name, info in self._members.items()}
        self.identity = files_identity(path.parent, [path])

    def head(self, path: str, count: int) -> bytes:
        if self._members[path].compress_type not in IN_STEPS:
            return b""
        try:
            with self._archive.open(self._members[path]) as member:
                return member.read(count)
        except (zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, RuntimeError):
            return b""

    def fingerprints(self, paths: Sequence[str]) -> list[Hashable]:
        """By the check sums that the archive states (and that are checked when a member is read)."""
        return [(self._members[path].CRC, self._members[path].file_size) for path in paths]

    def content(self, path: str) -> Content:
        try:
            return read_member(self._archive, self._members[path])
        except BrokenImageError as error:
            return Unreadable(str(error))
        except (zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, RuntimeError) as error:
            return Unreadable(f"it is damaged in the zip file: {error}")
