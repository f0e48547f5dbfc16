"""The evidence behind the results: epoch by epoch, and decision by decision."""

from __future__ import annotations

from sweep.analysis.figures.records import number_plots
from sweep.report.blocks import Block, Figures, Folded, Paragraph
from sweep.report.context import ReportContext
from sweep.report.registry import section
from sweep.report.section import SectionBody, shows_something
from sweep.report.tables import results as shown_tables
from sweep.report.words.opening import learnt


@section(
    "evidence",
    "Learning curves and confusion matrices",
    600,
    answers=("evidence", "evidence.confusion"),
)
def evidence_section(context: ReportContext) -> SectionBody:
    """Epoch by epoch and decision by decision."""
    run = context.run
    plots = [plot for plot in number_plots(run) if plot.name != "learning_rate"]  # that one is with the configurations
    blocks: list[Block] = [Figures(plots)] if plots else [Paragraph("No trial has numbers to draw yet.")]
    tables = [table for table in (shown_tables.confusion(run), shown_tables.matrices(run)) if table]
    blocks += [Folded(table.caption, [table]) for table in tables]
    answered = {"evidence"} if shows_something(blocks) else set()
    if "confusion" in {*(plot.name for plot in plots), *(table.name for table in tables)}:
        answered.add("evidence.confusion")
    return SectionBody(blocks, answered=answered, found=learnt(run))
