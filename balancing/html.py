"""Small tables for notebooks, with everything escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any


def html_table(title: str, header: Sequence[Any], rows: Iterable[Sequence[Any]]) -> str:
    """A table with its title above; the first column is text, the others are set to the right."""
    head = "".join(f'<th scope="col">{escape(str(cell))}</th>' for cell in header)
    body = "".join(f"<tr>{_cells(row)}</tr>" for row in rows)
    return f"<table><caption>{escape(title)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _cells(row: Sequence[Any]) -> str:
    first, *others = (escape(str(cell)) for cell in row)
    right = "".join(f'<td style="text-align: right">{cell}</td>' for cell in others)
    return f'<th scope="row" style="text-align: left">{first}</th>{right}'
