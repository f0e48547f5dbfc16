"""Simulations on all cores: the same numbers whatever their number, and an interrupted run goes on where it was."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.common import ROOT

# Sweeps that a process is given at once.
_PART = 10
_CODE = ("benchmarks/verdict_*.py", "benchmarks/few_patients.py", "sweep/analysis/statistics/*.py")

# The world, samples, seed, the sweep's number -> what became of it, a number each.
One = Callable[[Any, int, int, int], dict[str, float]]


def _some(one: One, world: Any, samples: int, seed: int, numbers: Sequence[int]) -> list[dict[str, float]]:
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):  # processes have all cores; and a sum has one order
        return [one(world, samples, seed, number) for number in numbers]


def code() -> str:
    """A short hash of the code that judges and that is judged."""
    found = hashlib.sha256()
    for pattern in _CODE:
        for path in sorted(ROOT.glob(pattern)):
            found.update(path.read_bytes())
    return found.hexdigest()[:12]


def _plain(world: Any) -> Any:
    return asdict(world) if is_dataclass(world) and not isinstance(world, type) else world


class Jobs:
    """Simulated sweeps in several processes.

    Args:
        jobs: processes; with one everything is done in this one.
        samples, seed: of every simulation.
        out: JSON lines of what is done; None keeps nothing.
        kept: make nothing, show what ``out`` holds.
    """

    def __init__(self, jobs: int, samples: int, seed: int, out: Path | None = None, *, kept: bool = False):
        self.jobs, self.samples, self.seed, self.out, self.kept = jobs, samples, seed, out, kept
        self._code = code()
        self._done: dict[str, dict[str, Any]] = {}
        self._pool: ProcessPoolExecutor | None = None
        if out is not None and out.exists():
            for line in out.read_text(encoding="utf-8").splitlines():
                try:
                    known = json.loads(line)
                except json.JSONDecodeError:  # cut off in the middle
                    continue
                self._done[known["key"]] = known["result"]

    def __enter__(self) -> Jobs:
        if self.jobs > 1:
            # A thread of a library may hold a lock when a process is forked.
            self._pool = ProcessPoolExecutor(self.jobs, mp_context=multiprocessing.get_context("spawn"))
        return self

    def __exit__(self, *failure: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def sweeps(self, one: One, world: Any, repeats: int) -> pd.DataFrame:
        """A row for each of so many sweeps, in order."""
        parts = [range(first, min(first + _PART, repeats)) for first in range(0, repeats, _PART)]
        found: list[dict[str, float]] = []
        if self._pool is None:
            for part in parts:
                found += _some(one, world, self.samples, self.seed, part)
        else:
            waiting = [self._pool.submit(_some, one, world, self.samples, self.seed, part) for part in parts]
            for future in waiting:
                found += future.result()
        return pd.DataFrame(found)

    def _key(self, kind: str, world: Any) -> str:
        told = [kind, _plain(world), self.samples, self.seed, self._code]
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16]

    def wanted(self, kind: str, worlds: Sequence[Any]) -> list[Any]:
        """The worlds whose lines are to be shown: with ``kept`` those that are there."""
        return [world for world in worlds if not self.kept or self._key(kind, world) in self._done]

    def line(self, kind: str, world: Any, repeats: int, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """One line of a table: as kept, of so many sweeps or more, or made now and kept.

        Args:
            kind: which table's.
            world: a dataclass, or anything JSON can hold.
            make: gives the line; JSON can hold it.
        Returns:
            What ``make`` gave, and ``sweeps``: how many.
        """
        about, key = _plain(world), self._key(kind, world)
        name = (about.get("name") or about.get("patients")) if isinstance(about, dict) else about
        if self._done.get(key, {"sweeps": 0})["sweeps"] < repeats and not self.kept:
            began = time.perf_counter()
            result = {**make(), "sweeps": repeats}
            seconds = time.perf_counter() - began
            self._done[key] = json.loads(json.dumps(result))
            if self.out is not None:
                kept = {"key": key, "kind": kind, "world": about, "samples": self.samples}
                kept |= {"seed": self.seed, "code": self._code, "seconds": round(seconds, 1), "result": result}
                cut = self.out.exists() and not self.out.read_bytes().endswith(b"\n")
                with self.out.open("a", encoding="utf-8") as file:
                    file.write("\n" if cut else "")
                    file.write(json.dumps(kept) + "\n")
            print(f"{kind} {name}: {repeats:,} in {seconds:.0f} s", file=sys.stderr, flush=True)
        return self._done[key]
