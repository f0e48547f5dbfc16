"""Folds: which configuration each chose, what came of it, and how they are put together."""

from __future__ import annotations

from typing import Annotated, TypedDict

import pandas as pd

from sweep.analysis.folds import FoldResults
from sweep.analysis.names import inline_name, metric_name
from sweep.hyperparameters import Hyperparameter, shown
from sweep.report.blocks import Block, Heading, Listing, PageLink, Paragraph
from sweep.report.columns import Column, count, table_of, technique, text, value
from sweep.report.context import ReportContext
from sweep.report.registry import section
from sweep.report.section import SectionBody
from sweep.report.summary_types import CELLS, Count
from sweep.report.table import Table
from sweep.report.text.numbers import parameters
from sweep.report.words.folds import fold_places, method_lines, whose_answer


class FoldRow(TypedDict):
    fold: Count
    repeat: Count
    technique: str
    seeds: Count
    validation: Annotated[float | None, "mean over seeds, of the metric selected by"]
    test: Annotated[float | None, "the same on the fold's test images"]


class FoldsSummary(TypedDict):
    """every patient tested: what each fold chose, and what came of it"""

    folds: Count
    repeats: Count
    metric: str
    rows: list[Annotated[FoldRow, CELLS]]


@section(
    "folds",
    "Folds",
    160,
    question="What did each fold choose, and how are they put together?",
    summary=FoldsSummary,
    references=(
        ("Variance over folds", "Nadeau & Bengio, Machine Learning 52, 2003"),
        (
            "Whose error folds tell",
            "Bates, Hastie & Tibshirani, Journal of the American Statistical Association 119, 2024",
        ),
    ),
)
def folds_section(context: ReportContext) -> SectionBody | None:
    """Each fold's images, choices and results; None of a run of one split."""
    run = context.run
    if not isinstance(run, FoldResults):
        return None
    places = fold_places(run)
    table = run.fold_table()
    blocks: list[Block] = [Paragraph(whose_answer(run)), Listing(method_lines(run)), _counts(run)]
    if len(table):
        blocks += [Heading("Each fold's choice"), _choices(run, table)]
    for place, fold in run.folds.items():
        page = f"folds/{place.number}/report/index.html"
        if (fold.path / "report" / "index.html").is_file():
            blocks.append(PageLink(f"The report of {place} ({page} in the run's folder)", f"../{page}"))
    rows = table.rename(columns={run.metric: "test"})
    values = {
        "folds": places[0].folds,
        "repeats": places[0].repeats,
        "metric": run.metric,
        "rows": rows[["fold", "repeat", "technique", "seeds", "validation", "test"]].to_dict("records"),
    }
    return SectionBody(blocks, values=values)


def _counts(run: FoldResults) -> Table:
    rows = []
    for place, fold in run.folds.items():
        row: dict[str, object] = {"fold": str(place)}
        for part in ("train", "validation", "test"):
            counts = zip(fold.class_counts(part), run.class_names, strict=True)
            row[part] = ", ".join(f"{n:,} {name}" for n, name in counts)
        rows.append(row)
    columns = [text("fold", "Fold"), *(text(part, part.capitalize()) for part in ("train", "validation", "test"))]
    data = pd.DataFrame(rows, columns=["fold", "train", "validation", "test"])
    return table_of("fold_counts", "Images of each class in each fold's parts.", data, columns)


def _choices(run: FoldResults, table: pd.DataFrame) -> Table:
    specs = [run.records[one].spec for one in table["trial_id"]]
    hyperparameters = shown(specs)
    data = table.drop(columns="trial_id")
    for one in hyperparameters:
        data[one.name] = [getattr(spec, one.name) for spec in specs]
    data["parameters"] = pd.Series([dict(spec.parameters) for spec in specs], index=data.index, dtype=object)
    repeated = [count("repeat", "Repeat")] if table["repeat"].max() > 1 else []
    name = inline_name(run.metric)
    return table_of(
        "fold_choices",
        f"The configuration that each fold chose for each technique, by mean {name} over seeds on its validation "
        "images, and what it reached there and on its test images. Folds that choose differently show how much the "
        "choice is chance.",
        data,
        [
            count("fold", "Fold"),
            *repeated,
            technique(),
            *map(_hyperparameter, hyperparameters),
            text("parameters", "Own parameters", parameters),
            count("seeds", "Seeds"),
            value("validation", f"Validation {metric_name(run.metric).lower()}"),
            value(run.metric, f"Test {metric_name(run.metric).lower()}"),
        ],
    )


def _hyperparameter(shared: Hyperparameter) -> Column:
    return value(shared.name, shared.heading or shared.label, lambda one: shared.text.format(shared.kind(one)))
