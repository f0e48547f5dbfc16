"""test_openings.jsonl of a run: one line for each time the test split was opened."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sweep.runs.files import append_json_line, now
from sweep.runs.shapes import OPENING, misfit

OPENINGS = "test_openings.jsonl"


def record_opening(path: Path, trial_ids: Sequence[str], **more: Any) -> None:
    """Adds a line: now, for these trials, and ``more``."""
    append_json_line(path, {"time": now(), "trials": list(trial_ids), **more})


def read_openings(path: Path) -> list[dict[str, Any]]:
    """One object an opening: time, trials.

    A line that was cut off counts as an opening all the same, of a time and of trials that are not known.
    """
    lines = path.read_bytes().splitlines() if path.exists() else []
    return [_opening(line) for line in lines if line.strip()]


def seen_by_look(openings: Sequence[Mapping[str, Any]], look: int) -> set[str] | None:
    """Trial ids of all that a look saw: those that the test split was opened for until then.

    A trial that failed and was run again after the look is none of them: its opening is of no look.

    Args:
        openings: of ``read_openings``.
        look: its number, from 1 on.
    Returns:
        None where the openings don't tell: the look is yet to come, or a record of one is damaged.
    """
    if not all(one["trials"] for one in openings) or all(one.get("look") != look for one in openings):
        return None
    return {trial_id for one in openings if one.get("look", look + 1) <= look for trial_id in one["trials"]}


def _opening(line: bytes) -> dict[str, Any]:
    unknown = {"time": "at a time that is not known (its record is damaged)", "trials": []}
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return unknown
    return unknown if misfit(found, OPENING) else found
