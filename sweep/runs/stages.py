"""Runs of two stages: RUN/first is a whole run of its own, and run.json says what it decided."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sweep.runs.files import write_atomically
from sweep.runs.run import Run

FIRST = "first"


def first_path(run: Run) -> Path:
    """Where the first stage of a run lies, if it has one."""
    return run.path / FIRST


def first_of(run: Run) -> Run | None:
    """The first stage of a run; None where it has none, or none yet."""
    path = first_path(run)
    return Run(path, run.guard) if (path / "run.json").is_file() else None


def mark_first(run: Run) -> None:
    """Has a run say that it is another's first stage."""
    run.update_info(status="running", stage=FIRST)


def is_first(run: Run) -> bool:
    """Whether a run is another's first stage, which then owns it."""
    return run.info.get("stage") == FIRST


def decision_of(run: Run) -> dict[str, Any] | None:
    """What the first stage decided (see ``sweep.planning.funnel.decide``); None in a run without, or before it did."""
    found: dict[str, Any] | None = run.info.get("decision")
    return found


def write_decision(run: Run, decision: dict[str, Any], config_yaml: str, notes: list[str]) -> None:
    """Records what the first stage decided: the second's configuration first, so that one that is killed decides anew.

    Args:
        config_yaml: the run's, with the second stage's techniques.
        notes: of the second stage.
    """
    write_atomically(run.path / "config.yaml", config_yaml.encode(), run.guard)
    run.update_info(notes=notes, decision=decision)
