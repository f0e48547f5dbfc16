"""The report's part on cost: what each technique was given, and whether all were given the same."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, NotRequired, TypedDict

import numpy as np
import pandas as pd

from sweep.analysis.names import display_name, in_order
from sweep.analysis.results import Results
from sweep.analysis.tables import budget_table
from sweep.report.blocks import Block, Paragraph
from sweep.report.context import ReportContext
from sweep.report.registry import section
from sweep.report.section import SectionBody
from sweep.report.summary_types import CELLS, Count
from sweep.report.table import Cell, Table, number
from sweep.report.text.numbers import NONE, duration


def cost_table(run: Results) -> pd.DataFrame:
    """What each technique took.

    Returns:
        The columns of ``sweep.analysis.tables.budget_table``, and images (trained, over all epochs; NaN where the
        records lack it), images_per_second (median over trials; NaN before the first epoch), gpu_seconds (``seconds``
        of trials whose device was a GPU) and gpu_trials.
    """
    table = budget_table(run)
    if table.empty:
        return table
    trials, epochs = run.trials(), run.epochs()
    trials["gpu"] = [
        str(run.records[trial_id].status.get("device", "")).startswith("cuda") for trial_id in trials["trial_id"]
    ]
    rows = []
    for technique in table["technique"]:
        own = trials[trials["technique"] == technique]
        images = epochs.loc[epochs["technique"] == technique, "images"] if "images" in epochs else pd.Series([np.nan])
        speeds = pd.to_numeric(own["images_per_second"]).dropna()
        rows.append(
            {
                "technique": technique,
                "images": float(images.sum(min_count=1)),
                "images_per_second": float(speeds.median()) if len(speeds) else np.nan,
                "gpu_seconds": float(own.loc[own["gpu"], "seconds"].sum()),
                "gpu_trials": int(own["gpu"].sum()),
            }
        )
    return table.merge(pd.DataFrame(rows), on="technique")


def wall_seconds(run: Results) -> float | None:
    """Seconds from the run's beginning to its end, pauses included; None where it has not finished."""
    info = run.info
    if not info.get("finished"):
        return None
    ends = [datetime.fromisoformat(info[name]) for name in ("created", "finished")]
    return (ends[1] - ends[0]).total_seconds()


def equal_budget(run: Results) -> tuple[bool, str]:
    """Whether every technique was given the same draws and seeds, and that in words.

    Compared are learning rate, epochs, batch size and seed of the planned trials. Draws that differ only in what a
    technique has not (the augmentation strength for the untouched baseline, another technique's own parameters) fall
    together, and count once.
    """
    specs = run.specs()
    names = in_order(spec.technique for spec in specs)
    if not specs:
        return True, "No trial is planned yet."
    cells = {name: {(s.lr, s.epochs, s.batch_size, s.seed) for s in specs if s.technique == name} for name in names}
    trials = {name: sum(s.technique == name for s in specs) for name in names}
    seeds = {name: {s.seed for s in specs if s.technique == name} for name in names}
    most = max(trials.values())
    if len(names) == 1:
        return True, f"One technique, {most} planned trials: there is nothing to compare budgets with."
    everything = set().union(*cells.values())
    if all(cells[name] == everything for name in names):
        many = len(seeds[names[0]])
        text = f"Every technique was given the same draws of the shared hyperparameters and the same {_seeds(many)}."
        fewer = [name for name in names if trials[name] < most]
        if fewer:
            listed = ", ".join(f"{display_name(name)} ({trials[name]})" for name in fewer)
            text += f" Of {most} planned trials a technique, some fell together where a draw changes nothing: {listed}."
            text += " They had fewer tries, and so fewer chances to be lucky on validation."
        return not fewer, text
    if len(set(trials.values())) == 1 and len({frozenset(found) for found in seeds.values()}) == 1:
        return True, (
            f"Every technique was given the same number of trials ({most}) and the same seeds; the draws were each "
            "technique's own, as a search that learns asks for them."
        )
    lacking = [name for name in names if cells[name] != everything]
    listed = ", ".join(
        f"{display_name(name)} ({len(everything - cells[name])} of {len(everything)} missing)" for name in lacking
    )
    return False, (
        f"The techniques were not given the same: of the draws and seeds that any of them had, these lack some: "
        f"{listed}. A technique with more tries has more chances to be lucky on validation."
    )


def _seeds(count: int) -> str:
    return "seed" if count == 1 else f"{count} seeds"


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
    data = cost_table(run)
    fair, words = equal_budget(run)
    blocks: list[Block] = [Paragraph(words)]
    if data.empty:
        return SectionBody(blocks)
    lost = data[data["ended"] < data["trials"]]
    if len(lost):
        listed = ", ".join(
            f"{display_name(r['technique'])} ({r['trials'] - r['ended']} of {r['trials']})" for _, r in lost.iterrows()
        )
        blocks.append(Paragraph(f"Not all of it came to an end: trials that failed, diverged or still wait: {listed}."))
    blocks += [Paragraph(_total(run, data)), _shown(data)]
    values = {"equal_budget": fair, "wall_seconds": wall_seconds(run), "techniques": data.to_dict("records")}
    return SectionBody(blocks, values=values)


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
    on_gpu = bool(data["gpu_trials"].any())
    rows = []
    for position, (_, row) in enumerate(data.iterrows()):
        cells = [Cell(display_name(row["technique"]), position)]
        for name in ("trials", "ended", "configurations", "seeds", "epochs", "images", "images_per_second"):
            value = row[name]
            cells.append(number(NONE if pd.isna(value) else f"{value:,.0f}", value))
        cells.append(number(duration(row["seconds"]), row["seconds"]))
        if on_gpu:
            hours = row["gpu_seconds"] / 3600
            cells.append(number(f"{hours:.2f}" if row["gpu_trials"] else NONE, hours))
        rows.append(cells)
    headers = ["Technique", "Trials", "Ended", "Configurations", "Seeds", "Epochs", "Images", "Images/s", "Time"]
    caption = (
        "What each technique was given: trials planned and ended, configurations, seeds, epochs run, training images "
        "seen, the median trial's training images per second, and the time of its epochs (training and validation)."
    )
    if on_gpu:
        headers.append("GPU hours")
        caption += " GPU hours: the time of trials that ran on a GPU; trials that shared one count each in full."
    if data["configurations"].nunique() > 1:
        caption += " Fewer configurations: draws fell together, or trials failed."
    return Table("costs", caption, headers, rows, data)
