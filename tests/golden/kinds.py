"""Tiny runs, one of each preset's kind, by the command line alone: modules may move, what a run records may not."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

DATA = Path(__file__).parent / "data"
FORMAT1 = Path(__file__).parent / "format1"
WEIGHTS = DATA / "weights.pt"  # a ResNet18 in 60 KB: its tensors are views of short, overlapping stretches

_COMMON = (
    *("--data", "phantom", "--seeds", "2", "--batch-size", "16", "--max-concurrent", "1"),
    *("--set", "data.phantom_images=300", "--set", "train.precision=float32", "--set", "space.budget=epochs"),
)
# What a preset's own file says stays, but for the sizes, the data, and ImageNet's weights, which need a download.
KINDS: Mapping[str, tuple[str, ...]] = {
    # A list crossed; a technique that the dial does not concern appears once. The preset's 48 pixels: the last block's
    # maps have four places there, and one at 32.
    "demo": (
        *("demo", "--techniques", "baseline,augmentation"),
        *("--strength", "0,0.6", "--epochs", "2"),
    ),
    # Starting weights from a file, another normalisation.
    "paper": (
        *("paper", "--techniques", "baseline,smote,oversampling", "--epochs", "2", "--lr", "0.0005"),
        *("--weights", str(WEIGHTS), "--set", "train.std=0.25"),
    ),
    # Ranges drawn, the techniques' own parameters too.
    "compare": (
        *("compare", "--techniques", "baseline,borderline_smote", "--epochs", "1..3", "--trials", "2"),
        *("--weights", str(WEIGHTS), "--lr", "1e-4..1e-3", "--seed", "7"),
        *("--set", "train.mean=0.5", "--set", "train.std=0.5"),
    ),
    # What no preset has and every one may be given: Optuna's search and early stopping.
    "search": (
        *("quick", "--techniques", "baseline,undersampling", "--lr", "1e-4..1e-2", "--epochs", "1..3", "--trials", "2"),
        *("--search", "optuna", "--scheduler", "asha", "--set", "sweep.grace=1", "--seed", "3"),
    ),
}
# The run of format 1 that is kept whole as a fixture: eight trials, of which four are chosen.
QUICK = ("quick", "--techniques", "baseline,smote", "--lr", "0.0003,0.001", "--epochs", "2")
PATIENCE = 1500.0


def arguments(kind: Sequence[str], out: Path) -> list[str]:
    """The whole command of a tiny run, without ``sweep`` itself."""
    size = () if kind[0] == "demo" else ("--image-size", "32")
    return ["run", *kind, *_COMMON, *size, "--out", str(out)]


def environment(cache: Path) -> dict[str, str]:
    """What a command and its workers are given; one thread wherever a library would choose their number."""
    threads = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "MKL", "OPENBLAS")}
    return {**threads, "COLUMNS": "200", "BALANCING_ACT_CACHE": str(cache)}


def start(command: Sequence[object], cache: Path) -> subprocess.Popen[str]:
    """The command line as a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "sweep.cli", *map(str, command)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        env={**os.environ, **environment(cache)},
    )


def call(command: Sequence[object], cache: Path) -> str:
    """Runs the command line to its end; returns what it printed."""
    process = start(command, cache)
    output, _ = process.communicate(timeout=PATIENCE)
    if process.returncode != 0 or "Traceback" in output:
        raise AssertionError(f"sweep {' '.join(map(str, command))} ended with {process.returncode}:\n{output}")
    return output


def call_all(commands: Mapping[str, Sequence[object]], cache: Path) -> dict[str, str]:
    """Several commands, two at once: each trains one trial after the other, on one core."""
    with ThreadPoolExecutor(2) as lanes:
        found = {name: lanes.submit(call, command, cache) for name, command in commands.items()}
        return {name: future.result() for name, future in found.items()}
