"""Where a sweep is killed: a Ray of its own on this machine, or a cluster of two nodes on it; and its folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.chaos_outcomes import PLACES
from benchmarks.chaos_processes import Command, Process, processes_of, raylets, trial_workers
from benchmarks.chaos_records import differing, tables

DISK = "2G"
# Besides its share of the undisturbed sweep's time: until then Ray has noticed that a node is gone.
HANG_SECONDS = 60.0


def cannot(kind: str) -> str:
    """Why this kind can't be tried here; "" where it can."""
    if not sys.platform.startswith("linux"):
        return "processes are found by /proc, which Linux has"
    if kind == "disk" and os.geteuid() != 0:
        return "mounting a small file system needs root"
    return ""


@dataclass(frozen=True)
class Undisturbed:
    """The sweep that nothing kills.

    Args:
        seconds: from its start to its end.
        windows: kind -> when there is something of it to kill, first and last, as shares of the sweep.
        tables: see ``benchmarks.chaos_records.tables``.
    """

    seconds: float
    windows: dict[str, tuple[float, float]]
    tables: dict[str, Any]

    def moment(self, kind: str, share: float) -> float:
        """Seconds from the start, at a share in [0, 1] of the time in which a kind can be killed."""
        first, last = self.windows.get(kind, (0.0, 1.0))
        return self.seconds * (first + share * (last - first))


class Bench:
    """A place for one case after another, each on a clean folder.

    Args:
        work: an empty folder with a short path.
        config: the sweep's YAML file.
        patience: a command hangs after so many times the undisturbed sweep's seconds, and a minute.
    """

    def __init__(self, work: Path, config: Path, patience: float):
        self._work, self._config, self._patience = work, config, patience
        self._calm: dict[str, Undisturbed] = {}
        self._cluster: Any = None

    def undisturbed(self, place: str) -> Undisturbed:
        """The sweep in this place without a kill; run once."""
        if place not in self._calm:
            self._calm[place] = self._watch_undisturbed(place)
        return self._calm[place]

    def took(self, place: str, seconds: float) -> None:
        """Another sweep ended undisturbed, before the moment at which it was to be killed: the machine is less busy."""
        self._calm[place] = replace(self.undisturbed(place), seconds=seconds)

    def begin(self, place: str, log: Path, run: Path) -> Command:
        """``sweep run --resume``: what a scheduler starts again and again."""
        return self._command(place, log, "run", self._config, "--out", run, "--resume")

    def resume(self, place: str, log: Path, run: Path) -> Command:
        """``sweep resume``; where the folder was never completed, the first command once more."""
        there = (run / "run.json").is_file()
        return self._command(place, log, "resume", run) if there else self.begin(place, log, run)

    def deadline(self, place: str) -> float:
        """When a command that is started or struck now counts as hung."""
        return time.monotonic() + HANG_SECONDS + self._patience * self.undisturbed(place).seconds

    def processes(self, place: str) -> list[Process]:
        """Of Ray, in this place: of all sessions here, or of the cluster."""
        return processes_of(self._temporary(place))

    def left(self, place: str) -> list[Process]:
        """Those that must be gone when no sweep runs."""
        return self.processes(place) if place == "local" else trial_workers(self.processes(place))

    def second_raylet(self) -> Process:
        """The cluster's second node."""
        (node,) = self._nodes().worker_nodes
        return Process(int(node.all_processes["raylet"][0].process.pid), "raylet")

    def clean(self, place: str, *, broken: bool = False) -> None:
        """Ends what a case has left, so that the next one finds nothing of it.

        Args:
            broken: a node was killed: make the cluster anew.
        """
        if place == "cluster" and not broken:
            for process in self.left(place):
                process.kill()
            return
        if place == "cluster":
            self._end_cluster()
        for process in self.processes(place):
            process.kill()
        shutil.rmtree(self._temporary(place), ignore_errors=True)

    def close(self) -> None:
        self._end_cluster()
        for process in processes_of(self._work):
            process.kill()

    @contextmanager
    def folder(self, *, small_disk: bool = False) -> Iterator[Path]:
        """For a run and its logs; ``disk`` in it may be a small file system of its own."""
        path = self._work / "case"
        disk = path / "disk"
        disk.mkdir(parents=True)
        try:
            if small_disk:
                subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK},mode=700", "none", disk], check=True)
            yield path
        finally:
            if small_disk:
                subprocess.run(["umount", "-l", disk], check=False)
            shutil.rmtree(path, ignore_errors=True)

    def _command(self, place: str, log: Path, *arguments: object) -> Command:
        address = ["--address", self._nodes().address] if place == "cluster" else []
        return Command([*arguments, *address], log, self._temporary(place))

    def _temporary(self, place: str) -> Path:
        path = self._work / place[0]
        path.mkdir(exist_ok=True)
        return path

    def _watch_undisturbed(self, place: str) -> Undisturbed:
        seen: dict[str, list[float]] = {"worker": [], "raylet": []}
        with self.folder() as folder:
            decoded = Command(["audit", self._config], folder / "audit", self._temporary(place))
            decoded.wait(time.monotonic() + 600)  # fills the cache, so that no run has to
            decoded.end()
            command = self.begin(place, folder / "log", folder / "run")

            def look() -> None:
                alive = self.processes(place)
                for kind, found in (("worker", trial_workers(alive)), ("raylet", raylets(alive))):
                    if found:
                        seen[kind].append(time.monotonic() - command.began)

            command.wait(time.monotonic() + 3600, look)
            seconds = time.monotonic() - command.began
            command.end()
            if command.code != 0:
                raise RuntimeError(f"the undisturbed sweep ended with {command.code}:\n{command.output[-3000:]}")
            found = tables(folder / "run")
        for other, calm in self._calm.items():
            if names := differing(calm.tables, found):
                raise RuntimeError(f"undisturbed, {PLACES[place]} and {PLACES[other]} differ: {names}")
        self.clean(place)
        print(f"undisturbed, on {PLACES[place]}: {seconds:.1f} s", flush=True)
        if place == "cluster":  # its raylets are there from start to end, but only with trials on them is it a loss
            seen["raylet"] = seen["worker"]
        windows = {kind: (seen[kind][0] / seconds, seen[kind][-1] / seconds) for kind in seen if seen[kind]}
        return Undisturbed(seconds, windows, found)

    def _nodes(self) -> Any:
        """The cluster: a head and a second node, of one CPU each."""
        if self._cluster is None:
            os.environ["RAY_TMPDIR"] = str(self._temporary("cluster"))
            import sweep.cluster.session  # noqa: F401, I001 - first: what Ray reads when it is imported
            from ray.cluster_utils import Cluster

            self._cluster = Cluster(
                initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False}, shutdown_at_exit=False
            )
            self._cluster.add_node(num_cpus=1)
            self._cluster.wait_for_nodes()
        return self._cluster

    def _end_cluster(self) -> None:
        if self._cluster is not None:
            with suppress(Exception):  # what was killed can't be shut down; the caller ends the rest
                self._cluster.shutdown()
        self._cluster = None
