"""A table as the report shows it: rounded cells with the numbers they sort by, the same in every format."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import ClassVar

import pandas as pd

from sweep.analysis.names import check_name
from sweep.report.blocks import Block
from sweep.report.csvfile import csv_text
from sweep.report.text.escape import latex


@dataclass(frozen=True)
class Mark:
    """A sign before a cell's text, with what it means for those who can't see it.

    Args:
        sign: one character.
        meaning: in a word or two, such as ``better``.
    """

    sign: str
    meaning: str

    @property
    def kind(self) -> str:
        """Its class in the page's style."""
        return self.meaning.replace(" ", "-").replace("'", "")


@dataclass(frozen=True)
class Cell:
    """What is shown, and what the column sorts by (the text where None).

    Args:
        mark: stands before the text.
    """

    text: str
    sort: float | None = None
    mark: Mark | None = None

    @property
    def plain(self) -> str:
        """The text with the mark's meaning before it, where signs are of no use."""
        return self.text if self.mark is None else f"{self.mark.meaning}: {self.text}"

    @property
    def key(self) -> str | None:
        """``sort`` as the page's script reads numbers; None where the column sorts by the text."""
        if self.sort is None or math.isfinite(self.sort):
            return None if self.sort is None else str(self.sort)
        return "Infinity" if self.sort > 0 else "-Infinity"

    @property
    def parts(self) -> tuple[str, str]:
        """What stands before a bracket at the end, and the bracket, "" without one: a page breaks lines between."""
        value, bracket, rest = self.text.partition(" (")
        return (value, "(" + rest) if bracket and rest.endswith(")") else (self.text, "")


def number(text: str, value: float | None) -> Cell:
    """A numeric cell; NaN sorts below everything."""
    return Cell(text, float("-inf") if value is None or pd.isna(value) else float(value))


@dataclass(frozen=True)
class Table(Block):
    """One table.

    Args:
        name: of its files, and its anchor in the page.
        caption: one sentence or two.
        headers: of the columns; the first names the rows.
        rows: cells, each row as long as ``headers``.
        footer: rows that stay beneath whatever is sorted.
        strong: indices of rows that stand out for a reason that the caption names.
        data: the unrounded numbers, for the CSV file.
        columns_text: indices of columns that hold text (the first always does).
    Raises:
        ValueError: the name is not of small letters, digits and underscores.
    """

    html: ClassVar[str] = '{% include "table.html.j2" %}'
    markdown: ClassVar[str] = '{% include "table.md.j2" %}'

    name: str
    caption: str
    headers: list[str]
    rows: list[list[Cell]]
    data: pd.DataFrame
    footer: list[list[Cell]] = field(default_factory=list)
    strong: frozenset[int] = frozenset()
    columns_text: frozenset[int] = frozenset()

    def __post_init__(self) -> None:
        check_name("table", self.name)

    def is_text(self, column: int) -> bool:
        return column == 0 or column in self.columns_text

    def technique_of(self, row: int) -> str:
        """Whose row it is; "" where the table's numbers don't tell."""
        if "technique" not in self.data or len(self.data) != len(self.rows) or not isinstance(self.data, pd.DataFrame):
            return ""
        return str(self.data["technique"].iloc[row])

    def csv(self) -> str:
        """The unrounded numbers; dictionaries become ``key=value`` lists."""
        data = self.data.copy()
        for column in data.columns:
            if len(data) and data[column].map(lambda value: isinstance(value, dict)).any():
                data[column] = data[column].map(lambda value: " ".join(f"{k}={v}" for k, v in value.items()))
        return csv_text(data)

    def latex(self) -> str:
        """A ``table`` for LaTeX with the packages booktabs and textcomp; every name escaped."""
        align = "".join("l" if self.is_text(i) else "r" for i in range(len(self.headers)))
        lines = [r"\begin{table}", r"\centering", rf"\caption{{{latex(self.caption)}}}", rf"\label{{tab:{self.name}}}"]
        lines += [
            rf"\begin{{tabular}}{{{align}}}",
            r"\toprule",
            " & ".join(map(latex, self.headers)) + r" \\",
            r"\midrule",
        ]
        lines += [_latex_row(row, i in self.strong) for i, row in enumerate(self.rows)]
        if self.footer:
            lines += [r"\midrule", *(_latex_row(row, False) for row in self.footer)]
        return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", r"\end{table}", ""])


def _latex_row(row: list[Cell], strong: bool) -> str:
    cells = [rf"\textbf{{{latex(cell.plain)}}}" if strong else latex(cell.plain) for cell in row]
    # A bracket at the start of a row would be read as an argument of the line break before it.
    return "{}" + " & ".join(cells) + r" \\"
