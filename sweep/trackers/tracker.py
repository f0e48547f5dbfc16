"""What every tracker can do, and which are there."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from sweep.trackers.asked import Asked, require
from sweep.trackers.what import RunTold, TrialTold


class Tracker(Protocol):
    """An open tracker.

    ``place`` is where it keeps what it is told, in words and without secrets; ``look`` is how to look at it there.
    """

    place: str
    look: str

    def known(self) -> Mapping[str, str]:
        """Key -> digest of all that it has of this run, and wholly."""

    def sweep(self, told: RunTold) -> None:
        """Tells of the sweep itself, before its trials: makes it or brings it up to date."""

    def trial(self, told: TrialTold) -> None:
        """Tells of a trial: makes it or brings it up to date."""

    def close(self) -> None:
        """Everything told is kept when this returns."""


def open_tracker(asked: Asked, run_path: Path, run_id: str) -> Tracker:
    """Opens what was asked for.

    Args:
        run_path: the run's folder, beside which a local store lies.
        run_id: of run.json.
    Raises:
        UserError: as ``require``; or its store can't be opened.
    """
    require(asked.to)
    if asked.to == "mlflow":
        from sweep.trackers.mlflow import open_mlflow

        return open_mlflow(asked, run_path, run_id)
    from sweep.trackers.wandb import open_wandb

    return open_wandb(asked, run_path, run_id)
