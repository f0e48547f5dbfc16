"""Runs whole sweeps as a user does, by the command, and reads their records and clocks."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.common import ROOT, Memory, watching_memory


@dataclass(frozen=True)
class Swept:
    """A finished sweep's clocks, all in seconds.

    Args:
        wall: of the whole command, report included.
        startup: from the command to the first trial's start.
        trials_wall: from the first trial's start to the end of the last.
        training: sum over trials of their epochs: training, validation and records.
        trials: how many.
        epochs: trained, over all trials.
        memory: peaks of the command's processes.
        table: ``Run.trials()``.
        selection: ``Run.selection()``.
    """

    wall: float
    startup: float
    trials_wall: float
    training: float
    trials: int
    epochs: int
    memory: Memory
    table: pd.DataFrame
    selection: list[dict[str, Any]]


def run_sweep_command(config: Mapping[str, Any], *options: str, keep: Path | None = None) -> Swept:
    """``sweep run`` with a configuration, in a process of its own and a folder that is removed afterwards.

    Args:
        config: as a YAML file holds it.
        options: of the command, e.g. ``--scheduler asha``.
        keep: where to leave the run folder.
    Raises:
        RuntimeError: the command failed; its last lines.
    """
    import yaml

    from sweep.runs.run import Run

    with _folder() as folder:
        file, out = folder / "config.yaml", keep or folder / "run"
        file.write_text(yaml.safe_dump(dict(config)))
        command = [sys.executable, "-m", "sweep.cli", "run", str(file), "--out", str(out), *options]
        began = time.time()
        with watching_memory() as memory:
            done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        wall = time.time() - began
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)} failed:\n{(done.stdout + done.stderr)[-3000:]}")
        run = Run(out)
        table, epochs = run.trials(), run.epochs()
        folders = [run.trial(trial_id).path for trial_id in table["trial_id"]]
        first = min(os.stat(path / "spec.json").st_mtime for path in folders)
        last = max(os.stat(path / "status.json").st_mtime for path in folders)
        return Swept(
            wall=wall,
            startup=first - began,
            trials_wall=last - first,
            training=float(epochs["seconds"].sum()),
            trials=len(table),
            epochs=len(epochs),
            memory=memory,
            table=table,
            selection=run.selection(),
        )


@contextmanager
def _folder() -> Iterator[Path]:
    # Not under the project: Ray would take it for code to watch. Short: sockets' paths have a limit.
    path = Path(tempfile.mkdtemp(prefix="bench-"))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
