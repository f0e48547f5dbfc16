"""``checklist.md``: which items of reporting guidelines the report answers, and where.

Items on class imbalance, data, splits, uncertainty, performance, thresholds and interpretability. Items of TRIPOD+AI go
by their numbers, those of CLAIM 2024 by their topics (its numbering changed with the update).

Reference: Collins et al., BMJ 2024;385:e078378 (TRIPOD+AI). Tejani et al., Radiology: Artificial Intelligence 6(4),
2024 (CLAIM 2024 update).
"""

from __future__ import annotations

from sweep.records import Run
from sweep.report.content import Content
from sweep.report.text import markdown

# (item, sections that answer it, what they hold); where none of the sections is in the report, it is the authors' task.
Item = tuple[str, tuple[str, ...], str]
_TRIPOD_AI: tuple[Item, ...] = (
    ("8 Outcome: definition and how it was assessed", (), ""),
    ("10 Sample size", ("differences", "data"), "what differences this run could tell; counts"),
    ("11 Missing data", ("made",), "images left out, with reasons (none are filled in)"),
    ("12a How data were used: partitions, sample size considered", ("data", "made"), "split, by patient; fingerprints"),
    ("12b Predictors: transformation and preparation", ("made",), "image size, normalisation, in the configuration"),
    ("12c Model type, building, hyperparameters, validation", ("hyperparameters", "made"), "all configurations tried"),
    ("12e Measures of performance, and how models were compared", ("results", "differences"), "metrics, paired tests"),
    ("12g How predictions were calculated", ("made", "threshold"), "most probable class; thresholds from validation"),
    ("13 Class imbalance: methods, why, recalibration afterwards", ("results", "threshold", "calibration"),
     "every technique beside the untouched baseline, threshold moving and prior correction; temperature scaling"),
    ("14 Fairness", (), ""),
    ("15 Model output: probabilities or classes, thresholds", ("threshold",), "thresholds and how they were chosen"),
    ("16 Training against evaluation data", ("data",), "class counts and patients of each split"),
    ("18a-b Funding, conflicts of interest", (), ""),
    ("18c-d Protocol, registration", (), ""),
    ("18e Data sharing", ("made",), "source and fingerprints, not the data"),
    ("18f Code sharing", ("made",), "command, versions, configuration, seeds"),
    ("20 Participants: flow, characteristics", ("data",), "counts alone; the rest is the authors'"),
    ("21 Numbers in each analysis", ("data", "results"), "images, patients, seeds"),
    ("22 The full model, to make predictions", ("made",), "checkpoints of the chosen trials stay in the run folder"),
    ("23a Performance with confidence intervals", ("results", "curves", "calibration"), "all metrics with intervals"),
    ("23b Heterogeneity over clusters", (), ""),
    ("25-26 Interpretation, limitations", ("limits",), "what the numbers do not say"),
)  # fmt: skip
_CLAIM: tuple[Item, ...] = (
    ("Data sources", ("made",), "source, fingerprints"),
    ("Inclusion and exclusion criteria", (), ""),
    ("Preprocessing", ("made",), "resizing, normalisation, in the configuration"),
    ("Handling of missing data", ("made",), "images left out, with reasons"),
    ("Reference standard: definition, annotators, their variability", (), ""),
    ("How data were assigned to partitions", ("data", "made"), "official or cut by the tool, with its seed"),
    ("Level at which partitions are disjoint", ("data",), "patients; duplicates within and across partitions"),
    ("Intended sample size", ("differences",), "the least difference that this run could tell"),
    ("Model: architecture, software, initialisation", ("made", "references"), "ResNet18, weights, versions"),
    ("Training: augmentation, hyperparameters, class balance", ("hyperparameters", "made"), "all configurations"),
    ("How the final model was chosen", ("results", "hyperparameters"), "on validation, mean over seeds"),
    ("Metrics of performance", ("results",), "definitions are scikit-learn's, the positive class is named"),
    ("Significance and uncertainty", ("differences",), "intervals over patients and seeds; adjusted tests"),
    ("Robustness or sensitivity analysis", ("looks", "evidence"), "corners and border blacked out; epochs, seeds"),
    ("Explainability or interpretability, and how it was validated", ("looks",), "activation maps with checks"),
    ("Testing on internal data", ("results",), "locked test split, openings recorded"),
    ("Testing on external data", (), ""),
    ("Demographic and clinical characteristics of cases", (), ""),
    ("Performance with measures of uncertainty", ("results", "curves"), "95 % intervals for every metric"),
    ("Failure analysis", ("looks", "evidence"), "wrong and unsure cases; confusion matrices"),
    ("Limitations", ("limits",), "what the numbers do not say"),
    ("Availability of software, model, data", ("made",), "command, versions; the authors' to publish"),
)  # fmt: skip


def checklist(run: Run, content: Content) -> str:
    """Markdown: a table for each guideline; an item is answered only where the report has a section that does."""
    titles = {section.name: section.title for section in content.sections if _says_something(section.name, content)}
    lines = [
        f"# Reporting checklists: {markdown(content.title)}",
        "",
        "What this report answers of the items on class imbalance, data, splits, uncertainty, performance and "
        'interpretability. "For the authors" means that nothing here answers it. Not a full checklist: the guidelines '
        "have more items.",
    ]
    for name, source, items in (
        ("TRIPOD+AI", "Collins et al., BMJ 2024;385:e078378", _TRIPOD_AI),
        ("CLAIM 2024", "Tejani et al., Radiology: Artificial Intelligence 6(4), 2024; items by topic", _CLAIM),
    ):
        lines += ["", f"## {name}", "", f"{source}.", "", "| item | answered in | how |", "| --- | --- | --- |"]
        for item, sections, how in items:
            there = [s for s in sections if s in titles]
            where = ", ".join(f"[{markdown(titles[s])}](index.html#{s}-section)" for s in there) or "for the authors"
            lines.append(f"| {markdown(item)} | {where} | {markdown(how) if there else ''} |")
    return "\n".join(lines) + "\n"


def _says_something(name: str, content: Content) -> bool:
    """Whether a section holds more than the sentence that it is missing."""
    section = next(section for section in content.sections if section.name == name)
    missing = isinstance(section.values, dict) and set(section.values) == {"reason"}
    return not missing and not (name == "data" and section.values is None)
