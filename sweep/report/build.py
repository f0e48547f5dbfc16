"""Everything the report says, gathered once from a run for all formats: the verdict, and a list of sections."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from balancing.data.patients import FEWEST, SPARSE
from sweep.analysis.comparison import fewest_test_patients
from sweep.analysis.highlights import highlights
from sweep.analysis.names import display_name, in_order
from sweep.analysis.results import Results
from sweep.analysis.statistics.paired import BASELINE
from sweep.analysis.statistics.significance import significant
from sweep.analysis.tables import times_opened
from sweep.report.context import ReportContext
from sweep.report.folding import folded
from sweep.report.glance import Glance, glance
from sweep.report.registry import made_sections
from sweep.report.section import Section
from sweep.report.shared_names import data_name, own_places, run_name, without_folders
from sweep.report.words.added import added_lines
from sweep.report.words.components import component_lines
from sweep.report.words.confirming import added_seeds_lines, lost_techniques, luck_of_choosing
from sweep.report.words.facts import facts_line
from sweep.report.words.folds import unfinished
from sweep.report.words.headline import Headline, headline
from sweep.report.words.network import network_of
from sweep.report.words.verdict import answer_values, fewest_in_words, margin_note, verdict
from sweep.report.words.versions import mixed_lines


@dataclass(frozen=True)
class Content:
    """The report before it has a format.

    Args:
        kicker: a line above the title.
        headline: the answer in short.
        verdict: the answer in full; "" where it is in the headline.
        aside: what must stand beside a verdict that names a winner: whether a threshold would do as well; "" else.
        sections: in the report's order.
        facts: what data it rests on, and what was spent, in a line.
        glance: the picture beside the answer; None where nothing can be said of the techniques.
    """

    title: str
    kicker: str
    headline: Headline
    verdict: str
    aside: str
    warnings: list[str]
    sections: list[Section]
    footer: str
    facts: str = ""
    glance: Glance | None = None

    @property
    def faults(self) -> list[str]:
        """A sentence for each section from elsewhere that could not be made."""
        return [section.fault for section in self.sections if section.fault]


def gather(context: ReportContext) -> Content:
    """The whole report of a run.

    Raises:
        UserError: the images are not the run's, or the masks don't fit.
    """
    run = context.run
    info = run.info
    few = highlights(run)
    sections = [replace(one, blocks=folded(one.blocks, few)) for one in made_sections(context)]
    version = info["versions"].get("balancing-act", "")
    beside: Mapping[str, Any] = next((one.values for one in sections if one.name == "beside" and one.values), {})
    return Content(
        title=_title(in_order(spec.technique for spec in run.specs())),
        kicker=_kicker(run),
        headline=headline(run, {row["technique"]: row["answer"] for row in beside.get("threshold", ())}),
        facts=facts_line(run),
        glance=glance(run, beside),
        verdict=verdict(run),
        aside=_aside(run, sections),
        warnings=found_warnings(run),
        sections=sections,
        footer=f"Made by Balancing Act {version} from the records of run {info['id']}, begun {info['created']}.",
    )


def _kicker(run: Results) -> str:
    network, info = network_of(run), run.info
    trained = [] if network is None else [network.phrase]
    return " · ".join(["Balancing Act", data_name(info["data"]), info["created"][:10], *trained])


def _aside(run: Results, sections: Sequence[Section]) -> str:
    if significant(run.differences()).empty:
        return ""
    return " ".join(section.aside for section in sections if section.aside)


def _title(techniques: list[str]) -> str:
    others = [t for t in techniques if t != BASELINE]
    if len(others) == 1 and len(techniques) == 2:
        return f"Does {display_name(others[0])} help against class imbalance?"
    if len(others) > 1:
        return "Which technique helps against class imbalance?"
    return "A class-imbalance sweep"


def found_warnings(run: Results) -> list[str]:
    """What a reader must know before the numbers."""
    lines = []
    audit = run.audit()
    if audit:
        lines += [
            f"Leak, allowed by --allow-leak: {leak.title} Test results look better than they are."
            for leak in audit.leaks
        ]
        if not audit.patients["known"] and run.info["data"].get("kind") != "phantom":
            lines.append(
                "Nothing tells which images of these data are of one patient, so each counts as a patient of its own: "
                "training and test may share patients without it being seen, and intervals are too narrow where "
                "patients have several images."
            )
    trials = run.trials()
    damages = run.damages()
    if damages:
        lines.append(
            f"{without_folders(' '.join(damages[:5]), own_places(run))}{' ...' if len(damages) > 5 else ''} "
            f"`sweep resume {shlex.quote(run_name(run))}` trains what is damaged again."
        )
    lines += [*run.left_out(), *component_lines(run), *added_lines(run), *added_seeds_lines(run)]
    lines += [*lost_techniques(run), *luck_of_choosing(run)]
    lines += [note] if (note := margin_note(run)) else []
    mixed = mixed_lines(run)
    if mixed:
        lines.append(
            f"The trials were not all trained alike, so what is compared is not wholly paired: {' '.join(mixed)}"
        )
    lines += [line for line in [unfinished(run)] if line]
    unended = int(trials["status"].isin(("waiting", "running")).sum()) if len(trials) else 0
    if unended:
        lines.append(
            f"This run is unfinished: {unended} of {len(trials)} trials have not ended; `sweep resume {run_name(run)}`."
        )
    failed = int(trials["status"].isin(("failed", "diverged")).sum()) if len(trials) else 0
    if failed:
        lines.append(f"{failed} of {len(trials)} trials failed or diverged; they are listed under Failures.")
    again = [trial for trial, times in times_opened(run).items() if times > 1]
    if again:
        lines.append(
            f"The test split was opened more than once for {len(again)} trial(s): the numbers are less independent."
        )
    later = run.later_openings()
    if later > 0:
        lines.append(
            f"After its first opening the test split was opened {later} more time(s), for trials that were chosen when "
            "its results could be known."
        )
    counts = run.info["data"]["class_counts"]["test"]
    absent = [name for name, count in zip(run.class_names, counts, strict=True) if not count]
    if absent and any(counts):
        lines.append(f"The test split holds no image of {', '.join(absent)}: all means are over the other classes.")
    smallest = min((count for count in counts if count), default=0)
    if 0 < smallest < 50:
        lines.append(f"The smallest class has {smallest} test images: its rates move in steps of {1 / smallest:.3f}.")
    fewest, label = fewest_test_patients(run)
    if 0 < fewest < FEWEST:
        lines.append(
            f"The test split holds {fewest_in_words(run)} of class {run.class_names[label]}: with fewer than {FEWEST} "
            "of a class no technique is declared better or worse; test on more patients of that class."
        )
    elif FEWEST <= fewest < SPARSE and _is_judged(run):
        lines.append(
            f"The test split holds {fewest_in_words(run)} of class {run.class_names[label]}: what is significant "
            f"here is so of patients like these. Of a kind that is one in ten, {fewest} hold none with a chance of "
            f"{100 * 0.9**fewest:.0f} %, and no interval knows of it."
        )
    return lines


def _is_judged(run: Results) -> bool:
    """Whether any technique is called better or worse than the baseline."""
    found = answer_values(run)
    return bool(found["beats_baseline"] or found["behind_baseline"])


def report_folder(run: Results) -> Path:
    return run.path / "report"
