"""Files that are whole or not there: how every record is written, and what a damaged one raises when it is read."""

from __future__ import annotations

import contextlib
import errno
import io
import json
import os
import re
import shutil
import uuid
import zipfile
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from balancing.errors import UserError
from sweep.runs.shapes import Shape, misfit

Guard = Callable[[], None]
# As ``write_atomically`` names what is not whole yet: .NAME.PID.HEX
_UNFINISHED = re.compile(r"^\..+\.\d+\.[0-9a-f]{8}$")


class DamagedFile(UserError):
    """A record that is there and can't be read: empty, cut off, or not what was written.

    Args:
        path: the file.
        reason: one clause.
    """

    def __init__(self, path: Path, reason: str) -> None:
        self.path = path
        super().__init__(f"{path} is damaged ({reason})")


def no_guard() -> None:
    """Anybody may write."""


def now() -> str:
    """The time, UTC, ISO 8601 to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def write_atomically(
    path: Path, content: bytes | memoryview, guard: Guard = no_guard, *, private: bool = False
) -> None:
    """Writes a file whole or not at all, also where the machine loses its power meanwhile.

    Another name first, flushed to the disk, then renamed over the old one.

    Args:
        path: its folder is made where missing.
        content: all of it.
        guard: called between the flush and the rename; what it raises leaves the old file as it is.
        private: readable by its owner alone, from the first byte on.
    Raises:
        OSError: no room, or no right to write there.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and not path.is_file() and not path.is_dir():  # /dev/null: a rename would put a file in its place
        raise FileExistsError(errno.EEXIST, "a device, a pipe or a socket is in its place", str(path))
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{uuid.uuid4().hex[:8]}")
    try:
        with temporary.open("wb") as file:
            if private:
                temporary.chmod(0o600)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        guard()
        try:
            os.replace(temporary, path)
        except IsADirectoryError as error:
            raise DamagedFile(path, "a folder is in its place; move it away") from error
    finally:
        temporary.unlink(missing_ok=True)
    _flush_folder(path.parent)


def _flush_folder(folder: Path) -> None:
    """Has the rename itself reach the disk; some file systems can't be asked."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def write_torch(path: Path, value: Any, guard: Guard = no_guard) -> None:
    """``torch.save``, atomically."""
    import torch

    buffer = io.BytesIO()
    torch.save(value, buffer)
    write_atomically(path, buffer.getbuffer(), guard)


def is_whole_zip(path: Path) -> bool:
    """Whether a zip file, such as ``torch.save`` writes, is there and holds what its checksums say.

    ``torch.load`` does not look at them: zeroed blocks would come back as weights. It would unpack packed members too.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return is_stored(archive, path.stat().st_size) and archive.testzip() is None
    except Exception:  # a damaged file can raise almost anything
        return False


def is_stored(archive: zipfile.ZipFile, size: int) -> bool:
    """Whether a zip file of ``size`` bytes holds its members unpacked and once each, as ``torch.save`` writes them.

    Members that are packed, or lie over each other, can be of any size in a small file.
    """
    members = archive.infolist()
    return sum(m.file_size for m in members) <= size and all(m.compress_type == zipfile.ZIP_STORED for m in members)


def write_json(path: Path, value: Any, guard: Guard = no_guard) -> None:
    """JSON, readable, atomically. NaN is written as null."""
    write_atomically(path, json.dumps(_without_nan(value), indent=1, ensure_ascii=False).encode(), guard)


def append_json_line(path: Path, value: Any) -> None:
    """One more line of a .jsonl file, flushed to the disk; a line that was cut off before it stays on its own."""
    with path.open("ab") as file:
        torn = file.tell() > 0 and not path.read_bytes().endswith(b"\n")
        file.write((b"\n" if torn else b"") + json.dumps(value).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def read_json(path: Path, kind: type = object, shape: Shape = None) -> Any:
    """What ``write_json`` wrote.

    Args:
        kind: ``dict`` or ``list`` where the file must hold one.
        shape: of `sweep.runs.shapes`, which it must have; None asks nothing.
    Raises:
        FileNotFoundError: there is none.
        DamagedFile: it is empty, cut off, or holds something else.
    """
    if path.exists() and not path.is_file():  # to read a pipe would wait for ever
        raise DamagedFile(path, f"{'a directory' if path.is_dir() else 'no file'} is in its place")
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise
    except (ValueError, RecursionError) as error:  # what is no UTF-8 is a ValueError too
        size = path.stat().st_size
        raise DamagedFile(path, "it is empty" if size == 0 else f"no JSON in its {size} bytes") from error
    except OSError as error:
        raise DamagedFile(path, str(error.strerror).lower()) from error
    if not isinstance(found, kind):
        raise DamagedFile(path, f"it holds a {type(found).__name__}, not a {kind.__name__}")
    if shape is not None and (wrong := misfit(found, shape)):
        raise DamagedFile(path, wrong)
    return found


def stamp_of(path: Path) -> tuple[int, int]:
    """(ns of its last change, bytes): another for another content, as far as the disk tells; (0, 0) where it is not."""
    try:
        found = path.stat()
    except OSError:
        return 0, 0
    return found.st_mtime_ns, found.st_size


def remove(path: Path) -> None:
    """Takes away a file, or whatever stands in its place; nothing where there is none."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def is_unfinished(name: str) -> bool:
    """Whether a file's name is that of one that ``write_atomically`` has not put in place."""
    return _UNFINISHED.match(name) is not None


def unfinished_files(folders: Iterable[Path]) -> list[Path]:
    """What writers that were killed left behind in these folders; up to 135 MB each."""
    found = []
    for folder in folders:
        with contextlib.suppress(OSError):
            found += [path for path in folder.iterdir() if is_unfinished(path.name) and path.is_file()]
    return found


def _without_nan(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(k): _without_nan(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(v) for v in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value
