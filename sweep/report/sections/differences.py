"""Against the baseline: paired differences with intervals, forest plot, and the comparison seed by seed."""

from __future__ import annotations

from typing import Annotated, Literal, TypedDict

import pandas as pd

from balancing.data.patients import FEWEST
from balancing.metrics import RANKING
from sweep.analysis.comparison import fewest_test_patients
from sweep.analysis.figures.forest import forest_plot
from sweep.analysis.looks import level_of
from sweep.analysis.names import inline_name
from sweep.analysis.results import Results
from sweep.analysis.statistics.sequential import ALPHA
from sweep.analysis.statistics.significance import EQUIVALENT, HARMS, HELPS, OPEN, answers
from sweep.report.blocks import Block, Figures, Folded, Paragraph
from sweep.report.columns import Column, table_of, technique, text, value
from sweep.report.context import ReportContext
from sweep.report.registry import section
from sweep.report.section import SectionBody
from sweep.report.summary_types import CELLS, Bounds, Count, Share
from sweep.report.table import Table, number
from sweep.report.text.intervals import signed_limits
from sweep.report.text.numbers import p_value, signed, three
from sweep.report.words.needed import needed_cells
from sweep.report.words.opening import compared
from sweep.report.words.scores import scores_sentence
from sweep.report.words.verdict import answer_values, how_adjusted

REFERENCES = (
    (
        "Bootstrap over patients",
        "Efron & Tibshirani, An Introduction to the Bootstrap, 1993; Field & Welsh, Journal of the Royal Statistical "
        "Society B 69(3), 2007",
    ),
    (
        "Intervals over seeds and patients",
        "Obuchowski & Rockette, Communications in Statistics 24(2), 1995 (readers and cases); Fisher, Annals of "
        "Eugenics 6(4), 1935 (the sum of two sources); few patients: Bell & McCaffrey, Survey Methodology "
        "28(2), 2002, and Satterthwaite, Biometrics Bulletin 2(6), 1946; "
        "near 0 and 1 Clopper & Pearson, Biometrika 26(4), 1934",
    ),
    (
        "Equivalence",
        "Schuirmann, Journal of Pharmacokinetics and Biopharmaceutics 15(6), 1987 (two one-sided tests); "
        "of all techniques at once: Berger, Technometrics 24(4), 1982 (intersection-union tests)",
    ),
    ("Power and seeds needed", "Cohen, Statistical Power Analysis for the Behavioral Sciences, 1988"),
    ("McNemar's test", "McNemar, Psychometrika 12(2), 1947"),
    (
        "DeLong's test",
        "DeLong, DeLong & Clarke-Pearson, Biometrics 44(3), 1988; Sun & Xu, IEEE Signal Processing Letters 21(11), "
        "2014",
    ),
)


class DifferenceRow(TypedDict):
    technique: str
    answer: Annotated[Literal["helps", "harms", "equivalent", "open"], "open: it can't be told yet"]
    seeds: Count
    difference: Annotated[float | None, "paired, mean over seeds"]
    low: Annotated[float | None, "95 % interval over patients and seeds"]
    high: float | None
    p: Annotated[float | None, "two-sided; 1 with one seed"]
    p_holm: Share
    p_adjusted: Annotated[float | None, "what is judged by", Bounds(0, 1)]
    adjustment: Annotated[str, "how p_adjusted was adjusted for the number of techniques: holm or max-t"]
    equivalence_p: Annotated[
        float | None,
        "two one-sided tests of a difference of the margin or more, the larger; not adjusted",
        Bounds(0, 1),
    ]
    margin: float
    seed_sd: Annotated[float | None, "over seeds"]
    moderated_sd: Annotated[float | None, "over seeds, held against the other techniques': what the interval has"]
    seed_freedom: Annotated[float | None, "degrees of freedom of moderated_sd"]
    patient_se: Annotated[float | None, "of the part that all seeds share"]
    patient_sd: Annotated[float | None, "of the bootstrap over patients alone"]


class DifferencesSummary(TypedDict):
    """each technique minus the baseline in the metric selected by, paired by seed and patient"""

    sentence: str
    metric: str
    margin: Annotated[float, "a difference within it does not matter"]
    stated_margin: Annotated[float | None, "that of the run's configuration; null where it states none"]
    beats_baseline: list[str]
    behind_baseline: list[str]
    equivalent: Annotated[list[str], "within the margin, each at the 5 % level, not adjusted"]
    open: Annotated[list[str], "can't be told yet"]
    differences: list[Annotated[DifferenceRow, CELLS]]


ANSWER_NAMES = {HELPS: "helps", HARMS: "harms", EQUIVALENT: "doesn't matter", OPEN: "can't be told yet"}


@section(
    "differences",
    "Paired differences",
    200,
    question="Does any technique beat the baseline?",
    summary=DifferencesSummary,
    answers=("differences", "differences.seeds"),
    references=REFERENCES,
)
def differences_section(context: ReportContext) -> SectionBody | None:
    """None without a tested baseline and partner."""
    run = context.run
    table = run.differences()
    if table.empty:
        return None
    plot = forest_plot(run)
    blocks: list[Block] = [differences_table(run, table), *([Figures([plot])] if plot else [])]
    ranking = scores_sentence(run, run.metric, f"no {inline_name(run.metric)}, so AUROC is compared besides")
    if ranking:
        blocks += [Paragraph(ranking), differences_table(run, run.differences(RANKING), RANKING)]
    blocks.append(Folded("Seed by seed: the same two networks on the same test images", [seeds_table(run)]))
    answered = {"differences"} | ({"differences.seeds"} if (table["seeds"] > 1).any() else set())
    return SectionBody(blocks, values=answer_values(run), answered=answered, found=compared(run))


def differences_table(run: Results, data: pd.DataFrame, metric: str = "") -> Table:
    """Each technique's paired difference in a metric; "" is the one selected by."""
    name, level = inline_name(metric or run.metric), ALPHA if metric else level_of(run.confirming)
    found = answers(data)
    judged = (data["seeds"] > 1) & ~(data["fewest_patients"] < FEWEST)
    shown = data.assign(
        answer=[ANSWER_NAMES[one] for one in found],
        p_shown=data["p"].where(judged),
        p_adjusted_shown=data["p_adjusted"].where(judged),
        equivalence_shown=data["equivalence_p"].where(judged),
        sd=data["seed_sd"].where(data["seeds"] > 1),
        needed=needed_cells(data, (found == OPEN) & judged, level),
    )
    strong = [bool(one) for one in found == HELPS]
    columns = [
        technique(),
        text("answer", "Answer"),
        value("difference", "Difference", signed),
        _ends("", "95 % interval"),
        value("p_shown", "p", p_value),
        *([value("p_adjusted_shown", "p, adjusted", p_value)] if len(data) > 1 else []),
        value("equivalence_shown", "p (equivalence)", p_value),
        value("sd", "SD over seeds", three),
        value("patient_se", "SE over patients", three),
        value("seeds", "Seeds", str),
        *([text("needed", "To tell it")] if (found == OPEN).any() and judged.any() else []),
    ]
    return table_of(
        f"differences_{metric}" if metric else "differences",
        _caption(data, name, any(strong), run.margin, level),
        shown,
        columns,
        strong=strong,
        keep=["technique", "answer", *list(data.columns)[1:]],
    )


def _caption(data: pd.DataFrame, name: str, strong: bool, margin: float, level: float) -> str:
    caption = (
        f"Paired differences in test {name}: each seed against the baseline's same seed, on the same patients. "
        "Intervals hold both chances: which patients were tested (bootstrap over patients within classes, with "
        "Student's t where they are few) and training (Student's t over seeds)."
    )
    if len(data) > 1:
        how = how_adjusted(data)
        caption += f" The second p is adjusted for all {len(data)} comparisons of this table ({how})."
    if (data["fewest_patients"] < FEWEST).any():
        caption += f" With fewer than {FEWEST} test patients of a class nothing is tested."
    elif data["seeds"].max() < 2:
        caption += " With one seed they hold patients alone, and nothing can be said of the technique."
    else:
        caption += (
            f" Doesn't matter: two one-sided tests show a difference within {margin:g} (p of equivalence below 0.05, "
            "of each technique, not adjusted). To tell it: what it would take, with 80 % power, to see a difference as "
            f"large as the one seen or, where that was less than half of {margin:g}, to show that it does not matter."
        )
        if level < ALPHA:
            caption += f" More seeds would be judged at what the last look may spend, {100 * level:.2g} % of the 5 %."
    return caption + (" Bold: significantly ahead of the baseline at the 5 % level." if strong else "")


def _ends(prefix: str, header: str) -> Column:
    """The interval that lies from ``<prefix>low`` to ``<prefix>high``."""
    low, high = f"{prefix}low", f"{prefix}high"
    return Column(
        header, lambda data: [number(signed_limits(row[low], row[high]), row[low]) for _, row in data.iterrows()]
    )


def seeds_table(run: Results) -> Table:
    """McNemar's and DeLong's tests, seed by seed."""
    data = run.seed_differences()
    name = inline_name(run.metric)
    caption = (
        f"Two networks at a time: differences in test {name} and AUROC with their intervals over patients, McNemar's "
        "exact test on their decisions, DeLong's on their AUROC, each Holm-adjusted over its column. A small p here "
        "says that these two networks differ on these images, not that the technique does; images of one "
        "patient are taken as independent."
    )
    if fewest_test_patients(run)[0] < FEWEST:
        caption += f" With fewer than {FEWEST} test patients of a class neither test is made."
    columns = [
        technique(),
        value("seed", "Seed", str),
        value("difference", "Difference", signed),
        _ends("", "95 % interval"),
        value("mcnemar", "McNemar p", p_value),
        value("mcnemar_holm", "Holm", p_value),
        value("auroc_difference", "AUROC difference", signed),
        _ends("auroc_", "95 % interval (AUROC)"),
        value("delong", "DeLong p", p_value),
        value("delong_holm", "Holm (DeLong)", p_value),
    ]
    return table_of("seed_differences", caption, data, columns)
