"""What of a run folder must survive a kill: the records of trials that had ended, and the tables at the end."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from sweep.runs.run import ENDED

# Of status.json; ``changed`` and what a later version may add don't count.
_STATUS = ("status", "attempts", "best_epoch", "started", "finished")
_NOT_TRAINED_AGAIN = ("validation.parquet", "epochs.json", "spec.json")


@dataclass(frozen=True)
class Ended:
    """A trial's records when it was first seen to have ended.

    Args:
        attempts: how often it had begun.
        records: file or field -> its content, or a digest of it.
    """

    attempts: int
    records: Mapping[str, Any]


@dataclass
class Watched:
    """Remembers each trial of a run as it was when it was first seen to have ended."""

    first: dict[str, Ended] = field(default_factory=dict)

    def look(self, run: Path) -> None:
        for trial in _trial_folders(run):
            if trial.name not in self.first and (found := ended(trial)) is not None:
                self.first[trial.name] = found

    def lost(self, run: Path) -> list[str]:
        """Trials whose records are gone or others now."""
        return [name for name, then in self.first.items() if _now(run, name) != then]

    def trained_twice(self, run: Path) -> list[str]:
        """Trials that were begun again although they had ended."""
        return [name for name, then in self.first.items() if _attempts(run / "trials" / name) > then.attempts]


def _trial_folders(run: Path) -> list[Path]:
    return sorted(path for path in (run / "trials").glob("*") if path.is_dir())


def _now(run: Path, name: str) -> Ended | None:
    return ended(run / "trials" / name)


def read_json(path: Path) -> Any:
    """A file's content; None where it is missing or damaged."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def ended(trial: Path) -> Ended | None:
    """The records of a trial that has ended; None of one that hasn't, or whose status can't be read."""
    status = read_json(trial / "status.json")
    if not isinstance(status, dict) or status.get("status") not in ENDED:
        return None
    records: dict[str, Any] = {key: status.get(key) for key in _STATUS}
    records |= {name: _digest(trial / name) for name in _NOT_TRAINED_AGAIN}
    return Ended(int(status.get("attempts", 0)), records)


def _attempts(trial: Path) -> int:
    status = read_json(trial / "status.json")
    return int(status.get("attempts", 0)) if isinstance(status, dict) else 0


def _digest(path: Path) -> str | None:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None


def tables(run: Path) -> dict[str, Any]:
    """Everything of a run that must not depend on when, where, in which order or how often its trials were begun.

    Returns:
        File, relative to the run -> content without times: selection.json, epochs.json, the predictions' parquet, the
        report's CSV tables; and ``networks``: the chosen trials that have theirs.
    """
    found: dict[str, Any] = {"selection.json": read_json(run / "selection.json")}
    chosen = [trial for choice in found["selection.json"] or [] for trial in choice["trial_ids"]]
    found["networks"] = sorted(trial for trial in chosen if (run / "trials" / trial / "best.pt").is_file())
    for trial in _trial_folders(run):
        epochs = read_json(trial / "epochs.json") or []
        found[f"trials/{trial.name}/epochs.json"] = [_without_times(epoch) for epoch in epochs]
        for path in sorted(trial.glob("*.parquet")):
            found[f"trials/{trial.name}/{path.name}"] = _rows(pd.read_parquet(path))
    for path in sorted((run / "report" / "tables").glob("*.csv")):
        found[f"report/tables/{path.name}"] = _rows(pd.read_csv(path, dtype=str, keep_default_na=False))
    return found


def _without_times(row: Mapping[Any, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if "second" not in key}


def _rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [_without_times(row) for row in table.fillna("").to_dict("records")]


def differing(undisturbed: Mapping[str, Any], run: Mapping[str, Any]) -> list[str]:
    """Names whose content differs, or that one of the two lacks."""
    missing = object()
    names = sorted({*undisturbed, *run})
    return [name for name in names if undisturbed.get(name, missing) != run.get(name, missing)]


def unfinished(run: Path) -> list[str]:
    """What still has to be done: trials of trials.json that have not ended, or the run itself."""
    planned = read_json(run / "trials.json") or []
    waiting = [row["trial_id"] for row in planned if ended(run / "trials" / row["trial_id"]) is None]
    info = read_json(run / "run.json")
    finished = isinstance(info, dict) and info.get("status") == "finished" and (run / "report/index.html").is_file()
    return waiting if waiting or finished else ["run"]


def leftovers(run: Path) -> list[str]:
    """Files that a killed writer left: hidden ones, and what trials go on from, of a run that has ended."""
    hidden = [path for path in run.rglob(".*") if path.is_file()]
    return sorted(str(path.relative_to(run)) for path in [*hidden, *run.glob("trials/*/last.pt")])
