"""What else changes: the deciding metric's answers beside what each technique does to others, as arrows."""

from __future__ import annotations

from typing import Annotated, Literal, TypedDict

import pandas as pd

from sweep.analysis.beside import HIGHER_IS_BETTER, RECALL, against_threshold, beside_metrics, beside_table
from sweep.analysis.decisions.operating_points import MANY
from sweep.analysis.decisions.two_class import BANDED
from sweep.analysis.names import METRIC_NAMES, display_name, inline_name, metric_name
from sweep.analysis.results import Results
from sweep.analysis.statistics.significance import EQUIVALENT, HARMS, HELPS, OPEN, answers
from sweep.report.blocks import Block, Folded, Listing, Paragraph
from sweep.report.context import ReportContext
from sweep.report.registry import section
from sweep.report.section import SectionBody
from sweep.report.summary_types import Count
from sweep.report.table import Cell, Mark, Table
from sweep.report.text.intervals import INTERVAL, with_interval
from sweep.report.text.numbers import NONE, signed
from sweep.report.words import beside as words
from sweep.report.words.verdict import how_adjusted

MARKS = {
    "better": Mark("\N{BLACK UP-POINTING TRIANGLE}", "better"),
    "worse": Mark("\N{BLACK DOWN-POINTING TRIANGLE}", "worse"),
    "level": Mark("=", "no matter"),
    "unknown": Mark("?", "can't tell"),
}
OF_ANSWERS = {HELPS: "better", HARMS: "worse", EQUIVALENT: "level", OPEN: "unknown"}
OF_THRESHOLD = {words.AHEAD: "better", words.SAME: "level", words.OPEN: "unknown"}
THRESHOLD = "threshold"


class BesideRow(TypedDict):
    technique: str
    metric: Annotated[str, "brier and ece: lower is better"]
    seeds: Count
    difference: Annotated[float | None, "to the baseline, paired, mean over seeds"]
    low: Annotated[float | None, "95 % interval over patients and seeds, not adjusted"]
    high: float | None
    arrow: Literal["better", "worse", "level", "unknown"]


class ThresholdRow(TypedDict):
    technique: str
    difference: Annotated[float | None, "as trained, to the baseline with a decision fitted on validation"]
    low: float | None
    high: float | None
    p_adjusted: float | None
    answer: Annotated[
        Literal["does the same", "does not do all of it", "can't be told"], "whether that does what the technique does"
    ]


class BesideSummary(TypedDict):
    """what each technique does to the metrics that don't decide; descriptive, not adjusted"""

    sentence: str
    margin: Annotated[float, "a difference within it does not matter"]
    techniques: list[BesideRow]
    threshold: list[ThresholdRow]


@section(
    "beside",
    "Beside the verdict",
    50,
    question="What else does each technique change?",
    summary=BesideSummary,
    answers=(),
)
def beside_section(context: ReportContext) -> SectionBody | None:
    """None without a tested baseline and partner."""
    run = context.run
    table, threshold = beside_table(run), against_threshold(run, context.options.decisions)
    if table.empty:
        return None
    sentence = words.beside_sentence(run, table, threshold)
    same = words.threshold_answers(threshold, run.margin)
    blocks: list[Block] = [Paragraph(sentence)] if sentence else []
    blocks += [arrows_table(run, table, threshold), Folded("How the arrows are drawn", [Listing(_method(run))])]
    rows = [
        {
            **{name: row[name] for name in ("technique", "difference", "low", "high", "p_adjusted")},
            "answer": same[str(row["technique"])],
        }
        for _, row in threshold.iterrows()
    ]
    values = {
        "sentence": sentence,
        "margin": run.margin,
        "techniques": table.to_dict("records"),
        "threshold": rows,
    }
    return SectionBody(blocks, values=values)


def arrows_table(run: Results, table: pd.DataFrame, threshold: pd.DataFrame) -> Table:
    """The deciding metric first, then the others, then the baseline with a threshold; a row a technique.

    Args:
        table: of ``beside_table``.
        threshold: of ``against_threshold``.
    """
    decides = run.differences()
    decides = decides.assign(arrow=[OF_ANSWERS[one] for one in answers(decides)]).set_index("technique")
    same = words.threshold_answers(threshold, run.margin)
    tuned = threshold.assign(arrow=[OF_THRESHOLD[same[str(name)]] for name in threshold["technique"]])
    columns: list[tuple[str, pd.DataFrame, bool]] = [(metric_name(run.metric), decides, True)]
    for metric in beside_metrics(run):
        own = table[table["metric"] == metric].set_index("technique")
        if own.empty:
            continue
        name = METRIC_NAMES.get(metric, words.NAMES.get(metric, metric))
        columns.append((name, own, HIGHER_IS_BETTER[metric]))
    if len(tuned):
        rule = "threshold" if run.positive is not None else "prior correction"
        columns.append((f"Against baseline + {rule}", tuned.set_index("technique"), True))
    names = list(dict.fromkeys([*decides.index, *table["technique"]]))
    rows = [
        [Cell(display_name(name), place), *(_cell(own, name, higher) for _, own, higher in columns)]
        for place, name in enumerate(names)
    ]
    return Table(
        "beside", _caption(run, decides), ["Technique", *(one[0] for one in columns)], rows, _wide(names, columns)
    )


def _cell(own: pd.DataFrame, name: str, higher: bool) -> Cell:
    if name not in own.index:
        return Cell(NONE, float("-inf"))
    row = own.loc[[name]].iloc[0]
    return Cell(
        with_interval(row["difference"], row["low"], row["high"], signed),
        float(row["difference"]) * (1 if higher else -1),
        MARKS[str(row["arrow"])],
    )


def _wide(names: list[str], columns: list[tuple[str, pd.DataFrame, bool]]) -> pd.DataFrame:
    """A row a technique: of each column difference, low, high and arrow."""
    rows = []
    for name in names:
        row: dict[str, object] = {"technique": name}
        for title, own, _ in columns:
            for part in ("difference", "low", "high", "arrow"):
                row[f"{title}: {part}"] = own.loc[name, part] if name in own.index else None
        rows.append(row)
    return pd.DataFrame(rows)


def _caption(run: Results, decides: pd.DataFrame) -> str:
    many = f", adjusted for all {len(decides)} comparisons ({how_adjusted(decides)})" if len(decides) > 1 else ""
    return (
        f"Differences to the baseline on the test split, with {INTERVAL}s over patients and seeds. Only "
        f"{inline_name(run.metric)} decides{many}; the others are not adjusted and describe. "
        f"{MARKS['better'].sign} better, {MARKS['worse'].sign} worse, {MARKS['level'].sign} no matter (within "
        f"{run.margin:g}), {MARKS['unknown'].sign} can't be told. Brier score and calibration error: less is better."
    )


def _method(run: Results) -> list[str]:
    lines = [
        f"{metric_name(run.metric)}: the answer of the paired differences, whose margin is {run.margin:g}.",
        f"The others: better or worse where the {INTERVAL} leaves out zero, whichever way is good for the metric; no "
        f"matter where it holds zero and lies within {run.margin:g}, the same margin for all; else it can't be told. "
        "With one seed, or too few test patients, nothing is. A technique that ranks every test image as the baseline "
        "does has its AUROC and recall. A dash: the technique's answers have no such number.",
    ]
    lines.append("Brier score and calibration error: as under Calibration, as trained, before scaling.")
    if run.positive is not None:
        drawn = f", its intervals from {BANDED} draws of patients" if len(run.test_set or ()) > MANY else ""
        lines.append(
            f"{words.NAMES[RECALL]}: looked up on each test curve{drawn}: what a score could do, not what a threshold "
            "from validation does."
        )
        lines.append(
            "Against baseline + threshold: the technique as trained less the baseline with its threshold for balanced "
            "accuracy, as under Decision threshold, adjusted for the number of techniques. = : not ahead by the margin "
            "or more, so the threshold does the same."
        )
    else:
        lines.append(
            "Against baseline + prior correction: the technique as trained less the baseline after correction to "
            "equally frequent classes, as under Decision threshold, adjusted for the number of techniques. = : not "
            "ahead by the margin or more, so the correction does the same."
        )
    return lines
