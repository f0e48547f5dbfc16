"""``checklist.md``: which items of reporting guidelines the report answers, and where.

The items are in ``guidelines/*.yaml``: on class imbalance, data, splits, leakage, sample size, uncertainty,
performance, thresholds, failures, interpretability and code. What answers them is declared by the sections.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from sweep.report.build import Content
from sweep.report.section import Section
from sweep.report.text.escape import markdown

NOT_ANSWERED = "not answered by this report: for the authors"
_FOLDER = Path(__file__).parent / "guidelines"


@dataclass(frozen=True)
class Item:
    """One item of a guideline.

    Args:
        name: the guideline's name and the item's number, as sections name it whole: ``TRIPOD+AI 14``.
        text: its number and what it asks.
        answered_by: topic that sections declare -> how that answers the item.
        authors: what no record of a run tells, and so is the authors' to write.
    """

    name: str
    text: str
    answered_by: Mapping[str, str]
    authors: str = ""


@dataclass(frozen=True)
class Guideline:
    """A reporting guideline, or those of its items that bear on a report."""

    name: str
    source: str
    items: tuple[Item, ...]


@functools.cache
def guidelines() -> tuple[Guideline, ...]:
    """Those of ``guidelines/*.yaml``, in order."""
    loaded = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in _FOLDER.glob("*.yaml")]
    return tuple(
        Guideline(
            one["name"],
            one["source"],
            tuple(
                Item(
                    f"{one['name']} {item['number']}",
                    f"{item['number']} {item['asks']}",
                    item.get("answered_by", {}),
                    item.get("authors", ""),
                )
                for item in one["items"]
            ),
        )
        for one in sorted(loaded, key=lambda one: one["order"])
    )


def topics() -> set[str]:
    """All that a section may declare in its ``answers``."""
    items = [item for guideline in guidelines() for item in guideline.items]
    return {item.name for item in items} | {topic for item in items for topic in item.answered_by}


def checklist(content: Content) -> str:
    """Markdown: a table for each guideline; an item is answered only where the report has something that does.

    Raises:
        ValueError: a section answers what no guideline asks.
    """
    for section in content.sections:
        for unknown in sorted(section.answered - topics()):
            raise ValueError(
                f"section {section.name!r} answers {unknown!r}, which no guideline asks; topics and items are in "
                f"{_FOLDER}"
            )
    lines = [
        f"# Reporting checklists: {markdown(content.title)}",
        "",
        "What this report answers of the items on class imbalance, data, splits, sample size, uncertainty, "
        "performance, failures, interpretability and code; and what is left to the authors. Not a full checklist: the "
        "guidelines have more items, and whether an answer is enough is for the authors to judge.",
    ]
    for guideline in guidelines():
        lines += ["", f"## {guideline.name}", "", f"{guideline.source}.", ""]
        lines += ["| Item | Answered in | How |", "| --- | --- | --- |"]
        for item in guideline.items:
            answers = answers_to(item, content.sections)
            where = dict.fromkeys(f"[{markdown(s.title)}](index.html#{s.name}-section)" for s, _ in answers)
            how = dict.fromkeys(how for _, how in answers)
            lines.append(f"| {markdown(item.text)} | {', '.join(where) or NOT_ANSWERED} | {markdown('; '.join(how))} |")
    return "\n".join(lines) + "\n"


def answers_to(item: Item, sections: Sequence[Section]) -> list[tuple[Section, str]]:
    """The sections that answer an item, and how: by topics in the item's order, then those that name it whole."""
    found = [
        (section, how) for topic, how in item.answered_by.items() for section in sections if topic in section.answered
    ]
    return found + [(section, section.question) for section in sections if item.name in section.answered]
