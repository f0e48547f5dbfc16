"""Two or more runs in one table, with a warning wherever they can't be compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd
from rich.table import Table
from rich.text import Text

from balancing.errors import UserError
from sweep.analysis.naming import METRICS, display_name, in_order, metric_name
from sweep.analysis.paired import metric_intervals
from sweep.analysis.snapshot import Snapshot
from sweep.analysis.tables import selection_metric
from sweep.records import Run

if TYPE_CHECKING:
    from rich.console import RenderableType


@dataclass(frozen=True)
class Comparison:
    """Several runs side by side.

    Args:
        table: one row a technique and run: technique, run, each metric with ``_low`` and ``_high`` (test split, 95 %),
            seeds, image_size, weights, arithmetic (``float32`` or ``bfloat16``).
        warnings: where the runs differ in what makes numbers comparable.
        runs: their names.
    """

    table: pd.DataFrame
    warnings: list[str]
    runs: list[str]


def compare_runs(runs: Sequence[Run]) -> Comparison:
    """One table of several runs.

    Raises:
        UserError: fewer than two runs, the same twice, or one without test results.
    """
    if len(runs) < 2:
        raise UserError("sweep compare takes two or more run folders, but got one; give another")
    ids = [run.info["id"] for run in runs]
    for run, run_id in zip(runs, ids, strict=True):
        if ids.count(run_id) > 1:
            raise UserError(f"{run.path} is given more than once (or is a copy of another); give each run once")
    names = _names(runs)
    rows = []
    for run, name in zip(runs, names, strict=True):
        found = metric_intervals(Snapshot(run.path))
        if found.empty:
            raise UserError(
                f"{run.path} has no test results yet; finish it by `sweep resume {run.path}`, or leave it away"
            )
        chosen = {c["technique"]: c["trial_ids"][0] for c in run.selection()}
        specs = {spec.trial_id: spec for spec in run.specs()}
        for technique, own in found.groupby("technique", sort=False):
            spec = specs[chosen[technique]]
            row = {"technique": technique, "run": name}
            for one in own.to_dict("records"):
                row |= {one["metric"]: one["mean"], f"{one['metric']}_low": one["low"]}
                row |= {f"{one['metric']}_high": one["high"], "seeds": one["seeds"]}
            rows.append({**row, "image_size": spec.image_size, "weights": spec.weights, "arithmetic": spec.precision})
    table = pd.DataFrame(rows)
    rank = {technique: i for i, technique in enumerate(in_order(table["technique"]))}
    table = table.sort_values("technique", key=lambda column: column.map(rank), kind="stable").reset_index(drop=True)
    return Comparison(table, _warnings(runs, names), names)


def _names(runs: Sequence[Run]) -> list[str]:
    """The folders' names; with parents where two are alike."""
    names = [run.path.resolve().name for run in runs]
    if len(set(names)) < len(names):
        names = [str(run.path) for run in runs]
    return names


def _warnings(runs: Sequence[Run], names: Sequence[str]) -> list[str]:
    facts = {
        "images": [run.info["data"]["fingerprint"] for run in runs],
        "splits": [run.info["data"]["split_fingerprint"] for run in runs],
        "positive classes": [_positive(run) for run in runs],
        "selection metrics": [selection_metric(run) for run in runs],
    }
    lines = []
    for what, values in facts.items():
        if len(set(values)) > 1:
            named = ", ".join(f"{name}: {value[:16]}" for name, value in zip(names, values, strict=True))
            lines.append(f"The runs have different {what} ({named}): their numbers can't be set against each other.")
    return lines


def _positive(run: Run) -> str:
    return run.class_names[run.positive] if run.positive is not None else "none"


def compare_view(found: Comparison) -> list[RenderableType]:
    """The table for the terminal, warnings first."""
    table = Table(box=None, pad_edge=False, title="Test split, mean over seeds (95 % interval)", title_justify="left")
    for name in ("technique", "run"):
        table.add_column(name, no_wrap=True)
    shown = ["balanced_accuracy", *(m for m in METRICS if m != "balanced_accuracy")]
    for metric in shown:
        table.add_column(metric_name(metric), justify="right")
    for name in ("seeds", "px", "weights", "arithmetic"):
        table.add_column(name, justify="right")
    before = None
    for row in found.table.to_dict("records"):
        technique = str(row["technique"])
        cells = [f"{row[m]:.3f} ({row[f'{m}_low']:.3f} to {row[f'{m}_high']:.3f})" for m in shown]
        own = [str(row["seeds"]), str(row["image_size"]), str(row["weights"])[:15], str(row["arithmetic"])]
        name = display_name(technique) if technique != before else ""
        table.add_row(name, Text(str(row["run"])), *cells, *own)
        before = technique
    warnings = [Text(f"Warning: {line}", style="yellow") for line in found.warnings]
    return [*warnings, table]
