"""Results: the main table, the study beside it, what was chosen; and the evidence behind them."""

from __future__ import annotations

from sweep.analysis.figures.records import number_plots
from sweep.report.context import ReportContext
from sweep.report.section import Block, Figures, Folded, Heading, Paragraph, Section
from sweep.report.tables import results as shown_tables


def results_section(context: ReportContext) -> Section:
    """Each technique on the test split, with the floors beneath."""
    run = context.run
    blocks: list[Block] = []
    results = shown_tables.results(run, context.images)
    if results:
        blocks.append(results)
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
    configurations = shown_tables.configurations(run)
    if configurations:
        blocks += [Heading("Chosen configurations"), configurations]
    shift = shown_tables.shift_sentence(run)
    if shift:
        blocks.append(Paragraph(shift))
    return Section("results", "Results", blocks, values=shown_tables.result_values(run))


def evidence_section(context: ReportContext) -> Section:
    """Epoch by epoch and decision by decision."""
    run = context.run
    plots = [plot for plot in number_plots(run) if plot.name != "learning_rate"]  # that one is with the configurations
    blocks: list[Block] = [Figures(plots)] if plots else [Paragraph("No trial has numbers to draw yet.")]
    for table in (shown_tables.confusion(run), shown_tables.matrices(run)):
        if table:
            blocks.append(Folded(table.caption, [table]))
    return Section("evidence", "Epochs and decisions", blocks)


def failures_section(context: ReportContext) -> Section | None:
    """Trials that did not end well."""
    table = shown_tables.failures(context.run)
    return Section("failed", "Failures", [table]) if table else None
