"""Results: the main table, the study beside it, and what was chosen."""

from __future__ import annotations

from typing import Annotated, TypedDict

from sweep.analysis.highlights import shown_in_words
from sweep.report.blocks import Block, Heading, Paragraph
from sweep.report.context import ReportContext
from sweep.report.registry import section
from sweep.report.section import SectionBody
from sweep.report.summary_types import CELLS, Bounds
from sweep.report.tables import results as shown_tables
from sweep.report.words.folds import fold_places
from sweep.report.words.opening import highest


class ResultRow(TypedDict):
    technique: str
    metric: str
    mean: Annotated[float | None, "over seeds, test split"]
    low: Annotated[float | None, "95 % interval over patients and seeds"]
    high: float | None
    seed_sd: float | None
    patient_se: float | None
    seeds: Annotated[int, Bounds(least=1)]


class ResultsSummary(TypedDict):
    """means over seeds on the test split, one row a technique and metric"""

    metric: Annotated[str, "configurations were chosen by it, on validation"]
    techniques: list[Annotated[ResultRow, CELLS]]


@section(
    "results",
    "Results",
    100,
    summary=ResultsSummary,
    answers=("results", "results.configurations"),
)
def results_section(context: ReportContext) -> SectionBody:
    """Each technique on the test split, with the floors beneath."""
    run = context.run
    blocks: list[Block] = []
    results = shown_tables.results(run, context.images)
    if results:
        many = shown_in_words(run)
        blocks += [Paragraph(many), results] if many else [results]
    else:
        blocks.append(
            Paragraph(
                "There are no test results in this run: the test split is opened once, after every trial has ended. "
                "`sweep resume` goes on with an unfinished run."
            )
        )
    study = shown_tables.study(run)
    if study:
        blocks += [Heading("Beside the study"), study]
    configurations = None if fold_places(run) else shown_tables.configurations(run)  # each fold has its own
    if configurations:
        blocks += [Heading("Chosen configurations"), configurations]
    shift = shown_tables.shift_sentence(run)
    if shift:
        blocks.append(Paragraph(shift))
    values = shown_tables.result_values(run)
    answered = {"results"} if values["techniques"] else set()
    if configurations:
        answered.add("results.configurations")
    return SectionBody(blocks, values=values, answered=answered, found=highest(run, run.metric))
