"""One kill of a sweep at a random moment, its resumes to the end, and what is left of the records then."""

from __future__ import annotations

import shutil
import signal
import time
from pathlib import Path

import numpy as np

from benchmarks.chaos_outcomes import KINDS, PLACES, Outcome
from benchmarks.chaos_places import Bench
from benchmarks.chaos_processes import POLL, Command, Process, gone_within, raylets, trial_workers
from benchmarks.chaos_records import Watched, differing, leftovers, read_json, tables, unfinished

RESUMES = 3
# A sweep that ended before it was struck is begun once more.
TRIES = 3
# After the last driver's end: until then Ray's own processes have to be gone.
GRACE_SECONDS = 30.0
# Two resumes at once are started so far apart at most.
APART_SECONDS = 4.0
# 128 + the signal, as shells say; 130 is what Ctrl-C ends with.
STOPPED = (130, 143)


def one_case(bench: Bench, kind: str, place: str, number: int, *, seed: int, logs: Path) -> Outcome:
    """One kill and its resumes.

    Args:
        seed: with kind, place and number it decides the moment, as a share of the undisturbed sweep.
        logs: where the output of a case that did not go as promised is kept.
    """
    rng = np.random.default_rng([seed, list(KINDS).index(kind), list(PLACES).index(place), number])
    share = rng.uniform()
    for _ in range(TRIES):
        outcome = Outcome(kind, place, number, bench.undisturbed(place).moment(kind, share))
        with bench.folder(small_disk=kind == "disk") as folder:
            case = _Case(bench, outcome, folder, rng)
            try:
                case.go()
            finally:
                case.end()
                bench.clean(place, broken=kind == "raylet")
            if outcome.struck:
                if not outcome.clean:
                    _keep(folder, logs / f"{kind}-{place}-{number}")
                break
    return outcome


def _keep(folder: Path, logs: Path) -> None:
    shutil.rmtree(logs, ignore_errors=True)
    logs.mkdir(parents=True)
    for path in folder.glob("log*"):
        shutil.copy(path, logs / path.name)


class _Case:
    def __init__(self, bench: Bench, outcome: Outcome, folder: Path, rng: np.random.Generator):
        self._bench, self._outcome, self._folder, self._rng = bench, outcome, folder, rng
        self._place, self._run = outcome.place, folder / "disk" / "run"
        self._filler = folder / "disk" / "filler"
        self._watched = Watched()
        self._commands: list[Command] = []

    def go(self) -> None:
        found = self._outcome
        first = self._started(self._bench.begin(self._place, self._log(), self._run))
        first.wait(first.began + found.moment, self._look)
        self._strike(first)
        if not found.struck:
            self._bench.took(self._place, time.monotonic() - first.began)
            return
        self._ended(first, self._fill if found.kind == "disk" else self._look)
        self._judge_first(first)
        self._filler.unlink(missing_ok=True)
        if found.kind == "two":
            self._two_at_once()
        while (self._last.code != 0 or unfinished(self._run)) and found.resumes < RESUMES:
            again = self._started(self._bench.resume(self._place, self._log(), self._run))
            self._ended(again)
            found.resumes += 1
            if again.code != 0:
                found.failed_resumes += 1
        found.lost, found.twice = self._watched.lost(self._run), self._watched.trained_twice(self._run)
        found.differing = differing(self._bench.undisturbed(self._place).tables, tables(self._run))
        found.files = leftovers(self._run)
        found.processes = [process.command for process in self._left_over()]

    def end(self) -> None:
        for command in self._commands:
            command.end()

    def _log(self) -> Path:
        return self._folder / f"log{len(self._commands)}"

    def _started(self, command: Command) -> Command:
        self._commands.append(command)
        self._last = command
        return command

    def _look(self) -> None:
        self._watched.look(self._run)

    def _strike(self, first: Command) -> None:
        """Kills, or waits for something to kill until the sweep ends."""
        kind, local = self._outcome.kind, self._place == "local"
        if first.code is not None:
            return
        if kind in ("driver", "two", "sigterm"):
            first.signal(signal.SIGTERM if kind == "sigterm" else signal.SIGKILL)
        elif kind in ("worker", "raylet"):
            victims: list[Process] = []
            while not victims and not first.wait(time.monotonic() + POLL, self._look):
                alive = self._bench.processes(self._place)
                found = trial_workers(alive) if kind == "worker" else raylets(alive)
                victims = found if kind == "worker" or local else [self._bench.second_raylet()]
            if not victims or first.code is not None:
                return
            victims[int(self._rng.integers(len(victims)))].kill()
        self._outcome.struck = True

    def _fill(self) -> None:
        """Takes what is free on the small disk, again and again."""
        self._look()
        try:
            with open(self._filler, "ab", buffering=0) as file:
                while file.write(bytes(1 << 20)):
                    pass
        except OSError:  # full
            pass

    def _ended(self, command: Command, meanwhile: object = None) -> None:
        """Waits for a command's end, and notes a hang or a traceback."""
        found = self._outcome
        look = meanwhile if callable(meanwhile) else self._look
        if not command.wait(self._bench.deadline(self._place), look):
            found.badly.append(f"{command.arguments[0]} hung")
            command.end()
            found.codes.append(None)
        else:
            found.codes.append(command.code)
        found.seconds += time.monotonic() - command.began
        if command.broke:
            found.badly.append(f"{command.arguments[0]}: traceback")

    def _judge_first(self, first: Command) -> None:
        """Whether the command that was struck ended as promised."""
        found, code = self._outcome, first.code
        info = read_json(self._run / "run.json") or {}
        status = info.get("status")
        survives = found.kind == "worker" or (found.kind == "raylet" and self._place == "cluster")
        if survives and code != 0:
            found.badly.append(f"exit code {code}")
        if found.kind == "sigterm":
            before = code == -signal.SIGTERM and status is None  # Python itself had hardly begun
            if code not in STOPPED and not before and not (code == 0 and status == "finished"):
                found.badly.append(f"exit code {code}")
            if code in STOPPED and status not in (None, "interrupted", "finished"):
                found.badly.append(f"status {status}")

    def _two_at_once(self) -> None:
        """One is to be refused and the other to go on, whichever was first."""
        found = self._outcome
        one = self._started(self._bench.resume(self._place, self._log(), self._run))
        one.wait(one.began + float(self._rng.uniform(0.0, APART_SECONDS)), self._look)
        apart = one.code is not None
        other = self._started(self._bench.resume(self._place, self._log(), self._run))
        before = found.seconds
        for command in (one, other):
            self._ended(command)
        found.seconds = before + time.monotonic() - one.began
        found.resumes += 1
        going = [command for command in (one, other) if not command.refused]
        found.failed_resumes += sum(command.code != 0 for command in going)
        if not going:
            found.failed_resumes += 1
            found.badly.append("both were refused")
        elif len(going) == 2 and not apart:
            found.badly.append("none was refused")
        self._last = going[0] if going else one

    def _left_over(self) -> list[Process]:
        return gone_within(GRACE_SECONDS, lambda: self._bench.left(self._place))
