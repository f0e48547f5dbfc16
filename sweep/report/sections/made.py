"""How the report was made: command, data, openings of the test split, versions, configuration."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any, NotRequired, TypedDict

from sweep.analysis.results import Results
from sweep.analysis.tables import times_opened
from sweep.report.blocks import Block, Code, Facts, Folded, Heading, Listing
from sweep.report.context import ReportContext
from sweep.report.registry import section
from sweep.report.section import SectionBody
from sweep.report.shared_names import data_name, own_places, shown_command, shown_config, without_folders
from sweep.report.summary_types import ANYTHING, Count
from sweep.report.words.confirming import added_seeds_lines, confirmed_sentence, looks_lines
from sweep.report.words.network import network_facts, network_of
from sweep.report.words.opening import made
from sweep.report.words.versions import mixed_lines


class OpeningSummary(TypedDict):
    time: Annotated[str, "ISO 8601, UTC"]
    trials: list[str]


class NetworkSummary(TypedDict):
    architecture: str
    weights: Annotated[str, "none, imagenet, or sha256:... of a checkpoint"]
    frozen: Annotated[bool, "whether a head alone trained"]
    hidden: Annotated[Count, "units of a frozen network's hidden layer"]
    views: Annotated[Count, "augmented views of each training image that a frozen network saw"]
    features: Annotated[int | None, "how many a frozen network gives"]


class MadeSummary(TypedDict):
    """when the test split was opened, and for which trials; and which network was frozen, where one was"""

    test_openings: list[Annotated[OpeningSummary, ANYTHING]]
    network: NotRequired[NetworkSummary]


@section(
    "made",
    "Provenance",
    1300,
    question="How was it made, and how is it made again?",
    summary=MadeSummary,
    answers=("made", "made.bad"),
)
def made_section(context: ReportContext) -> SectionBody:
    """Command, data, test openings, versions, configuration."""
    run = context.run
    info, places = run.info, own_places(run)
    blocks: list[Block] = [
        Heading("Command"),
        Code(shown_command(info["command"]), "sh"),
        Heading("Data"),
        Facts(_data(info["data"])),
    ]
    network = network_of(run)
    if network is not None:
        blocks += [Heading("Network"), Facts(network_facts(network))]
    bad = run.bad_images()
    if bad:
        lines = [f"{image['name']}: {without_folders(image['reason'], places)}" for image in bad]
        blocks.append(Folded(f"{len(bad)} images were left out because they could not be read", [Listing(lines)]))
    versions = [*info["versions"].items(), *((k, str(v)) for k, v in info["machine"].items())]
    blocks += [
        Heading("The test split"),
        Listing([*([said] if (said := confirmed_sentence(run)) else []), *opening_lines(run)]),
        Heading("Versions and machine"),
        Facts(versions),
        *([Listing(mixed_lines(run))] if mixed_lines(run) else []),
        Heading("Configuration"),
        Folded("The resolved configuration, whole", [Code(shown_config(run.config_yaml, info["data"]), "yaml")]),
    ]
    answered = {"made"} | ({"made.bad"} if bad else set())
    values: dict[str, Any] = {"test_openings": run.test_openings()}
    if network is not None and network.frozen:
        values["network"] = asdict(network)
    return SectionBody(blocks, values=values, answered=answered, found=made(run))


def opening_lines(run: Results) -> list[str]:
    """When the test split was opened and for how many trials."""
    lines = [f"Opened {o['time']} for {len(o['trials'])} trial(s)." for o in run.test_openings()]
    if not lines:
        return ["It has not been opened."]
    times = max(times_opened(run).values(), default=0)
    often = "once" if times == 1 else f"up to {times} times"
    lines.append(f"Each chosen trial was tested {often}; configurations were chosen on validation before that.")
    return [*lines, *looks_lines(run), *added_seeds_lines(run)]


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
        if not any(counts):  # of folds, which have parts of their own
            continue
        ratio = f"imbalance ratio {max(counts) / min(counts):.2f}" if min(counts) else "a class is missing"
        named = ", ".join(f"{count:,} {name}" for name, count in zip(names, counts, strict=True))
        rows.append((part.capitalize(), f"{named} ({ratio})"))
    return [*rows, ("Split fingerprint", str(data["split_fingerprint"]))]
