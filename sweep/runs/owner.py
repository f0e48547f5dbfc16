"""Who works on a run: one process at a time, also where the folder lies on storage that many machines share.

RUN/owner/N.json tells of the N-th owner. Only one process can make the next number, so only one takes over; it writes
its own id over its predecessor's file, in which that one, and its workers, then see that they must not write any more.
An owner touches its file every few seconds. On the same machine it is asked for by its process; from elsewhere it is
taken for gone when its file was not touched for a while, by the clock of the storage and not by anybody's own.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from balancing.errors import UserError
from sweep.runs.command import command
from sweep.runs.files import DamagedFile, now, read_json, write_json
from sweep.runs.interrupts import interrupt_main

BEAT = 5.0  # seconds between two touches
PATIENCE = 60.0  # seconds without one after which an owner elsewhere is taken for gone
_TRIES = 5  # a file that is being replaced on shared storage can be out of sight for a moment


class NotOwner(RuntimeError):
    """Another process has taken the run over: this one must write nothing more."""


@dataclass(frozen=True)
class Claim:
    """What an owner hands to its workers, so that they write for it alone.

    Args:
        file: RUN/owner/N.json.
        id: of the owner.
    """

    file: str
    id: str

    def check(self) -> None:
        """Raises NotOwner where the run is not this owner's any more, and OSError where that can't be told."""
        unread: OSError | None = None
        for attempt in range(_TRIES):
            try:
                if read_json(Path(self.file), dict).get("id") == self.id:
                    return
                unread = None
                break
            except FileNotFoundError:
                unread = None
            except OSError as error:
                unread = error
            except DamagedFile as error:
                unread = error.__cause__ if isinstance(error.__cause__, OSError) else None
            time.sleep(0.05 * attempt)
        if unread is not None:  # too many open files, storage that does not answer: nobody has taken anything over
            raise unread
        raise NotOwner(f"{Path(self.file).parent.parent} is worked on by another process now; this one stops")


class Owner:
    """A run folder claimed by this process until it is released.

    Args:
        path: the run folder; made where missing.
        say: called with a sentence where an owner elsewhere has to be waited for.
        beat, patience: seconds, see ``BEAT`` and ``PATIENCE``.
    Raises:
        UserError: another process works on it.
        OSError: the folder can't be made or written to.
    """

    def __init__(
        self,
        path: Path,
        say: Callable[[str], None] = lambda sentence: None,
        *,
        beat: float = BEAT,
        patience: float = PATIENCE,
    ):
        self.path = path
        self.lost = False
        self._folder = path.resolve() / "owner"
        self._beat = beat
        self._folder.mkdir(parents=True, exist_ok=True)
        self.claim = self._take(say, patience)
        self._released = threading.Event()
        self._thread = threading.Thread(target=self._touch, name="owner", daemon=True)
        self._thread.start()

    def __enter__(self) -> Owner:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def release(self) -> None:
        """Lets the next one work on the run at once."""
        self._released.set()
        self._thread.join(timeout=10)
        with contextlib.suppress(NotOwner, OSError):
            self.claim.check()
            for number in _numbers(self._folder):
                if number <= int(Path(self.claim.file).stem):
                    (self._folder / f"{number}.json").unlink(missing_ok=True)
            self._folder.rmdir()  # where nobody waits

    def _take(self, say: Callable[[str], None], patience: float) -> Claim:
        about = {"id": uuid.uuid4().hex, "since": now(), "command": command(), **_place()}
        while True:
            number = max(_numbers(self._folder), default=0)
            before = self._folder / f"{number}.json"
            judged = _read(before).get("id", "")
            if number and _lives(before, self.path, say, patience):
                found = _read(before)
                raise UserError(
                    f"process {found.get('pid', '?')} on {found.get('host', '?')} works on run {self.path} "
                    f"(since {found.get('since', '?')}); wait until it has ended, or stop it first"
                )
            mine = self._folder / f"{number + 1}.json"
            if not _make_exclusively(mine, about):
                continue
            # Where others came and went meanwhile, what was found out about the one before says nothing any more.
            if max(_numbers(self._folder)) == number + 1 and _read(before).get("id", "") in ("", judged):
                break
            mine.unlink(missing_ok=True)
        if number:
            _depose(before, about["id"])
        for old in _numbers(self._folder):
            if old < number:
                (self._folder / f"{old}.json").unlink(missing_ok=True)
        return Claim(str(mine), about["id"])

    def _touch(self) -> None:
        while not self._released.wait(self._beat):
            try:
                self.claim.check()
                os.utime(self.claim.file)  # by the storage's clock; takes no room on a full disk
            except NotOwner:
                self.lost = True
                interrupt_main()
                return
            except OSError:  # the next beat may do better
                continue


def _numbers(folder: Path) -> list[int]:
    return [int(path.stem) for path in folder.glob("*.json") if path.stem.isdigit()]


def _read(path: Path) -> dict[str, Any]:
    """What an owner's file says; {} while it is being made, and where it is damaged."""
    try:
        found: dict[str, Any] = read_json(path, dict)
    except (OSError, DamagedFile):
        return {}
    return found


def _depose(before: Path, follower: str) -> None:
    """Has an owner that was taken for gone, and its workers, see that they must not write any more."""
    try:
        write_json(before, {**_read(before), "id": "", "followed_by": follower})
    except OSError:  # on a full disk: a file that is gone says the same, and takes no room
        before.unlink(missing_ok=True)


def _make_exclusively(path: Path, about: dict[str, Any]) -> bool:
    """Makes a file whole, unless there is one; tells whether it did."""
    draft = path.with_name(f".{about['id']}")
    write_json(draft, about)
    try:
        os.link(draft, path)
    except FileExistsError:
        # Over a network a request can be carried out, its answer be lost, and then be made again.
        return bool(_read(path).get("id") == about["id"])
    except OSError:  # a file system without hard links
        try:
            descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
        except FileExistsError:
            return bool(_read(path).get("id") == about["id"])
        with os.fdopen(descriptor, "wb") as file:
            file.write(json.dumps(about).encode())
    finally:
        draft.unlink(missing_ok=True)
    return True


def _place() -> dict[str, Any]:
    """Where this process is, so that another one can tell whether it may ask for it: host, boot, namespace, process."""
    return {
        "host": platform.node(),
        "boot": _text("/proc/sys/kernel/random/boot_id"),
        "namespace": _namespace(),
        "pid": os.getpid(),
        "began": _process_start(os.getpid()),
    }


def _namespace() -> str:
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:
        return ""


def _text(path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return ""


def _process_start(pid: int) -> str:
    """When a process of this machine began, in its kernel's ticks; "" where there is none, or it is dead already."""
    fields = _text(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return fields[19] if len(fields) > 19 and fields[0] not in "ZX" else ""


def _is_hidden(pid: int) -> bool:
    """Whether a process is there of which /proc tells nothing: another user's, as clusters hide them (hidepid)."""
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (OSError, OverflowError):
        return False
    return False


def _lives(file: Path, path: Path, say: Callable[[str], None], patience: float) -> bool:
    """Whether the owner that a file tells of still works on the run."""
    found = _read(file)
    if found and not found.get("id"):  # it was followed, by one that is gone
        return False
    here = _place()
    if found and found.get("boot") and all(found.get(key) == here[key] for key in ("host", "boot", "namespace")):
        pid = found.get("pid")
        if not isinstance(pid, int) or not found.get("began"):
            return False
        began = _process_start(pid)
        if began or not _is_hidden(pid):
            return bool(began == found["began"])
    return _is_touched(file, path, found, say, patience)


def _is_touched(file: Path, path: Path, found: dict[str, Any], say: Callable[[str], None], patience: float) -> bool:
    """Whether a file was touched within ``patience`` seconds, or is while one looks that long."""
    touched = _touched(file)
    if not touched:
        return False
    probe = file.with_name(f".probe-{uuid.uuid4().hex}")
    try:
        probe.write_bytes(b"")  # its time is the storage's, as the other's is
        age = probe.stat().st_mtime - touched
    except FileNotFoundError:  # its owner has just let it go, with the folder
        return False
    finally:
        probe.unlink(missing_ok=True)
    if age > patience:
        return False
    where = f"process {found.get('pid', '?')} on {found.get('host', 'another machine')}"
    say(f"{where} worked on {path} {max(0, age):.0f} s ago; looking for up to {patience:.0f} s whether it still does.")
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        time.sleep(min(1.0, patience / 20))
        if (again := _touched(file)) != touched:
            return again > 0
    return False


def _touched(file: Path) -> float:
    """When a file was last touched; 0 where there is none. Opened first: shared storage then tells the truth."""
    try:
        with file.open("rb") as opened:
            return os.fstat(opened.fileno()).st_mtime
    except OSError:
        return 0.0
