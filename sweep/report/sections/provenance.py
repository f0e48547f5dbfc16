"""How the report was made, its limits, and whose methods it uses."""

from __future__ import annotations

from collections import Counter
from typing import Any

from balancing.components.registry import get_technique
from balancing.data.patients import SPARSE
from balancing.errors import UserError
from sweep.analysis.comparison import fewest_test_patients
from sweep.analysis.names import display_name, in_order
from sweep.analysis.results import Results
from sweep.analysis.run_images import is_phantom
from sweep.analysis.trained_with import mixed_lines
from sweep.report.context import ReportContext
from sweep.report.section import Block, Citations, Code, Facts, Folded, Heading, Listing, Section
from sweep.report.shared_names import data_name, own_places, shown_command, shown_config, without_folders
from sweep.report.words.verdict import fewest_in_words


def made_section(context: ReportContext) -> Section:
    """Command, data, test openings, versions, configuration."""
    run = context.run
    info, places = run.info, own_places(run)
    blocks: list[Block] = [
        Heading("Command"),
        Code(shown_command(info["command"]), "sh"),
        Heading("Data"),
        Facts(_data(info["data"])),
    ]
    if info["notes"]:
        blocks.append(Listing([without_folders(note, places) for note in info["notes"]]))
    bad = run.bad_images()
    if bad:
        lines = [f"{image['name']}: {without_folders(image['reason'], places)}" for image in bad]
        blocks.append(Folded(f"{len(bad)} images were left out because they could not be read", [Listing(lines)]))
    versions = [*info["versions"].items(), *((k, str(v)) for k, v in info["machine"].items())]
    blocks += [
        Heading("The test split"),
        Listing(opening_lines(run)),
        Heading("Versions and machine"),
        Facts(versions),
        *([Listing(mixed_lines(run))] if mixed_lines(run) else []),
        Heading("Configuration"),
        Folded("The resolved configuration, whole", [Code(shown_config(run.config_yaml, info["data"]), "yaml")]),
    ]
    return Section("made", "How it was made", blocks, values={"test_openings": run.test_openings()})


def times_opened(run: Results) -> Counter[str]:
    """How often the test split was opened for each trial."""
    return Counter(trial for opening in run.test_openings() for trial in opening["trials"])


def opening_lines(run: Results) -> list[str]:
    """When the test split was opened and for how many trials."""
    lines = [f"Opened {o['time']} for {len(o['trials'])} trial(s)." for o in run.test_openings()]
    if not lines:
        return ["It has not been opened."]
    times = max(times_opened(run).values(), default=0)
    often = "once" if times == 1 else f"up to {times} times"
    return [*lines, f"Each chosen trial was tested {often}; configurations were chosen on validation before that."]


def _data(data: dict[str, Any]) -> list[tuple[str, str]]:
    names = data["class_names"]
    rows = [
        ("Source", data_name(data)),
        ("Fingerprint", f"{data['fingerprint']} (pixels and labels)"),
        ("Images", f"{data['images']:,}, stored as {' x '.join(map(str, data['shape'][1:]))}"),
        ("Classes", ", ".join(names)),
    ]
    if data["positive"] is not None:
        rows.append(("Positive class", str(names[data["positive"]])))
    for part, counts in data["class_counts"].items():
        ratio = f"imbalance ratio {max(counts) / min(counts):.2f}" if min(counts) else "a class is missing"
        named = ", ".join(f"{count:,} {name}" for name, count in zip(names, counts, strict=True))
        rows.append((part.capitalize(), f"{named} ({ratio})"))
    return [*rows, ("Split fingerprint", str(data["split_fingerprint"]))]


def limits_section(context: ReportContext) -> Section:
    """What the numbers do not say."""
    run = context.run
    lines = ["This is research software, not for diagnosis; no number here says how a network does on other patients."]
    if is_phantom(run):
        lines.append("The images are drawings made by a program, not patients; no result carries over to medicine.")
    tested = max((len(chosen["seeds"]) for chosen in run.selection()), default=0)
    if tested == 1:
        lines.append("One seed: intervals hold the chance in which patients were tested, not that in training.")
    elif tested:
        lines.append(
            f"Intervals hold the chance in training ({tested} seeds) and in which patients were tested, on one fixed "
            "split: not that in which patients trained, and not the choice of configuration."
        )
    fewest, label = fewest_test_patients(run)
    if 0 < fewest < SPARSE:
        lines.append(
            f"Of class {run.class_names[label]} the test split holds {fewest_in_words(run)}: intervals are corrected "
            "for how few they are (Student's t over patients), as far as these are like the patients not seen."
        )
    if any(patient == "" for patient in run.split()["patient"]):
        lines.append("Not every image has a known patient; one without is taken for a patient of its own.")
    lines += [
        "In the results and differences decisions are made for the most probable class; thresholds are tuned, on "
        "validation, only where the report says so.",
        "McNemar's and DeLong's tests take images of one patient as independent.",
        "A class activation map shows what spoke for a decision, coarsely; not why, nor that it was right.",
    ]
    return Section("limits", "Limits", [Listing(lines)])


def references_section(context: ReportContext) -> Section:
    """Techniques of the run, and the methods that its sections name."""
    run = context.run
    rows = []
    for name in in_order(spec.technique for spec in run.specs()):
        try:
            technique = get_technique(name)
        except UserError:  # an older run's technique that this version no longer has
            continue
        rows.append((display_name(name), technique.summary, technique.reference.rstrip(".")))
    rows.append(("Network", "ResNet18.", "He et al., Deep Residual Learning for Image Recognition, CVPR 2016"))
    rows.append(
        ("Adjustment", "p-values for several techniques.", "Holm, Scandinavian Journal of Statistics 6(2), 1979")
    )
    rows.append(("Sweep", "Trials on many workers.", "Liaw et al., Tune, ICML AutoML Workshop 2018"))
    if "scheduler: asha" in run.config_yaml:
        rows.append(("Early stopping", "Successive halving within a technique.", "Li et al., MLSys 2020"))
    cited = dict.fromkeys((what, source) for section in context.before for what, source in section.references)
    rows += [(what, "", source.rstrip(".")) for what, source in cited]
    return Section("references", "References", [Citations(rows)])
