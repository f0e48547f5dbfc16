"""A run folder as plain values to compare: read with json, pandas and csv, without any module of the package."""

from __future__ import annotations

import csv
import json
import math
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

PARTS = ("validation", "test")
# Sections that draw from a generator of their own, seeded by their place in the report, and the tables they write.
RESAMPLED_SECTIONS = ("looks", "synthetic", "hyperparameters")
RESAMPLED_TABLES = re.compile(r"looks|synthetic|importance|hyperparameter")
# Of the clock, the machine, or the moment.
_PASSING = {
    *("seconds", "images_per_second", "wall_seconds", "gpu_seconds", "time", "created", "finished", "changed"),
    *("run", "versions", "schema_version"),
}
_SETTING = re.compile(r"\S+=\S+( \S+=\S+)*")
PROSE = "(prose)"  # stands where people are spoken to: words may change
_LEFT_OUT = object()


def _is_prose(text: str) -> bool:
    return " " in text.strip() and not _SETTING.fullmatch(text)


def plain(value: Any) -> Any:
    """Numbers and names alone, by key; sentences, times and versions are left out."""
    if isinstance(value, Mapping):
        return {k: found for k, v in value.items() if k not in _PASSING and (found := plain(v)) is not _LEFT_OUT}
    if isinstance(value, list):
        found = [plain(v) for v in value]
        return _LEFT_OUT if found and all(v is _LEFT_OUT for v in found) else [_kept(v) for v in found]
    if isinstance(value, str):
        return _LEFT_OUT if _is_prose(value) else value
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def _kept(value: Any) -> Any:
    return PROSE if value is _LEFT_OUT else value


def _json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def _cell(text: str) -> Any:
    try:
        number = float(text)
    except ValueError:
        return PROSE if _is_prose(text) else text
    return number if math.isfinite(number) else text


def table(path: Path) -> dict[str, list[Any]]:
    """A CSV file by column; a cell is a number, a name, or PROSE."""
    with path.open(encoding="utf-8", newline="") as file:
        header, *rows = list(csv.reader(file))
    return {name: [_cell(row[i]) for row in rows] for i, name in enumerate(header) if name not in _PASSING}


def _float32(values: Iterable[float]) -> list[float]:
    """The shortest decimals that give the same float32."""
    return [float(str(np.float32(value))) for value in values]


def epochs(folder: Path) -> list[dict[str, Any]]:
    """A trial's epochs, without what they took."""
    path = folder / "epochs.json"
    return [plain(epoch) for epoch in _json(path)] if path.exists() else []


def trial(folder: Path) -> dict[str, Any]:
    """How a trial ended, its epochs and its predictions."""
    status = _json(folder / "status.json") if (folder / "status.json").exists() else {"status": "waiting"}
    found: dict[str, Any] = {"status": status["status"], "best_epoch": status.get("best_epoch")}
    found["epochs"] = epochs(folder)
    for part in PARTS:
        if (folder / f"{part}.parquet").exists():
            read = pd.read_parquet(folder / f"{part}.parquet")
            found[part] = {name: _float32(read[name]) for name in sorted(read.columns) if name.startswith("p_")}
    return found


def rows(run: Path) -> dict[str, list[int]]:
    """The rows of each part; every trial's predictions are of these, in this order."""
    split = pd.read_parquet(run / "split.parquet")
    found = {part: split.loc[split["split"] == part, "row"].tolist() for part in ("train", *PARTS)}
    labels = split.set_index("row")["label"]
    for path in sorted(run.glob("trials/*/*.parquet")):
        read = pd.read_parquet(path)
        assert read["row"].tolist() == found[path.stem], path
        assert read["label"].tolist() == labels[found[path.stem]].tolist(), path
    return found


def report(run: Path) -> dict[str, Any]:
    """The report's numbers, in two groups: ``plain`` and ``resampled``."""
    summary = plain(_json(run / "report" / "summary.json"))
    sections = summary.pop("sections")
    tables = {path.stem: table(path) for path in sorted((run / "report" / "tables").glob("*.csv"))}
    groups: dict[str, Any] = {
        "plain": {"summary": summary, "sections": {}, "tables": {}},
        "resampled": {"sections": {}, "tables": {}},
    }
    for name, values in sections.items():
        groups["resampled" if name in RESAMPLED_SECTIONS else "plain"]["sections"][name] = values
    for name, values in tables.items():
        groups["resampled" if RESAMPLED_TABLES.search(name) else "plain"]["tables"][name] = values
    return groups


def run(folder: Path) -> dict[str, Any]:
    """Everything of a run that must not depend on when, where or by which module it was made."""
    info, trials = _json(folder / "run.json"), _json(folder / "trials.json")
    groups = report(folder)
    return {
        "format": info["format"],
        "status": info["status"],
        "data": plain(info["data"]),
        "rows": rows(folder),
        "trials": trials,
        "selection": _json(folder / "selection.json"),
        "opened": [
            line["trials"] for line in map(json.loads, (folder / "test_openings.jsonl").read_text().splitlines())
        ],
        "records": {spec["trial_id"]: trial(folder / "trials" / spec["trial_id"]) for spec in trials},
        "report": groups["plain"],
        "resampled": groups["resampled"],
    }
