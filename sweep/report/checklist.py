"""``checklist.md``: which items of reporting guidelines the report answers, and where.

Items on class imbalance, data, splits, leakage, sample size, uncertainty, performance, thresholds, failures,
interpretability and code, by the numbers of TRIPOD+AI and of the 2024 update of CLAIM.

Reference: Collins et al., BMJ 2024;385:e078378 (TRIPOD+AI). Tejani et al., Radiology: Artificial Intelligence 6(4),
2024 (CLAIM 2024 update).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sweep.analysis.results import Results
from sweep.report.build import Content
from sweep.report.section import Figures, Heading, Paragraph, Section, inside
from sweep.report.text.escape import markdown

NOT_ANSWERED = "not answered by this report: for the authors"

# (item, what answers it -> how). A key is a section, or ``section.detail`` where only a part of some runs' section
# answers; see ``held``. Where the report holds none of them, the item is the authors'.
Item = tuple[str, Mapping[str, str]]

_PATIENTS = {
    "data.patients": "patients of each split, and whether any is on both sides",
    "data.images": "images alone: nothing in the data tells patients apart",
    "data": "whether one image, or nearly the same, is in two splits",
}
_SIZE = {
    "differences.seeds": "each difference's interval, and its spread over seeds and over patients; no size was planned",
    "data": "images of each class in each split",
}
_ACCURACY = {
    "results": "every metric with its interval, beside what needs no network",
    "curves": "ROC and precision-recall curves with bands",
    "calibration": "Brier score and calibration error",
}
_CHOICE = {
    "results.configurations": "what was chosen: the best mean over seeds, on validation alone",
    "made": "when the test split was opened",
}

_TRIPOD_AI: tuple[Item, ...] = (
    ("5a Sources of data", {"made": "source and fingerprints; how representative they are is the authors'"}),
    ("7 Data preparation, quality checks", {"made": "image size", "data": "sizes of the files, the audit's findings"}),
    ("8a Outcome: definition and assessment", {}),
    ("10 Sample size", _SIZE),
    ("11 Missing data", {"made.bad": "images left out, with reasons; none are filled in"}),
    ("12a How data were used: partitions", {"made": "where the split is from", **_PATIENTS}),
    (
        "12c Type of model, how it was built, tuning, internal validation",
        {
            "made": "the whole configuration, and when the test split was opened",
            "hyperparameters": "every configuration tried",
            "results.configurations": _CHOICE["results.configurations"],
        },
    ),
    ("12d Heterogeneity over clusters, e.g. hospitals", {}),
    (
        "12e Measures of performance, comparison of models",
        {"results": "metrics", "differences": "paired differences, adjusted tests", "threshold.tuned": "net benefit"},
    ),
    ("12f Model updating, e.g. recalibration", {"calibration": "temperature scaling, fitted on validation"}),
    ("12g How predictions were calculated", {"made": "command, versions, seeds, the whole configuration"}),
    (
        "13 Class imbalance: methods, why, recalibration afterwards",
        {
            "results": "every technique beside the untouched baseline (why: the authors')",
            "differences": "what each changes, paired",
            "threshold": "whether moving the baseline's decision does as well",
            "calibration": "what each does to the probabilities, and temperature scaling",
            "synthetic": "what the synthetic images are like",
        },
    ),
    ("14 Fairness", {}),
    (
        "15 Output: probabilities or classes, and how thresholds were found",
        {
            "threshold.tuned": "thresholds and what each is for, tuned on validation",
            "threshold.prior": "prior correction",
        },
    ),
    ("16 Differences between development and evaluation data", {"data": "class counts of each split; no more"}),
    ("18a, 18b Funding, conflicts of interest", {}),
    ("18c, 18d Protocol, registration", {}),
    ("18e Availability of data", {"made": "source and fingerprints; not the data"}),
    ("18f Availability of code", {"made": "tool, versions, command; where the authors publish it is theirs to say"}),
    ("20a, 20b Flow and characteristics of participants", {}),
    (
        "21 Participants and events in each analysis",
        {"data": "images of each class in each split", "results": "seeds and test images"},
    ),
    ("22 The full model, for others to use", {}),
    ("23a Performance with confidence intervals", _ACCURACY),
    ("23b Heterogeneity of performance over clusters", {}),
    ("24 Results of model updating", {"calibration": "before and after temperature scaling"}),
    ("25 Interpretation", {}),
    ("26 Limitations", {"limits": "those of the method; those of the data are the authors'"}),
)
_CLAIM: tuple[Item, ...] = (
    ("7 Data sources", {"made": "source, fingerprints"}),
    ("8 Inclusion and exclusion criteria", {}),
    ("9 Data preprocessing", {"made": "image size"}),
    ("12 Handling of missing data", {"made.bad": "images left out, with reasons"}),
    ("14-18 Reference standard: definition, annotators, variability", {}),
    ("19 How data were assigned to partitions", {"made": "where the split is from", "data": "counts of each split"}),
    ("20 Level at which partitions are disjoint", _PATIENTS),
    ("21 Intended sample size", _SIZE),
    ("22 Detailed description of the model", {"references": "ResNet18", "made": "the whole configuration"}),
    ("23 Software libraries, frameworks, packages", {"made": "versions"}),
    ("24 Initialization of model parameters", {"made": "weights and seeds, in the configuration"}),
    (
        "25 Details of training",
        {"made": "the whole configuration", "hyperparameters": "every configuration tried", "cost": "number of trials"},
    ),
    ("26 How the final model was selected", _CHOICE),
    ("28 Metrics of model performance", {"results": "metrics, for a named positive class or averaged over classes"}),
    (
        "29 Statistical significance and uncertainty",
        {
            "differences": "intervals over patients and seeds, tests adjusted for several techniques",
            "results": "an interval for every metric",
        },
    ),
    (
        "30 Robustness or sensitivity analysis",
        {
            "looks.edges": "image edges made black",
            "evidence": "epoch by epoch",
            "hyperparameters": "other configurations",
        },
    ),
    (
        "31 Explainability, and how it was validated",
        {"looks.maps": "class activation maps", "looks.checks": "deletion and insertion, random weights"},
    ),
    ("32 Evaluation on internal data", {"results": "the test split"}),
    ("33 Testing on external data", {}),
    ("35 Patients included and excluded", {"made.bad": "unreadable images; the rest is the authors'"}),
    ("36 Demographic and clinical characteristics", {}),
    ("37 Performance with statistical uncertainty", _ACCURACY),
    (
        "38 Diagnostic performance and its precision",
        {
            "results": "recall (sensitivity), specificity, precision, with intervals",
            "threshold.tuned": "predictive values at other prevalences",
        },
    ),
    (
        "39 Failure analysis",
        {
            "evidence.confusion": "confusion matrices",
            "looks.maps": "wrong and unsure cases with their maps",
        },
    ),
    ("40 Study limitations", {"limits": "those of the method; those of the data are the authors'"}),
    ("43 Availability of software, model, data", {"made": "tool, versions, command; publishing is the authors'"}),
    ("44 Funding", {}),
)
GUIDELINES = (
    ("TRIPOD+AI", "Collins et al., BMJ 2024;385:e078378", _TRIPOD_AI),
    ("CLAIM 2024", "Tejani et al., Radiology: Artificial Intelligence 6(4), 2024", _CLAIM),
)


def checklist(run: Results, content: Content) -> str:
    """Markdown: a table for each guideline; an item is answered only where the report has something that does."""
    titles = {section.name: section.title for section in content.sections}
    there = held(run, content)
    lines = [
        f"# Reporting checklists: {markdown(content.title)}",
        "",
        "What this report answers of the items on class imbalance, data, splits, sample size, uncertainty, "
        "performance, failures, interpretability and code; and what is left to the authors. Not a full checklist: the "
        "guidelines have more items, and whether an answer is enough is for the authors to judge.",
    ]
    for name, source, items in GUIDELINES:
        lines += ["", f"## {name}", "", f"{source}.", "", "| Item | Answered in | How |", "| --- | --- | --- |"]
        for item, answers in items:
            given = {key: how for key, how in answers.items() if key in there}
            sections = dict.fromkeys(key.split(".")[0] for key in given)
            where = ", ".join(f"[{markdown(titles[s])}](index.html#{s}-section)" for s in sections) or NOT_ANSWERED
            lines.append(f"| {markdown(item)} | {where} | {markdown('; '.join(given.values()))} |")
    return "\n".join(lines) + "\n"


def held(run: Results, content: Content) -> set[str]:
    """What the report holds: sections that say more than why they are empty, and details of them.

    Details are ``data.patients`` or ``data.images`` (what the audit tells apart), ``differences.seeds`` (several
    seeds), ``evidence.confusion``, ``looks.maps``, ``looks.edges`` (blacked out), ``looks.checks`` (of the maps),
    ``made.bad`` (images left out), ``results.configurations``, and ``threshold.tuned`` (two classes) or
    ``threshold.prior``.
    """
    sections = {section.name: section for section in content.sections}
    found = {name for name, section in sections.items() if _shows_something(section)}
    if "results" in found:  # a run that chose but did not test has its configurations there alone
        found |= {"results.configurations"} if "configurations" in _names(sections["results"]) else set()
        found -= set() if _value(sections["results"], "techniques") else {"results"}
    audit = run.audit()
    if "data" in found and audit is not None:
        found.add("data.patients" if audit.patients["known"] else "data.images")
    if any(row["seeds"] > 1 for row in _value(sections.get("differences"), "differences")):
        found.add("differences.seeds")
    if "evidence" in found and "confusion" in _names(sections["evidence"]):
        found.add("evidence.confusion")
    if "looks" in found:
        found |= {"looks.maps"} if "cams" in _names(sections["looks"]) else set()
        for row in _value(sections["looks"], "checks"):
            found |= {"looks.edges"} if row["auroc_drop"] is not None else set()
            found |= {"looks.checks"} if {row["deletion"], row["correlation"]} != {None} else set()
    if "made" in found and run.bad_images():
        found.add("made.bad")
    if "threshold" in found:
        found.add("threshold.tuned" if _value(sections["threshold"], "operating_points") else "threshold.prior")
    return found


def _shows_something(section: Section) -> bool:
    """Whether it has a table, a figure or a list, not only sentences: a lone sentence says why there is nothing."""
    return any(not isinstance(block, Heading | Paragraph) for block in inside(section.blocks))


def _names(section: Section) -> set[str]:
    """Of its tables and figures."""
    plots = {plot.name for block in inside(section.blocks) if isinstance(block, Figures) for plot in block.plots}
    return plots | {str(name) for name in (getattr(block, "name", "") for block in inside(section.blocks)) if name}


def _value(section: Section | None, name: str) -> list[dict[str, Any]]:
    values = section.values if section else None
    found = values.get(name) if isinstance(values, dict) else None
    return list(found) if found is not None else []
