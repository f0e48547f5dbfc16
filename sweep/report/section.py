"""What a section of the report is made of, before it becomes HTML or Markdown.

Every topic of the report is a module in ``sweep.report.sections`` that gives a ``Section``; ``render`` writes them.
All text here is plain: it is escaped where it is written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sweep.analysis.figures.style import Plot
from sweep.report.table import Table


@dataclass(frozen=True)
class Heading:
    """A heading within a section."""

    text: str


@dataclass(frozen=True)
class Paragraph:
    """One paragraph of plain text."""

    text: str


@dataclass(frozen=True)
class Listing:
    """A bulleted list; each line plain text."""

    lines: Sequence[str]


@dataclass(frozen=True)
class Facts:
    """Names with their values, as a definition list."""

    rows: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Code:
    """Text shown as it is: a command, a configuration.

    Args:
        language: for Markdown's fence, e.g. ``sh``.
    """

    text: str
    language: str = ""


@dataclass(frozen=True)
class Figures:
    """Figures that may stand side by side on a wide page."""

    plots: Sequence[Plot]


@dataclass(frozen=True)
class Folded:
    """Blocks that open on a click."""

    summary: str
    blocks: Sequence[Block]


@dataclass(frozen=True)
class Citations:
    """What, with a remark, and where it comes from.

    Args:
        rows: (name, remark or "", source).
    """

    rows: Sequence[tuple[str, str, str]]


Block = Heading | Paragraph | Listing | Facts | Code | Figures | Folded | Table | Citations


@dataclass(frozen=True)
class Section:
    """A part of the report with its own heading and anchor.

    Args:
        name: lower-case anchor, unique in the report.
        title: its heading.
        blocks: in order; none leaves the section away.
        values: what ``summary.json`` holds of it under ``name``: numbers, strings, lists and dicts only.
        references: (what, source) of each method used, for the list at the end.
    """

    name: str
    title: str
    blocks: Sequence[Block]
    values: object = None
    references: Sequence[tuple[str, str]] = ()


def inside(blocks: Sequence[Block]) -> list[Block]:
    """All blocks in order, also those that are folded."""
    found: list[Block] = []
    for block in blocks:
        found.append(block)
        if isinstance(block, Folded):
            found += inside(block.blocks)
    return found


def tables_of(sections: Sequence[Section]) -> list[Table]:
    """Every table of the report."""
    return [block for section in sections for block in inside(section.blocks) if isinstance(block, Table)]


def plots_of(sections: Sequence[Section]) -> list[Plot]:
    """Every figure of the report."""
    figures = [block for section in sections for block in inside(section.blocks) if isinstance(block, Figures)]
    return [plot for block in figures for plot in block.plots]
