"""Whether probabilities mean what they say, and what each technique does to that."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal, NotRequired, TypedDict

import pandas as pd

from balancing.data.patients import FEWEST
from sweep.analysis.comparison import fewest_test_patients
from sweep.analysis.decisions.calibration import MOST_CLASSES, calibration_of, class_table
from sweep.analysis.decisions.reliability import BINS, STAGES, reliability_curves
from sweep.analysis.figures.reliability import reliability_plot
from sweep.analysis.highlights import highlights
from sweep.analysis.names import display_name
from sweep.analysis.results import Results
from sweep.report.blocks import Block, Figures, Folded, Listing, Paragraph
from sweep.report.columns import Column, interval, label, signed_interval, table_of, technique, text, value
from sweep.report.context import ReportContext
from sweep.report.registry import section
from sweep.report.section import SectionBody
from sweep.report.summary_types import CELLS, Count
from sweep.report.table import Cell, Table, number
from sweep.report.text.intervals import INTERVAL, interval_sentence, limits, ranged, signed_limits
from sweep.report.text.numbers import signed, three
from sweep.report.words.opening import calibrated
from sweep.report.words.scores import scores_sentence

REFERENCES = (
    ("Temperature scaling", "Guo, Pleiss, Sun & Weinberger, On Calibration of Modern Neural Networks, ICML 2017"),
    ("Brier score", "Brier, Monthly Weather Review 78(1), 1950; by class: Wallace & Dahabreh, ICDM 2012"),
    ("Calibration error", "Naeini, Cooper & Hauskrecht, AAAI 2015"),
    (
        "Balancing and calibration",
        "van den Goorbergh, van Smeden, Timmerman & Van Calster, Journal of the American Medical Informatics "
        "Association 29(9), 2022",
    ),
)
_STAGE_NAMES = {"before": "as trained", "after": "after temperature scaling"}


class CalibrationRow(TypedDict):
    technique: str
    seeds: Count
    stage: Annotated[Literal["before", "after"], "temperature scaling"]
    temperature: float | None
    ece: Annotated[float | None, "expected calibration error"]
    chance_ece: Annotated[float | None, "what a perfectly calibrated network of this size shows"]


class ClassCalibrationRow(TypedDict):
    technique: str
    seeds: NotRequired[Count]
    stage: Literal["before", "after"]
    label: Count
    class_name: str


class CalibrationSummary(TypedDict):
    """calibration on the test split, before and after temperature scaling"""

    techniques: list[Annotated[CalibrationRow, CELLS]]
    classes: list[Annotated[ClassCalibrationRow, CELLS]]


@section(
    "calibration",
    "Calibration",
    500,
    question="Do the probabilities mean what they say?",
    summary=CalibrationSummary,
    answers=("calibration",),
    references=REFERENCES,
)
def calibration_section(context: ReportContext) -> SectionBody | None:
    """Reliability, Brier score and calibration error, before and after temperature scaling.

    Returns:
        None where the test split was not opened.
    """
    run, rng = context.run, context.patients_rng()
    table = calibration_of(run)
    if table.empty:
        return None
    classes = class_table(run, rng)
    few = highlights(run, table["technique"])
    blocks: list[Block] = [Paragraph(_lead(run, table)), Listing(_in_words(run, table[table["technique"].isin(few)]))]
    others = table[~table["technique"].isin(few)]
    if len(others):
        blocks.append(Folded(f"The {others['technique'].nunique()} others in words", [Listing(_in_words(run, others))]))
    ranking = scores_sentence(run, "loss", "no calibration")
    blocks += [Paragraph(ranking)] if ranking else []
    plot = reliability_plot(run, reliability_curves(run), table)
    blocks += [Figures([plot])] if plot is not None else []
    blocks += [_numbers(run, table), Folded("Class by class", [_classes(run, classes)])]
    blocks.append(Folded("How these numbers are made", [Listing(_method(run))]))
    values = {"techniques": table.to_dict("records"), "classes": classes.to_dict("records")}
    return SectionBody(blocks, values=values, found=calibrated(table))


def _lead(run: Results, table: pd.DataFrame) -> str:
    """Which is calibrated best, and what scaling does, over all techniques."""
    before = table[table["stage"] == "before"]
    after = table[table["stage"] == "after"]
    text = (
        "A network that trains on more of the rare class than there is tends to give it too high a probability: a "
        "technique that helps decisions can harm probabilities. "
    )
    if len(before) > 1:
        best, worst = (before.iloc[int(place)] for place in (before["brier"].argmin(), before["brier"].argmax()))
        text += (
            f"As trained, {display_name(str(best['technique']))} has the lowest Brier score, {ranged(best, 'brier')}, "
            f"and {display_name(str(worst['technique']))} the highest, {ranged(worst, 'brier')}. "
        )
        lower = int((after["brier"].to_numpy() < before["brier"].to_numpy()).sum())
        text += f"Temperature scaling lowers the Brier score of {lower} of {len(before)} techniques"
    else:
        text += f"Temperature scaling takes the Brier score from {three(before['brier'].iloc[0])} to "
        text += f"{three(after['brier'].iloc[0])}"
    text += "; it makes all probabilities milder or sharper alike and leaves a shift towards one class"
    return text + (" mostly as it is." if run.positive is not None else " as it is.")


def _in_words(run: Results, table: pd.DataFrame) -> list[str]:
    """A sentence or two a technique."""
    lines = []
    enough = fewest_test_patients(run)[0] >= FEWEST
    for name in dict.fromkeys(table["technique"]):
        own = table[table["technique"] == name].set_index("stage")
        before, after = own.loc["before"], own.loc["after"]
        parts = [display_name(str(name)) + ":"]
        if run.positive is not None:
            parts.append(_shifted(run.class_names[run.positive], before, enough))
        parts.append(f"Brier score {three(before['brier'])}{_against(before, enough)}.")
        parts.append(f"{_heat(float(before['temperature']))}; scaling takes ECE from {three(before['ece'])} to")
        parts.append(f"{three(after['ece'])} (chance alone gives about {three(after['chance_ece'])}).")
        lines.append(" ".join(parts))
    return lines


def _shifted(name: str, row: pd.Series, enough: bool) -> str:
    """Whether the positive class's probabilities are right on average; ``enough``: patients to say so."""
    low, high = row["excess_low"], row["excess_high"]
    if not enough:
        return (
            f"its probabilities of {name} are off by {signed(row['excess'])} on average "
            f"({signed_limits(low, high)}), from too few patients to say whether they are right."
        )
    if low <= 0 <= high:
        return (
            f"its probabilities of {name} are right on average as far as can be told (off by {signed(row['excess'])}, "
            f"{signed_limits(low, high)})."
        )
    way = "too high" if row["excess"] > 0 else "too low"
    ends = sorted((abs(low), abs(high)))
    return f"its probabilities of {name} are {three(abs(row['excess']))} {way} on average ({INTERVAL} {limits(*ends)})."


def _against(row: pd.Series, enough: bool) -> str:
    """How the Brier score compares with the baseline's; ``enough``: patients for a verdict."""
    difference = row["difference_brier"]
    if pd.isna(difference):
        return ""
    low, high = row["difference_brier_low"], row["difference_brier_high"]
    ends = signed_limits(low, high)
    if not enough:
        return f", {signed(difference)} to the baseline's ({ends}), from too few patients to call it better or worse"
    if low <= 0 <= high:
        return f", not told apart from the baseline's ({signed(difference)}, {ends})"
    return f", {'worse' if difference > 0 else 'better'} than the baseline's ({signed(difference)}, {ends})"


def _heat(temperature: float) -> str:
    said = f"On validation it is best at a temperature of {temperature:.2f}, so it is"
    if temperature > 1.05:
        return f"{said} too sure of itself"
    if temperature < 0.95:
        return f"{said} less sure than it could be"
    return f"{said} about as sure as it should be"


def _columns(run: Results) -> dict[str, str]:
    named = {"brier": "Brier", "brier_balanced": "Brier, class-balanced", "ece": "ECE"}
    own = {"excess": "Excess"} if run.positive is not None else {"classwise_ece": "ECE, class by class"}
    return named | own | {"log_loss": "Log loss"}


def _numbers(run: Results, table: pd.DataFrame) -> Table:
    caption = f"Calibration on the test split, lower is better. {interval_sentence(table['seeds'])}"
    if run.positive is not None:
        caption += f" Excess: mean probability of {run.class_names[run.positive]} minus its share; 0 is right."
    shown = table.assign(
        name=[
            f"{display_name(technique)}, {_STAGE_NAMES[stage]}"
            for technique, stage in table[["technique", "stage"]].itertuples(index=False)
        ]
    )
    columns = [
        label("name", "Technique"),
        Column("Temperature", _temperatures),
        *((signed_interval if name == "excess" else interval)(name, header) for name, header in _columns(run).items()),
        value("chance_ece", "ECE by chance"),
    ]
    return table_of("calibration", caption, shown, columns, keep=list(table.columns))


def _temperatures(data: pd.DataFrame) -> list[Cell]:
    return [
        number(f"{one:.2f}" if stage == "after" else "1", one)
        for one, stage in data[["temperature", "stage"]].itertuples(index=False)
    ]


def _classes(run: Results, data: pd.DataFrame) -> Table:
    # With two classes the calibration error is the same for both.
    numbers = ("brier",) if run.positive is not None else ("brier", "ece")
    ends = ("", "_low", "_high")
    wanted = [f"{name}{end}" for name in numbers for end in ends]
    wide = data.pivot(index=["technique", "label"], columns="stage", values=wanted)
    wide = wide.reindex(pd.MultiIndex.from_frame(data[["technique", "label"]].drop_duplicates()))
    shown = wide.reset_index()
    shown.columns = pd.Index([f"{pair[1]}_{pair[0]}" if pair[1] else pair[0] for pair in shown.columns])
    titles = {"brier": "Brier", "ece": "ECE"}
    columns = [technique(), text("label", "Class", lambda label: run.class_names[int(label)])]
    columns += [
        interval(f"{stage}_{name}", titles[name] + (", scaled" if stage == "after" else ""))
        for name in numbers
        for stage in STAGES
    ]
    caption = "Brier score of each class's own images"
    caption += ", and calibration error of its probability against the rest" if len(numbers) > 1 else ""
    caption += f", with {INTERVAL}s; as trained and after temperature scaling."
    if len(run.class_names) > MOST_CLASSES:
        caption += f" The {MOST_CLASSES} classes with the most test images."
    return replace(table_of("calibration_by_class", caption, shown, columns), data=data)


def _method(run: Results) -> list[str]:
    two = run.positive is not None
    lines = [
        "Temperature: one number for each seed, fitted on its validation predictions by likelihood; probabilities "
        "become p^(1/T), scaled to sum to 1. Decisions stay as they are. The table gives the geometric mean over seeds."
    ]
    if two:
        lines.append(
            "Brier score: mean of (p \N{MINUS SIGN} y)² for the positive class. Class-balanced: mean over the classes "
            "of the Brier score of their own images."
        )
        lines.append(
            f"ECE: mean over images of the distance between the mean probability of the positive class and the share "
            f"of positives in the image's bin, {BINS} bins of equal width."
        )
    else:
        lines.append(
            "Brier score: mean of the squared differences to the truth, summed over the classes (0 to 2). "
            "Class-balanced: mean over the classes of the Brier score of their own images."
        )
        lines.append(
            f"ECE: mean over images of the distance between confidence (the highest probability) and the share of "
            f"right decisions in the image's bin, {BINS} bins of equal width. Class by class: each class's probability "
            "against the rest, then the mean. The excess of the positive class's probability is for two classes."
        )
    lines += [
        "ECE is never 0 on so few images: by chance is what probabilities that mean exactly what they say would get, "
        "were every image another patient's. Its bootstrap samples are shifted so that their mean is the value seen.",
        "Differences to the baseline's Brier score are paired by seed and patient, and not adjusted for how many there "
        "are.",
    ]
    return lines
