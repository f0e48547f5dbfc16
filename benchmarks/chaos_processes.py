"""Ray's processes of one folder, and no others: found by the log files they hold open, killed, waited for."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks.common import ROOT

POLL = 0.1
# One thread each: on a busy machine, threads of the report's torch wait for each other for minutes.
_ENVIRONMENT = {"COLUMNS": "200", "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


@dataclass(frozen=True)
class Process:
    """One process of this machine, as /proc shows it."""

    pid: int
    command: str

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)


def processes_of(folder: Path) -> list[Process]:
    """Processes, without this one, that name the folder in their command or hold a file below it open.

    A variable in their environment would not do: Ray's workers write their titles over it.
    """
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
            # An ended process that nobody has waited for has no command, and harms nobody.
            if command and (f"{folder}/" in command or _holds_open(entry, folder)):
                found.append(Process(int(entry.name), command))
        except OSError:  # ended meanwhile, or somebody else's
            continue
    return found


def _holds_open(entry: Path, folder: Path) -> bool:
    for number in os.listdir(entry / "fd"):
        with suppress(OSError):
            if os.readlink(entry / "fd" / number).startswith(f"{folder}/"):
                return True
    return False


def trial_workers(processes: Iterable[Process]) -> list[Process]:
    """Those in which trials run."""
    return [process for process in processes if process.command.startswith("ray::ImplicitFunc")]


def raylets(processes: Iterable[Process]) -> list[Process]:
    return [process for process in processes if process.command.split(" ")[0].endswith("/raylet")]


def gone_within(seconds: float, still_there: Callable[[], list[Process]]) -> list[Process]:
    """Waits until there are none; those that are left after so many seconds."""
    deadline = time.monotonic() + seconds
    while (left := still_there()) and time.monotonic() < deadline:
        time.sleep(1.0)
    return left


class Command:
    """``sweep ...`` as a process of its own, the leader of its own group.

    Args:
        arguments: after ``sweep``.
        log: where its output goes.
        temporary: of Ray, if it starts one.
    """

    def __init__(self, arguments: Iterable[object], log: Path, temporary: Path):
        self.arguments, self.log = [str(argument) for argument in arguments], log
        self.began = time.monotonic()
        with open(log, "wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "sweep.cli", *self.arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env={**os.environ, **_ENVIRONMENT, "RAY_TMPDIR": str(temporary)},
            )

    @property
    def code(self) -> int | None:
        """The exit code: minus the signal where one killed it, None while it runs."""
        return self._process.poll()

    @property
    def output(self) -> str:
        return self.log.read_text(errors="replace")

    @property
    def refused(self) -> bool:
        """It ended by a sentence, with nothing begun."""
        return self.code == 2 and (self.output.strip().splitlines() or [""])[-1].startswith("error: ")

    @property
    def broke(self) -> bool:
        """It ended by an exception. (Ray shows those of workers too, in a sweep that goes on.)"""
        return self.code == 1 and "Traceback (most recent call last)" in self.output

    def signal(self, number: int) -> None:
        """To the driver alone, not to its group."""
        with suppress(ProcessLookupError):
            self._process.send_signal(number)

    def wait(self, until: float, meanwhile: Callable[[], object] = lambda: None) -> bool:
        """Waits for its end, at most until ``time.monotonic()`` says so; returns whether it has ended."""
        while self.code is None and time.monotonic() < until:
            meanwhile()
            time.sleep(POLL)
        meanwhile()
        return self.code is not None

    def end(self) -> None:
        """Kills it if it still runs."""
        self.signal(signal.SIGKILL)
        self._process.wait()
