"""The report's part on cost: what each technique was given, and whether all were given the same."""

from __future__ import annotations

from typing import Annotated, NotRequired, TypedDict

import pandas as pd

from sweep.analysis.cost import Budget, budget, cost_table, wall_seconds
from sweep.analysis.names import display_name
from sweep.analysis.results import Results
from sweep.report.blocks import Block, Paragraph
from sweep.report.columns import Column, count, table_of, technique, value
from sweep.report.context import ReportContext
from sweep.report.registry import section
from sweep.report.section import SectionBody
from sweep.report.summary_types import CELLS, Count
from sweep.report.table import Cell, Table, number
from sweep.report.text.lists import first_few
from sweep.report.text.numbers import NONE, duration
from sweep.report.words.confirming import fresh_cost


class CostRow(TypedDict):
    technique: str
    trials: Count
    ended: Count
    configurations: Count
    seeds: NotRequired[Count]
    epochs: Count
    seconds: float | None
    gpu_seconds: float | None
    images_per_second: float | None


class CostSummary(TypedDict):
    """what each technique was given"""

    equal_budget: bool
    wall_seconds: Annotated[float | None, "pauses included"]
    techniques: list[Annotated[CostRow, CELLS]]


@section(
    "cost",
    "Computational cost",
    1200,
    question="Was every technique given the same?",
    summary=CostSummary,
    answers=("cost",),
)
def cost_section(context: ReportContext) -> SectionBody:
    """Trials, epochs, images, speed and time of each technique, and whether the budget was equal."""
    run = context.run
    data, given = cost_table(run), budget(run)
    blocks: list[Block] = [Paragraph(" ".join([_in_words(given), *fresh_cost(run)]))]
    if data.empty:
        return SectionBody(blocks)
    lost = data[data["ended"] < data["trials"]]
    if len(lost):
        names = [
            f"{display_name(r['technique'])} ({r['trials'] - r['ended']} of {r['trials']})" for _, r in lost.iterrows()
        ]
        listed = ", ".join(first_few(names))
        blocks.append(Paragraph(f"Not all of it came to an end: trials that failed, diverged or still wait: {listed}."))
    blocks += [Paragraph(_total(run, data)), _shown(data)]
    values = {"equal_budget": given.equal, "wall_seconds": wall_seconds(run), "techniques": data.to_dict("records")}
    return SectionBody(blocks, values=values)


def _in_words(given: Budget) -> str:
    """Whether every technique was given the same."""
    most = max(given.trials.values(), default=0)
    if given.kind == "unplanned":
        return "No trial is planned yet."
    if given.kind == "alone":
        return f"One technique, {most} planned trials: there is nothing to compare budgets with."
    if given.kind == "same draws":
        seeds = "seed" if given.seeds == 1 else f"{given.seeds} seeds"
        text = f"Every technique was given the same draws of the shared hyperparameters and the same {seeds}."
        if given.fewer:
            listed = ", ".join(first_few([f"{display_name(name)} ({given.trials[name]})" for name in given.fewer]))
            text += f" Of {most} planned trials a technique, some fell together where a draw changes nothing: {listed}."
            text += " They had fewer tries, and so fewer chances to be lucky on validation."
        return text
    if given.kind == "own draws":
        return (
            f"Every technique was given the same number of trials ({most}) and the same seeds; the draws were each "
            "technique's own, as a search that learns asks for them."
        )
    lacking = [f"{display_name(name)} ({missing} of {given.draws} missing)" for name, missing in given.missing.items()]
    listed = ", ".join(first_few(lacking))
    return (
        f"The techniques were not given the same: of the draws and seeds that any of them had, these lack some: "
        f"{listed}. A technique with more tries has more chances to be lucky on validation."
    )


def _total(run: Results, data: pd.DataFrame) -> str:
    seconds, gpu = float(data["seconds"].sum()), float(data["gpu_seconds"].sum())
    text = f"Together {int(data['epochs'].sum()):,} epochs"
    if data["images"].notna().any():
        text += f" over {int(data['images'].sum()):,} training images"
    text += f", {duration(seconds)} of training and validation"
    text += f", of these {gpu / 3600:.2f} GPU hours" if gpu else ", none of it on a GPU"
    wall = wall_seconds(run)
    if wall is None:
        return text + "."
    text += f"; the run took {duration(wall)} from its beginning to its end, pauses included"
    # Short runs are mostly start-up.
    if wall > 60 and seconds > 1.2 * wall:
        text += f": {seconds / wall:.1f} trials at once on average"
    return text + "."


def _shown(data: pd.DataFrame) -> Table:
    caption = (
        "What each technique was given: trials planned and ended, configurations, seeds, epochs run, training images "
        "seen, the median trial's training images per second, and the time of its epochs (training and validation)."
    )
    columns = [
        technique(),
        *(
            count(name, name.capitalize())
            for name in ("trials", "ended", "configurations", "seeds", "epochs", "images")
        ),
        count("images_per_second", "Images/s"),
        value("seconds", "Time", duration),
    ]
    if data["gpu_trials"].any():
        columns.append(Column("GPU hours", _gpu_hours))
        caption += " GPU hours: the time of trials that ran on a GPU; trials that shared one count each in full."
    if data["configurations"].nunique() > 1:
        caption += " Fewer configurations: draws fell together, or trials failed."
    return table_of("costs", caption, data, columns)


def _gpu_hours(data: pd.DataFrame) -> list[Cell]:
    return [
        number(f"{seconds / 3600:.2f}" if trials else NONE, seconds / 3600)
        for seconds, trials in zip(data["gpu_seconds"], data["gpu_trials"], strict=True)
    ]
