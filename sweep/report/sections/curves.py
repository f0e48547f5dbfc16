"""ROC and precision-recall curves with bands, and their areas."""

from __future__ import annotations

from typing import Annotated, TypedDict

from balancing.metrics import RANKING
from sweep.analysis.decisions.operating_points import MANY, Curves, score_curves
from sweep.analysis.decisions.two_class import BANDED
from sweep.analysis.figures.precision_recall import precision_recall_plot
from sweep.analysis.figures.roc import roc_plot
from sweep.analysis.highlights import highlights
from sweep.report.blocks import Figures, Paragraph
from sweep.report.columns import interval, table_of, technique
from sweep.report.context import ReportContext
from sweep.report.registry import section
from sweep.report.section import SectionBody
from sweep.report.summary_types import CELLS, Count
from sweep.report.table import Table
from sweep.report.text.intervals import interval_sentence
from sweep.report.words.opening import highest

REFERENCES = (
    ("ROC curves", "Fawcett, Pattern Recognition Letters 27(8), 2006"),
    ("Precision-recall curves", "Davis & Goadrich, ICML 2006; Saito & Rehmsmeier, PLOS ONE 10(3), 2015"),
)


class AreaRow(TypedDict):
    technique: str
    seeds: Count
    auroc: float | None
    average_precision: float | None


class CurvesSummary(TypedDict):
    """areas under ROC and precision-recall curves, test split; two classes only"""

    areas: list[Annotated[AreaRow, CELLS]]
    prevalence: Annotated[float | None, "share of positives in the test split"]


@section(
    "curves",
    "ROC and precision-recall curves",
    300,
    summary=CurvesSummary,
    answers=("curves",),
    references=REFERENCES,
)
def curves_section(context: ReportContext) -> SectionBody | None:
    """Curves of the scores, before anything is decided.

    Returns:
        None where the test split was not opened.
    """
    run = context.run
    if run.test_set is None:
        return None
    few = highlights(run)
    curves = score_curves(run, context.patients_rng(), few=few)
    if curves is None:
        text = "Curves are drawn for two classes, both of them in the test split."
        if run.positive is None:
            text += " The results table has the AUROC, the mean over the classes, each against the rest."
        return SectionBody([Paragraph(text)], references=())
    figures = Figures([roc_plot(curves, few), precision_recall_plot(curves, few)])
    values = {"areas": curves.points.to_dict("records"), "prevalence": curves.prevalence}
    return SectionBody([figures, _areas(curves)], values=values, found=highest(run, RANKING))


def _areas(curves: Curves) -> Table:
    caption = (
        "Areas under the curves, test split: AUROC (guessing: 0.5) and average precision (guessing: the prevalence, "
        f"{curves.prevalence:.3f}). {interval_sentence(curves.points['seeds'])}"
    )
    if curves.points["seeds"].sum() > MANY:
        caption += f" Intervals of average precision are from {BANDED} draws of patients."
    columns = [technique(), interval("auroc", "AUROC"), interval("average_precision", "Average precision")]
    return table_of("areas", caption, curves.points, columns)
