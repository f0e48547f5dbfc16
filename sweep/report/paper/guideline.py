"""``claim.md`` and ``tripod-ai.md``: each item, where the report answers it, and what is left to write."""

from __future__ import annotations

import re
from collections.abc import Sequence

from sweep.report.checklist import Guideline, answers_to, guidelines
from sweep.report.section import Section
from sweep.report.text.escape import markdown

NOTHING_LEFT = "check that it is true of your study"


def file_name(guideline: Guideline) -> str:
    """``claim.md``, ``tripod-ai.md``: without the year."""
    words = re.sub(r"\s+\d{4}$", "", guideline.name).lower()
    return re.sub(r"[^a-z0-9]+", "-", words).strip("-") + ".md"


def filled(guideline: Guideline, sections: Sequence[Section], page: str, title: str) -> str:
    """A guideline as a table in Markdown.

    Args:
        sections: of the report.
        page: the report's page, as a link from where this is written.
        title: of the report.
    """
    lines = [
        f"# {guideline.name}: {markdown(title)}",
        "",
        f"{guideline.source}.",
        "",
        "Where the report answers an item, and what you still have to write. Items that the report can say nothing of "
        "are yours alone; whether an answer is enough is for you to judge. Page numbers of your manuscript go into the "
        "last column.",
        "",
        "| Item | In the report | What it says there | What you still have to write | Page |",
        "| --- | --- | --- | --- | --- |",
    ]
    for item in guideline.items:
        answers = answers_to(item, sections)
        where = dict.fromkeys(f"[{markdown(s.title)}]({page}#{s.name}-section)" for s, _ in answers)
        how = dict.fromkeys(how for _, how in answers)
        left = item.authors or ("" if answers else f"{item.text}.")
        cells = [
            markdown(item.text),
            ", ".join(where) or "not there",
            markdown("; ".join(how)),
            markdown(left or NOTHING_LEFT),
            "",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def all_filled(sections: Sequence[Section], page: str, title: str) -> dict[str, str]:
    """File name -> text of each guideline."""
    return {file_name(one): filled(one, sections, page, title) for one in guidelines()}
