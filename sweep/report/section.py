"""A section of the report: what its function gives, and what the registry makes of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sweep.analysis.figures.style import Plot
from sweep.report.blocks import Block, Figures, Heading, Paragraph
from sweep.report.table import Table

# (what, where it comes from) of each method used, for the list at the end.
References = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class SectionBody:
    """What a section's function gives for one run.

    Args:
        blocks: in order; none leaves the section away.
        values: what ``summary.json`` holds of it, as the declared ``summary``: numbers, strings, lists and dicts only.
        references: of the methods used in this run; None for those declared.
        answered: which of the declared ``answers`` this run's section gives; None for all of them where it has a table,
            a figure or a list, and for none where it has sentences alone, which say why there is nothing.
        aside: what must stand beside a verdict that names a winner; "" for nothing.
        found: what was found, in one sentence that the section opens with; "" where its first block says it.
    """

    blocks: Sequence[Block]
    values: Mapping[str, object] | None = None
    references: References | None = None
    answered: Collection[str] | None = None
    aside: str = ""
    found: str = ""


@dataclass(frozen=True)
class Section:
    """A part of the report with its own heading and anchor.

    Args:
        name: lower-case anchor, key in ``summary.json`` and file in ``sweep.report.sections``; unique in the report.
        title: its heading.
        question: what it answers, in plain words, beneath the heading; "" for none.
        answered: items and topics of reporting guidelines that it answers.
        plugin: where a section from elsewhere is from, in words; "" of the tool's own.
        fault: a sentence on why it could not be made, which stands in its place; "" where it could.
    """

    name: str
    title: str
    blocks: Sequence[Block]
    question: str = ""
    values: Mapping[str, object] | None = None
    references: References = ()
    answered: frozenset[str] = frozenset()
    aside: str = ""
    found: str = ""
    plugin: str = ""
    fault: str = ""


def inside(blocks: Sequence[Block]) -> list[Block]:
    """All blocks in order, also those that others hold."""
    return [one for block in blocks for one in (block, *inside(block.inside()))]


def tables_of(blocks: Sequence[Block]) -> list[Table]:
    """Every table."""
    return [block for block in inside(blocks) if isinstance(block, Table)]


def plots_of(blocks: Sequence[Block]) -> list[Plot]:
    """Every figure."""
    return [plot for block in inside(blocks) if isinstance(block, Figures) for plot in block.plots]


def shows_something(blocks: Sequence[Block]) -> bool:
    """Whether there is a table, a figure or a list, not only sentences."""
    return any(not isinstance(block, Heading | Paragraph) for block in inside(blocks))
