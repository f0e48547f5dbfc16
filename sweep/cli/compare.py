"""Two or more runs in one table, with a warning wherever they can't be compared."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pandas as pd
from rich.table import Table
from rich.text import Text

from balancing.errors import UserError
from sweep.analysis.folds import FoldResults, results_of
from sweep.analysis.names import SHOWN_METRICS, display_name, in_order, inline_name, metric_name
from sweep.analysis.results import Results
from sweep.analysis.statistics.significance import EQUIVALENT, HARMS, HELPS, OPEN, answers
from sweep.cli.terminal import SHORT_NAMES, TITLE, mean_and_interval
from sweep.report.csvfile import csv_text
from sweep.report.words.confirming import added_seeds_lines, confirmed_in_short
from sweep.report.words.scores import scores_sentence
from sweep.runs.run import Run

if TYPE_CHECKING:
    from rich.console import RenderableType


@dataclass(frozen=True)
class Comparison:
    """Several runs side by side.

    Args:
        table: one row a technique and run: technique, run, each metric (test split, mean over seeds) with ``_sd`` (over
            seeds, ddof 1; NaN for one), ``_low`` and ``_high`` (95 %, patients and seeds), seeds, image_size, weights,
            arithmetic (``float32`` or ``bfloat16``), selected_by, answer (in the metric selected by: helps, harms,
            equivalent or open; "" of a baseline, and without one).
        warnings: where the runs differ in what makes numbers comparable.
        runs: their names.
        judged: run -> among how many configurations each technique's was chosen, where fresh seeds judge it.
    """

    table: pd.DataFrame
    warnings: list[str]
    runs: list[str]
    judged: dict[str, str] = field(default_factory=dict)

    def csv(self) -> str:
        """The table, unrounded."""
        return csv_text(self.table)


def compare_runs(runs: Sequence[Run]) -> Comparison:
    """One table of several runs.

    Raises:
        UserError: fewer than two runs, the same twice, or one without test results.
    """
    if len(runs) < 2:
        raise UserError(f"sweep compare takes two or more run folders, but got {len(runs)}; give another")
    ids = [run.info["id"] for run in runs]
    for run, run_id in zip(runs, ids, strict=True):
        if ids.count(run_id) > 1:
            raise UserError(f"{run.path} is given more than once (or is a copy of another); give each run once")
    names = _names(runs)
    rows, read = [], [results_of(run) for run in runs]
    for one, name in zip(read, names, strict=True):
        found = one.intervals()
        if found.empty:
            raise UserError(
                f"{one.path} has no test results yet; finish it by `sweep resume {shlex.quote(str(one.path))}`, "
                "or leave it away"
            )
        chosen = {trial.technique: trial.trial_id for trial in reversed(one.predictions)}
        specs = {spec.trial_id: spec for spec in one.specs()}
        differences = one.differences()
        said = dict(zip(differences["technique"], answers(differences), strict=True))
        for technique, own in found.groupby("technique", sort=False):
            spec = specs[chosen[str(technique)]]
            row = {"technique": technique, "run": name}
            for of in own.to_dict("records"):
                row |= {of["metric"]: of["mean"], f"{of['metric']}_sd": of["seed_sd"]}
                row |= {f"{of['metric']}_low": of["low"], f"{of['metric']}_high": of["high"], "seeds": of["seeds"]}
            row |= {"image_size": spec.image_size, "weights": spec.weights, "arithmetic": spec.precision}
            rows.append({**row, "selected_by": one.metric, "answer": said.get(str(technique), "")})
    table = pd.DataFrame(rows)
    rank = {technique: i for i, technique in enumerate(in_order(table["technique"]))}
    table = table.sort_values("technique", key=lambda column: column.map(rank), kind="stable").reset_index(drop=True)
    judged = {name: confirmed_in_short(one) for name, one in zip(names, read, strict=True)}
    return Comparison(table, _warnings(read, names), names, judged)


def _names(runs: Sequence[Run]) -> list[str]:
    """The folders' names; with parents where two are alike."""
    names = [run.path.resolve().name for run in runs]
    if len(set(names)) < len(names):
        names = [str(run.path) for run in runs]
    return names


def _warnings(runs: Sequence[Results], names: Sequence[str]) -> list[str]:
    differ = "their numbers can't be set against each other"
    facts = {
        "images": ([run.info["data"]["fingerprint"] for run in runs], differ),
        "splits": ([_split(run) for run in runs], differ),
        "positive classes": ([_positive(run) for run in runs], differ),
        "margins": ([f"{run.margin:g}" for run in runs], "what is called equivalent is judged by different ones"),
        "selection metrics": (
            [run.metric for run in runs],
            "epochs and configurations were chosen for different ends",
        ),
    }
    lines = []
    for what, (values, so) in facts.items():
        if len(set(values)) > 1:
            named = ", ".join(f"{name}: {value[:24]}" for name, value in zip(names, values, strict=True))
            lines.append(f"The runs have different {what} ({named}): {so}.")
    ranking = [scores_sentence(run, "balanced_accuracy", "AUROC alone") for run in runs]
    lines += [f"{name}: {said}" for name, run in zip(names, runs, strict=True) for said in added_seeds_lines(run)]
    return lines + [f"{name}: {said}" for name, said in zip(names, ranking, strict=True) if said]


def _split(run: Results) -> object:
    """What tells splits apart; of folds all of theirs."""
    each = run.folds.values() if isinstance(run, FoldResults) else [run]
    return tuple(one.info["data"]["split_fingerprint"] for one in each)


def _positive(run: Results) -> str:
    return run.class_names[run.positive] if run.positive is not None else "none"


def compare_view(found: Comparison) -> list[RenderableType]:
    """For the terminal: warnings, what each run is, and the table; runs go by numbers, so that it fits 80 columns."""
    numbers = {name: str(i) for i, name in enumerate(found.runs, 1)}
    runs = []
    for name, own in found.table.groupby("run", sort=False):
        first = own.iloc[0]
        facts = f"{first['image_size']} px, weights {str(first['weights'])[:15]}, {first['arithmetic']}"
        facts += f", {found.judged[str(name)]}" if found.judged.get(str(name)) else ""
        line = f"{numbers[str(name)]}  {name}  ({facts}, selected by {inline_name(first['selected_by'])})"
        runs.append((int(numbers[str(name)]), Text(line)))
    table = Table(box=None, pad_edge=False, collapse_padding=True, title=TITLE, title_justify="left")
    table.add_column("technique", overflow="fold")  # on a narrow terminal names take two lines, and no number is cut
    table.add_column("run", justify="right", no_wrap=True)
    shown = ["balanced_accuracy", *(m for m in SHOWN_METRICS if m != "balanced_accuracy")]
    for metric in shown:
        table.add_column(SHORT_NAMES.get(metric, metric_name(metric)), justify="right", no_wrap=True)
    table.add_column("seeds", justify="right", no_wrap=True)
    before = None
    for row in found.table.to_dict("records"):
        technique = str(row["technique"])
        cells = [mean_and_interval(row[metric], row[f"{metric}_low"], row[f"{metric}_high"]) for metric in shown]
        if row["answer"] and row["selected_by"] in shown:
            place = shown.index(row["selected_by"])
            cells[place] = _marked(cells[place], SIGNS[row["answer"]])
        name = display_name(technique) if technique != before else ""
        table.add_row(name, numbers[str(row["run"])], *cells, str(row["seeds"]))
        before = technique
    warnings = [Text(f"Warning: {line}", style="yellow") for line in found.warnings]
    signs = [f"{sign} {means}" for answer, (sign, means) in _MEANT.items() if (found.table["answer"] == answer).any()]
    legend = [Text(f"To each run's own baseline, adjusted within the run: {', '.join(signs)}")] if signs else []
    return [*warnings, *(line for _, line in sorted(runs, key=lambda run: run[0])), Text(), table, *legend]


# What a run says of a technique: a sign behind the number, and what it means.
_MEANT = {
    HELPS: (">", "helps"),
    HARMS: ("<", "harms"),
    EQUIVALENT: ("=", "doesn't matter"),
    OPEN: ("?", "can't be told"),
}
SIGNS = {answer: sign for answer, (sign, _) in _MEANT.items()}


def _marked(cell: str, sign: str) -> str:
    """The sign before the number of the cell's first line, which is narrower than its interval."""
    return f"{sign} {cell}"
