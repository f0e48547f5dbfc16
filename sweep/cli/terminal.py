"""Tables for the terminal."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from rich.console import RenderableType

    from sweep.inference.predicting import Predicted
    from sweep.runs.run import Run

TITLE = "Test split, mean over seeds and 95 % interval"
# Headings that fit eight columns into 80 characters.
SHORT_NAMES = {"balanced_accuracy": "bal. acc.", "specificity": "spec.", "precision": "prec."}


def results(run: Run, margin: float | None = None) -> list[RenderableType]:
    """The results table (means over seeds with intervals, on the test split), and the answer in words.

    Many techniques stand with the highest mean of the metric selected by first.

    Args:
        margin: within what a difference does not matter; None for what the run's configuration says.
    """
    from sweep.analysis.folds import results_of
    from sweep.analysis.highlights import MOST
    from sweep.analysis.names import METRIC_NAMES, display_name, inline_name
    from sweep.report.words.folds import tested_on
    from sweep.report.words.scores import scores_sentence
    from sweep.report.words.verdict import margin_note, verdict

    read = results_of(run, margin)  # the same numbers serve table and answer
    found = read.intervals()
    by_technique = list(found.groupby("technique", sort=False))
    title = TITLE.replace("Test split", tested_on(read))
    if len(by_technique) > MOST:
        means = found[found["metric"] == read.metric].set_index("technique")["mean"]
        by_technique.sort(key=lambda own: float(-means.fillna(-1.0)[own[0]]))
        title += f", highest {inline_name(read.metric)} first"
    table = Table(box=None, pad_edge=False, collapse_padding=True, title=title, title_justify="left")
    table.add_column("technique", overflow="fold")  # on a narrow terminal names take two lines, and no number is cut
    for metric in METRIC_NAMES:
        table.add_column(SHORT_NAMES.get(metric, METRIC_NAMES[metric]), justify="right", no_wrap=True)
    table.add_column("seeds", justify="right", no_wrap=True)
    for technique, own in by_technique:
        of_metric = own.set_index("metric").to_dict("index")
        cells = [mean_and_interval(*(of_metric[m][part] for part in ("mean", "low", "high"))) for m in METRIC_NAMES]
        table.add_row(display_name(str(technique)), *cells, str(own["seeds"].iloc[0]))
    ranking = scores_sentence(read, "balanced_accuracy", "AUROC alone")
    said = [verdict(read), beside_of_report(run), margin_note(read)]
    answer = [part for sentence in said if sentence for part in (Text(sentence), Text())]
    return [Text(), table, *([Text(ranking)] if ranking else []), Text(), *answer]


def beside_of_report(run: Run) -> str:
    """What else the winners do, as the run's report has it; "" without a report, or where it says nothing of that."""
    from sweep.analysis.names import legible

    path = run.path / "report" / "summary.json"
    try:
        said = json.loads(path.read_text(encoding="utf-8"))["sections"]["beside"]["sentence"]
    except (OSError, ValueError, KeyError, TypeError):
        return ""
    return legible(said) if isinstance(said, str) else ""


def mean_and_interval(mean: float, low: float, high: float) -> str:
    """``0.812`` above ``.78\N{EN DASH}.84``; the mean alone without an interval, a dash without a mean."""
    if mean != mean:
        return "-"
    limits = "\N{EN DASH}".join(f"{limit:.2f}".removeprefix("0") for limit in (low, high))
    return f"{mean:.3f}\n{limits}" if low == low and high == high else f"{mean:.3f}"


def failures(run: Run) -> list[RenderableType]:
    """A line for each trial that failed or diverged; nothing where none did."""
    from sweep.analysis.folds import results_of
    from sweep.analysis.tables import failures_table

    found = failures_table(results_of(run)).to_dict("records")
    return [
        Text(f"{row['technique']} lr {row['lr']:.2g} seed {row['seed']} {row['status']}: {row['error']}", style="red")
        for row in found
    ]


def predictions(made: Predicted, most: int) -> Table:
    """Of the first images: decision, probability (or score) of each class, whether it is unusual, its activation map.

    Args:
        most: rows.
    """
    table, found = Table(box=None, pad_edge=False), made.found
    kind = "p" if f"p_{found.class_names[0]}" in made.table else "score"
    shown_columns = ["image", "decision", "probabilities" if kind == "p" else "scores"]
    shown_columns += ["unusual"] if made.unusual is not None else []
    shown_columns += ["activation map"] if "map" in made.table else []
    for name in shown_columns:
        table.add_column(name, overflow="fold")
    for row in made.table.head(most).to_dict("records"):
        numbers = ", ".join(f"{name} {row[f'{kind}_{name}']:.3f}" for name in found.class_names)
        cells = [row["path"], row["decision"], f"not read: {row['error']}" if row["error"] else numbers]
        cells += [row["unusual"].replace("no", "")] if made.unusual is not None else []
        cells += [row["map"]] if "map" in made.table else []
        table.add_row(*(Text(str(cell)) for cell in cells))
    if kind == "score" and most:
        table.caption = "Scores rank images, the higher the likelier; nothing says where a class begins."
        table.caption_justify = "left"
    return table
