"""The data: class counts, patients, and what the audit found."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Literal, NotRequired, TypedDict

import pandas as pd

from balancing.quality.audit import SEVERITIES, Audit, Finding
from balancing.quality.shortcuts import severity_of
from sweep.analysis.figures.edges import edges_plot
from sweep.report.blocks import Block, Figures, Folded, Listing, Long, Paragraph
from sweep.report.columns import Column, count, interval, label, table_of, text
from sweep.report.context import ReportContext
from sweep.report.registry import section
from sweep.report.section import SectionBody
from sweep.report.summary_types import ANYTHING, Count
from sweep.report.table import Cell, Table, number
from sweep.report.text.numbers import NONE
from sweep.report.words.folds import audited_fold, of_one_fold
from sweep.report.words.opening import audited

_MOST_GROUPS = 40
_MOST_PROPERTIES = 8
REFERENCES = (
    ("Near duplicates", "Zauner, Implementation and benchmarking of perceptual image hash functions, 2010"),
    (
        "Shortcuts",
        "DeGrave et al., AI for radiographic COVID-19 detection selects shortcuts over signal, Nature Machine "
        "Intelligence 2021",
    ),
    (
        "Intervals of shortcuts' AUROC",
        "Newcombe, Confidence intervals for an effect size measure based on the Mann-Whitney statistic, part 2, "
        "Statistics in Medicine 2006; over patients: Obuchowski, Nonparametric analysis of clustered ROC curve data, "
        "Biometrics 1997",
    ),
    ("Test unlike training", "Lopez-Paz & Oquab, Revisiting classifier two-sample tests, ICLR 2017"),
)


class PatientsSummary(TypedDict):
    known: bool


class SizesSummary(TypedDict):
    width: list[Count]
    height: list[Count]
    channels: list[Count]


class FindingSummary(TypedDict):
    check: str
    severity: Literal["leak", "warning", "note"]
    title: str
    advice: str
    values: NotRequired[dict[str, object] | None]


class ShortcutSummary(TypedDict):
    property: str
    family: str
    class_name: str
    auroc: float
    low: float
    high: float
    held_out: bool
    images: Count


class DataSummary(TypedDict):
    """the audit; files are in RUN/audit.json"""

    class_names: list[str]
    counts: dict[str, list[Count]]
    patients: Annotated[PatientsSummary, ANYTHING]
    sizes: Annotated[
        dict[str, Annotated[SizesSummary, ANYTHING]],
        "class -> smallest and largest width and height of the files, and their channel counts",
    ]
    findings: list[FindingSummary]
    shortcuts: list[ShortcutSummary]


@section(
    "data",
    "Data",
    800,
    question="What do the networks learn from, and what is wrong with it?",
    summary=DataSummary,
    answers=("data", "data.patients", "data.images"),
    references=REFERENCES,
)
def data_section(context: ReportContext) -> SectionBody:
    """What was found in the data when the run began."""
    audit = context.run.audit()
    if audit is None:
        unaudited = "This run was made by a version that did not audit its data; `sweep audit --data ...` does."
        return SectionBody([Paragraph(unaudited)], references=())
    about = [Paragraph(text) for text in [audited_fold(context.run)] if text]
    blocks: list[Block] = [*about, counts_table(audit), Paragraph(_patients(audit)), Paragraph(_sizes(audit))]
    if audit.findings:
        blocks.append(findings_table(audit))
        blocks += [_files(finding) for finding in audit.findings if finding.files]
    else:
        blocks.append(Paragraph("The audit found nothing to report."))
    blocks += _shortcuts(audit)
    context, which = of_one_fold(context)  # which: whose images trained
    plot = None if context.images is None else edges_plot(context.run, context.images)
    if plot is not None:
        blocks += [*which, Figures([plot])]
    values = audit.to_dict()
    values["findings"] = [{k: v for k, v in found.items() if k != "files"} for found in values["findings"]]
    told_apart = "data.patients" if audit.patients["known"] else "data.images"
    return SectionBody(blocks, values=values, answered={"data", told_apart}, found=audited(audit))


def counts_table(audit: Audit) -> Table:
    """Images of each class in each part, with the imbalance ratio and patients."""
    known = audit.patients["known"]
    rows, data = [], []
    for position, (part, counts) in enumerate(audit.counts.items()):
        ratio = max(counts) / min(counts) if min(counts) else float("nan")
        cells = [Cell(part.capitalize(), position), *(number(f"{n:,}", n) for n in counts)]
        cells.append(number(f"{ratio:.2f}" if min(counts) else NONE, ratio))
        record = {"split": part, **dict(zip(audit.class_names, counts, strict=True)), "imbalance_ratio": ratio}
        if known:
            patients = audit.patients["per_part"][part]
            cells.append(number(f"{patients:,}", patients))
            record["patients"] = patients
        rows.append(cells)
        data.append(record)
    headers = ["Split", *audit.class_names, "Imbalance ratio", *(["Patients"] if known else [])]
    caption = "Images of each class; the imbalance ratio is the largest class over the smallest."
    return Table("class_counts", caption, headers, rows, pd.DataFrame(data))


def _per_class(audit: Audit) -> str:
    """How many patients of each class a part holds; "" where an older version made the audit."""
    parts = [
        f" {part.capitalize()} holds patients of "
        + ", ".join(f"{name}: {n:,}" for name, n in zip(audit.class_names, of_class, strict=True))
        + "."
        for part, of_class in audit.patients.get("per_class", {}).items()
    ]
    return "".join(parts)


def _patients(audit: Audit) -> str:
    facts = audit.patients
    if not facts["known"]:
        return "Nothing in the data tells patients apart, so each image is taken for a patient of its own."
    return (
        f"{facts['total']:,} patients with {facts['median_images']:g} image{'s' * (facts['median_images'] != 1)} each "
        f"in the median and {facts['most_images']} at most; no split that the tool cuts has a patient on both sides."
        f"{_per_class(audit)}"
    )


def _sizes(audit: Audit) -> str:
    parts = []
    for name, facts in audit.sizes.items():
        width, height = (
            f"{low}" if low == high else f"{low} to {high}" for low, high in (facts["width"], facts["height"])
        )
        channels = " or ".join(map(str, facts["channels"]))
        parts.append(f"{name} {width} x {height} pixels, {channels} channel{'s' if channels != '1' else ''}")
    return f"Files as they came: {'; '.join(parts)}."


def findings_table(audit: Audit) -> Table:
    """Every finding with what to do."""
    data = pd.DataFrame(
        [
            {"severity": one.severity, "check": one.check, "finding": one.title, "advice": one.advice}
            for one in audit.findings
        ]
    )
    caption = (
        "What the audit found, worst first. A leak makes test results look better than they are; a warning should be "
        "understood before results are believed; a note is good to know."
    )
    columns = [Column("Severity", _severities), text("finding", "Finding"), text("advice", "What to do")]
    return table_of("audit", caption, data, columns, keep=["severity", "check", "finding"])


def _shortcuts(audit: Audit) -> list[Block]:
    """The properties that tell a class best, the rest on a click; nothing of an older version's audit."""
    if not audit.shortcuts:
        return []
    whole = shortcuts_table(audit, "shortcuts", len(audit.shortcuts))
    if len(audit.shortcuts) <= _MOST_PROPERTIES:
        return [whole]
    few = shortcuts_table(audit, "shortcuts_worst", _MOST_PROPERTIES)
    return [Long(whole, few, f"All {len(audit.shortcuts)} properties")]


def shortcuts_table(audit: Audit, name: str, most: int) -> Table:
    """How well each property that is no disease would alone tell the class, worst first."""
    data = pd.DataFrame([asdict(one) for one in audit.shortcuts[:most]])
    data = data.rename(columns={"low": "auroc_low", "high": "auroc_high"})
    severities = [severity_of(one) for one in audit.shortcuts[:most]]
    caption = (
        "How well one property would alone tell a class from the rest, in training and validation, worst first: 0.5 is "
        f"guessing. The intervals are over {'patients' if audit.patients['known'] else 'images'}, and hold together "
        "with a chance of 95\N{NO-BREAK SPACE}%. Held out: told by how often each class has it among other patients. "
        "In bold: a warning."
    )
    columns = [
        label("property", "Property"),
        text("class_name", "Class"),
        interval("auroc", "AUROC"),
        text("held_out", "Held out", lambda held_out: "yes" if held_out else "no"),
        count("images", "Images"),
    ]
    return table_of(name, caption, data, columns, strong=[one == "warning" for one in severities])


def _severities(data: pd.DataFrame) -> list[Cell]:
    return [Cell(one.capitalize(), SEVERITIES.index(one)) for one in data["severity"]]


def _files(finding: Finding) -> Folded:
    lines = [", ".join(group) for group in finding.files[:_MOST_GROUPS]]
    if len(finding.files) > _MOST_GROUPS:
        lines.append(f"and {len(finding.files) - _MOST_GROUPS:,} more; audit.json in the run folder has all")
    return Folded(f"Files: {finding.title}", [Listing(lines)])
