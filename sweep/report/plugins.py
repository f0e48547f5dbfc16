"""Sections from elsewhere: what goes wrong in one costs that one alone, and a sentence stands in its place.

The tool's own sections are not treated so: what they raise is a fault to be seen.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from balancing.data.text import shown
from sweep.analysis.results import Results
from sweep.report.blocks import Block, Paragraph
from sweep.report.section import References, Section, SectionBody, plots_of, tables_of
from sweep.report.shared_names import own_places, without_folders

if TYPE_CHECKING:
    from sweep.report.build import Content

_MOST_LETTERS = 300


def in_its_place(section: Section, error: Exception, run: Results, called: str = "") -> Section:
    """A section that says which one is missing, where that is from, and what it raised.

    Args:
        section: the one that is missing, or what is known of it.
        called: its name as its authors know it; ``section.name`` where not given.
    """
    told = re.sub(r"\s+", " ", without_folders(str(error), own_places(run))).strip()
    told = shown(told if len(told) <= _MOST_LETTERS else f"{told[:_MOST_LETTERS]}…")
    raised = type(error).__name__ + (f": {told}" if told else "")
    which = f"The report's section '{called or section.name}' of {section.plugin}"
    fault = f"{which} could not be made ({raised}); mend it, or take it out."
    return Section(section.name, section.title, [Paragraph(fault)], plugin=section.plugin, fault=fault)


def check_body(body: SectionBody, references: References) -> None:
    """Raises TypeError where what a function gave is not what other sections and the verdict can stand beside.

    Args:
        references: those declared, which count where the body has none.
    """
    if not isinstance(body, SectionBody):
        raise TypeError(f"it gives a {type(body).__name__}; give a SectionBody, or None")
    if not isinstance(body.blocks, list | tuple):
        raise TypeError(f"its blocks are a {type(body.blocks).__name__}; give a list")
    for block in body.blocks:
        if not isinstance(block, Block):
            raise TypeError(f"it has a {type(block).__name__} among its blocks; give blocks of sweep.report.blocks")
    if not isinstance(body.aside, str):
        raise TypeError(f"its aside is a {type(body.aside).__name__}; give text")
    for row in references if body.references is None else body.references:
        if not (isinstance(row, tuple | list) and len(row) == 2 and all(isinstance(part, str) for part in row)):
            raise TypeError(f"among its references is {row!r}; give pairs of text: what, and where it is from")


def with_names_of_their_own(sections: Sequence[Section], run: Results) -> list[Section]:
    """The sections, where one from elsewhere whose tables or figures are named like others' gives way."""
    taken = [_names(section) for section in sections if not section.plugin]
    kept = []
    for section in sections:
        if section.plugin and not section.fault:
            try:
                names = _names(section)
                for kind, name in names:
                    if names.count((kind, name)) > 1 or any((kind, name) in others for others in taken):
                        raise ValueError(f"the {kind} '{name}' has the name of another; choose another name")
            except Exception as error:  # names are asked of blocks, which may be of anybody's making
                kept.append(in_its_place(section, error, run))
                continue
            taken.append(names)
        kept.append(section)
    return kept


def _names(section: Section) -> list[tuple[str, str]]:
    """Kind and name of each table and figure."""
    return [("table", table.name) for table in tables_of(section.blocks)] + [
        ("figure", plot.name) for plot in plots_of(section.blocks)
    ]


def sound(content: Content, rehearse: Callable[[Content], None], run: Results) -> Content:
    """The report with a sentence in the place of each section from elsewhere that can't be written.

    Args:
        rehearse: does all that is done to write a report but for the files, and raises what that raises.
    """
    kept = []
    for section in content.sections:
        if section.plugin and not section.fault:
            try:
                rehearse(replace(content, sections=[section]))
            except Exception as error:  # whatever foreign code can raise
                section = in_its_place(section, error, run)
        kept.append(section)
    return replace(content, sections=kept)
