"""Would a threshold do it? What a tuned threshold or prior correction makes of the baseline, beside the techniques."""

from __future__ import annotations

from typing import Annotated, Literal, NotRequired, TypedDict

import numpy as np
import pandas as pd

from balancing.data.patients import FEWEST
from balancing.metrics import METRICS
from sweep.analysis.decisions.net_benefit import benefit_curves
from sweep.analysis.decisions.operating_points import MANY, SENSITIVITIES, operating_points, point_name
from sweep.analysis.decisions.predictive_values import predictive_table
from sweep.analysis.decisions.preferences import DecisionPreferences
from sweep.analysis.decisions.table import decisions_of, once_each, reference_rule, split_prior
from sweep.analysis.decisions.two_class import BANDED
from sweep.analysis.figures.decision_curve import decision_curve_plot
from sweep.analysis.figures.predictive_values import predictive_values_plot
from sweep.analysis.highlights import highlights
from sweep.analysis.names import display_name, inline_name, metric_name
from sweep.analysis.results import Results
from sweep.analysis.statistics.paired import BASELINE, CONFIDENCE
from sweep.report.blocks import Block, Figures, Folded, Listing, Paragraph
from sweep.report.columns import interval, label, ranged_cell, signed_interval, table_of, technique, value
from sweep.report.context import ReportContext
from sweep.report.registry import section
from sweep.report.section import SectionBody
from sweep.report.summary_types import CELLS, Count
from sweep.report.table import Cell, Table
from sweep.report.text.intervals import INTERVAL, interval_sentence, ranged, signed_limits, signed_range
from sweep.report.text.lists import listed, techniques_listed
from sweep.report.text.numbers import p_equals, prevalence_text, signed, three
from sweep.report.words.scores import scores_sentence

PREVALENCES = (0.01, 0.1)
QUESTION = "Would a threshold do it?"
REFERENCES = (
    ("Threshold for balanced accuracy", "Youden, Cancer 3(1), 1950"),
    ("Threshold for F1", "Lipton, Elkan & Naryanaswamy, ECML PKDD 2014"),
    ("Threshold for costs", "Elkan, The Foundations of Cost-Sensitive Learning, IJCAI 2001"),
    ("Prior correction", "Saerens, Latinne & Decaestecker, Neural Computation 14(1), 2002"),
    ("Decision curve", "Vickers & Elkin, Medical Decision Making 26(6), 2006"),
)


class DecisionRow(TypedDict):
    decision: str
    technique: str
    rule: Annotated[
        Literal["argmax", "balanced_accuracy", "f1", "sensitivity", "cost", "prior", "prevalence"],
        "argmax: as the network decides; all others are the baseline's",
    ]
    seeds: Count
    threshold: Annotated[float | None, "mean over seeds, on the positive class's probability as the network gave it"]
    balanced_accuracy: float | None


class OperatingPointRow(TypedDict):
    technique: str
    seeds: Count


class PredictiveRow(TypedDict):
    decision: str
    technique: str
    rule: str
    seeds: NotRequired[Count]
    prevalence: float | None
    ppv: float | None
    npv: float | None


class ThresholdSummary(TypedDict):
    """decision-level answers, fitted on validation, on the test split"""

    answer: Annotated[str, "whether a tuned threshold of the baseline does what the techniques do"]
    decisions: list[Annotated[DecisionRow, CELLS]]
    operating_points: NotRequired[
        Annotated[
            list[Annotated[OperatingPointRow, CELLS]],
            "specificity_at_95: specificity where the test curve reaches 95 % sensitivity",
        ]
    ]
    predictive_values: NotRequired[list[Annotated[PredictiveRow, CELLS]]]


@section(
    "threshold",
    "Decision threshold",
    400,
    question=QUESTION,
    summary=ThresholdSummary,
    answers=("threshold", "threshold.tuned", "threshold.prior"),
    references=REFERENCES,
)
def thresholds_section(context: ReportContext) -> SectionBody | None:
    """Tables and figures on thresholds.

    Returns:
        None where the test split was not opened.
    """
    run, rng, stated = context.run, context.patients_rng(), context.options.decisions
    table = decisions_of(run, stated)
    if table.empty:
        return None
    words = answer(run, table)
    blocks: list[Block] = [Paragraph(text) for text in words]
    blocks.append(_decisions(run, once_each(table)))
    no_rates = scores_sentence(run, "balanced_accuracy", "no decisions")
    no_benefit = scores_sentence(run, "loss", "no net benefit")
    missing = f"{no_rates} {no_benefit}".strip()
    blocks += [Paragraph(missing)] if missing else []
    blocks.append(Folded("How these decisions are made", [Listing(_method(run, table, stated))]))
    values: dict[str, object] = {"answer": words[0], "decisions": table.to_dict("records")}
    points = operating_points(run, rng)
    if not points.empty and run.positive is not None:
        blocks.append(_operating(points))
        prevalence = float(split_prior(run, "test")[run.positive])
        curves = benefit_curves(run, rng)
        few = highlights(run, curves["technique"]) if len(curves) else []
        plots = [predictive_values_plot(run, prevalence)]
        plots += [decision_curve_plot(curves, prevalence, stated.cost_ratio, few)] if len(curves) else []
        blocks.append(Figures([plot for plot in plots if plot is not None]))
        asked = [*PREVALENCES, *([stated.prevalence] if stated.prevalence is not None else [])]
        by_name = {prevalence_text(p): p for p in [*asked, prevalence]}
        wanted = sorted(by_name.values())
        predictive = predictive_table(run, rng, wanted)
        folded = f"Predictive values at {listed([prevalence_text(p) for p in wanted])}"
        blocks.append(Folded(folded, [_predictive(predictive, prevalence)]))
        values |= {"operating_points": points.to_dict("records"), "predictive_values": predictive.to_dict("records")}
    tuned = "threshold.tuned" if not points.empty and run.positive is not None else "threshold.prior"
    return SectionBody(blocks, values=values, answered={"threshold", tuned}, aside=f"{QUESTION} {words[0]}")


def _sure(row: pd.Series, metric: str) -> bool:
    """Whether a difference is significant: adjusted, with an interval that leaves zero out, over seeds."""
    low, high = row[f"difference_{metric}_low"], row[f"difference_{metric}_high"]
    apart = bool(low > 0 or high < 0)
    return apart and bool(_judged(row, metric) < 1 - CONFIDENCE) and int(row["seeds"]) > 1


def _judged(row: pd.Series, metric: str) -> float:
    """The p-value of a difference that is judged by."""
    name = f"difference_{metric}_p"
    return float(row.get(f"{name}_adjusted", row[f"{name}_holm"]))


def answer(run: Results, table: pd.DataFrame) -> list[str]:
    """The answer in words: does the baseline with a tuned threshold do as well as the best technique?

    Args:
        table: of ``decision_table``, not empty.
    Returns:
        Paragraphs, the answer first.
    """
    at_half = table[table["rule"] == "argmax"]
    rule = reference_rule(run)
    reference = table[(table["technique"] == BASELINE) & (table["rule"] == rule)]
    if reference.empty:
        return [
            "No answer: this run has no tested baseline whose decisions could be tuned. The techniques are shown as "
            "they decide without tuning."
        ]
    tuned, plain = reference.iloc[0], at_half[at_half["technique"] == BASELINE].iloc[0]
    how = "with a threshold tuned on validation" if rule != "prior" else "after prior correction"
    lead = (
        f"The baseline {how} has a test balanced accuracy of {ranged(tuned, 'balanced_accuracy')}; without, of "
        f"{ranged(plain, 'balanced_accuracy')}: a change of {_negated(plain)}."
    )
    # What decides anew is no longer as it was trained, which is what is asked about.
    others = at_half[(at_half["technique"] != BASELINE) & ~at_half["technique"].isin(list(run.decisions))]
    paragraphs = [f"{_compared(others, 'balanced_accuracy', rule, run.margin)} {lead}"]
    second = []
    corrected = table[(table["technique"] == BASELINE) & (table["rule"] == "prior")]
    if rule != "prior" and len(corrected):
        row = corrected.iloc[0]
        second.append(
            f"Prior correction to equally frequent classes, which needs no validation data, has "
            f"{ranged(row, 'balanced_accuracy')}."
        )
    metric = run.metric
    if metric != "balanced_accuracy" and len(others):
        second.append(
            f"In test {inline_name(metric)}, which the run selects by: {_compared(others, metric, rule, run.margin)}"
        )
    if len(others) and np.isfinite([plain["auroc"], *others["auroc"]]).all():
        second.append(_areas(run, plain, others))
    if run.positive is None:
        second.append(
            "Thresholds, operating points, predictive values and decision curves are for two classes; with "
            f"{len(run.class_names)} only prior correction is shown here."
        )
    return [*paragraphs, " ".join(second)] if second else paragraphs


def _negated(plain: pd.Series) -> str:
    """What tuning added: the difference of the untuned baseline, turned round."""
    name = "difference_balanced_accuracy"
    turned = {name: -plain[name], f"{name}_low": -plain[f"{name}_high"], f"{name}_high": -plain[f"{name}_low"]}
    return signed_range(turned, name)


def _compared(others: pd.DataFrame, metric: str, rule: str, margin: float) -> str:
    """The techniques as they decide untuned against the tuned baseline in one metric."""
    remedy, base = ("prior correction", "corrected baseline") if rule == "prior" else ("a threshold", "tuned baseline")
    name, spoken = f"difference_{metric}", inline_name(metric)
    judged = others[others[name].notna()]
    if judged.empty:
        return "There is no technique to compare with."
    best = judged.iloc[int(judged[name].to_numpy().argmax())]
    called = f"{display_name(str(best['technique']))} ({spoken} {three(best[metric])})"
    if int(judged["seeds"].max()) < 2:
        return (
            f"One seed decides nothing: the best technique, {called}, differs from the {base} by "
            f"{signed(best[name])}, over patients alone {signed_limits(best[f'{name}_low'], best[f'{name}_high'])}."
        )
    if (judged[f"{name}_fewest"] < FEWEST).any():
        return (
            f"With fewer than {FEWEST} test patients of a class this can't be told: the best technique, {called}, "
            f"differs from the {base} by {signed_range(best, name)}."
        )
    sure = judged[[_sure(row, metric) for _, row in judged.iterrows()]]
    ahead, behind = sure[sure[name] > 0], sure[sure[name] < 0]
    tail = f" Significantly behind it: {techniques_listed(behind['technique'])}." if len(behind) else ""
    by = f"{signed_range(best, name)}, {p_equals(_judged(best, metric))}, adjusted"
    if len(ahead):
        return (
            f"No, {remedy} does not do all of it: in {spoken}, {techniques_listed(ahead['technique'])} "
            f"{_be(ahead)} significantly ahead of the {base}. The best technique, {called}, is ahead by {by}.{tail}"
        )
    room = float(judged[f"{name}_high"].max())
    if room < margin:
        return (
            f"Yes: no technique is ahead of the {base} in {spoken} by {margin:g} or more. The best of them, "
            f"{called}, differs by {by}.{tail}"
        )
    lead = "none was ahead" if best[name] <= 0 else "none was significantly ahead"
    return (
        f"These data cannot tell what the techniques reach from what {remedy} does: {lead} of the {base} in "
        f"{spoken}. The best, {called}, differs by {by}; leads of up to {room:.3f} are not ruled "
        f"out.{tail}"
    )


def _be(rows: pd.DataFrame) -> str:
    return "is" if len(rows) == 1 else "are"


def _areas(run: Results, plain: pd.Series, others: pd.DataFrame) -> str:
    """The techniques decide at 0.5, and a threshold may help them too: AUROC is free of that."""
    best = others.iloc[int(others["auroc"].to_numpy().argmax())]
    moved = "no threshold changes" if run.positive is not None else "is free of thresholds"
    return (
        f"The techniques are not tuned here, and tuning may help them too. AUROC, which {moved}, is "
        f"{ranged(plain, 'auroc')} for the baseline and {ranged(best, 'auroc')} for {best['decision']}, the highest "
        "beside it."
    )


def _decisions(run: Results, table: pd.DataFrame) -> Table:
    metrics = list(dict.fromkeys(["balanced_accuracy", run.metric]))
    has_reference = bool(table["difference_balanced_accuracy"].notna().any())
    two = run.positive is not None
    columns = [label("decision", "Decision"), *([value("threshold", "Threshold")] if two else [])]
    for metric in metrics:
        columns.append(interval(metric, metric_name(metric)))
        if has_reference:
            header = "Difference" if len(metrics) == 1 else f"Difference in {inline_name(metric)}"
            columns.append(signed_interval(f"difference_{metric}", header))
    columns += [interval(metric, metric_name(metric)) for metric in METRICS if metric not in metrics]
    strong = [row["rule"] == "argmax" and row["technique"] != BASELINE and _ahead(row) for _, row in table.iterrows()]
    what = "Techniques at 0.5 and the baseline with tuned decisions"
    if not two:
        what = "Techniques as they are and the baseline after prior correction"
    caption = f"{what}, test split. {interval_sentence(table['seeds'])}"
    if has_reference:
        name = "Baseline + threshold (balanced accuracy)" if two else "Baseline + prior correction"
        caption += f" Difference: to {name}, paired."
    if any(strong):
        caption += " Bold: significantly ahead of it at the 5 % level, adjusted for how many techniques there are."
    return table_of("thresholds", caption, table, columns, strong=strong)


def _ahead(row: pd.Series) -> bool:
    return _sure(row, "balanced_accuracy") and row["difference_balanced_accuracy"] > 0


def _method(run: Results, table: pd.DataFrame, stated: DecisionPreferences) -> list[str]:
    lines = []
    split = run.split()
    labels = split.loc[split["split"] == "validation", "label"].to_numpy()
    if run.positive is not None:
        positives = int((labels == run.positive).sum())
        few = min(positives, len(labels) - positives)
        lines += [
            f"Each seed's threshold is fitted on its own predictions of the validation split ({positives} "
            f"{run.class_names[run.positive]}, {len(labels) - positives} other) and applied to the test split. Of "
            "equally good thresholds the middle of the widest stretch is taken.",
            f"Balanced accuracy and F1: the highest on validation. Sensitivity: the highest threshold that finds "
            f"{prevalence_text(stated.sensitivity)} of the positives on validation; on the test split it may find "
            f"fewer. Cost: the least, where a miss costs {stated.cost_ratio:g} times a false alarm, at the prevalence "
            "of validation.",
            "The intervals keep each seed's threshold: that other validation patients would give another is not in "
            "them" + (f", and with {few} images of the rarer class it could lie far away." if few < 50 else "."),
            "The validation split also chose the best epoch and the configuration.",
        ]
    if (table["rule"] == "prior").any():
        prior = ", ".join(f"{name} {share:.3f}" for name, share in zip(run.class_names, split_prior(run), strict=True))
        lines.append(
            f"Prior correction divides the baseline's probabilities by the training split's class shares ({prior}) and "
            "scales them to sum to 1. Shown for the baseline alone; beside the techniques under the same rule it "
            "stands under Class prior."
        )
    return lines or ["The most probable class is decided for."]


def _operating(points: pd.DataFrame) -> Table:
    columns = [
        technique(),
        *(interval(point_name(s), f"Specificity at {100 * s:g} % sensitivity") for s in SENSITIVITIES),
    ]
    caption = (
        "Operating points looked up on each test curve: what a score could do, not what a threshold from validation "
        f"does. {interval_sentence(points['seeds'])}"
        + (f" Intervals are from {BANDED} draws of patients." if points["seeds"].sum() > MANY else "")
    )
    return table_of("operating_points", caption, points, columns)


def _predictive(data: pd.DataFrame, prevalence: float) -> Table:
    wanted = sorted(data["prevalence"].unique())
    rows = []
    for position, name in enumerate(dict.fromkeys(data["decision"])):
        own = data[data["decision"] == name].set_index("prevalence")
        cells = [Cell(name, position)]
        for kind in ("ppv", "npv"):
            cells += [ranged_cell(own.loc[p], kind) for p in wanted]
        rows.append(cells)
    headers = ["Decision"]
    headers += [f"{value} at {prevalence_text(p)}" for value in ("PPV", "NPV") for p in wanted]
    caption = (
        f"Predictive values by Bayes' rule from test sensitivity and specificity, with {INTERVAL}s; the test split has "
        f"{prevalence_text(prevalence)} positives. A dash: nobody is called so."
    )
    return Table("predictive_values", caption, headers, rows, data)
