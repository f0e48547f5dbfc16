"""Cells and columns of tables: a number of the data by its name, what stands above it, and how it is written."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from sweep.analysis.names import display_name
from sweep.report.table import Cell, Table, number
from sweep.report.text.intervals import ranged, signed_range
from sweep.report.text.numbers import NONE, three


def ranged_cell(row: Mapping[str, Any] | pd.Series, name: str, write: Callable[[float], str] = three) -> Cell:
    """``ranged`` as a cell that sorts by the number."""
    return number(ranged(row, name, write), row[name])


def signed_cell(row: Mapping[str, Any] | pd.Series, name: str) -> Cell:
    """``signed_range`` as a cell that sorts by the number."""
    return number(signed_range(row, name), row[name])


@dataclass(frozen=True)
class Column:
    """One column.

    Args:
        header: what stands above it.
        cells: the data's cells in it, a row each.
        is_text: whether it is set as text, not as numbers.
    """

    header: str
    cells: Callable[[pd.DataFrame], list[Cell]]
    is_text: bool = False


def label(name: str, header: str, write: Callable[[Any], str] = str) -> Column:
    """Names, sorted in the order of the data."""

    def cells(data: pd.DataFrame) -> list[Cell]:
        order = {one: place for place, one in enumerate(dict.fromkeys(data[name]))}
        return [Cell(write(one), order[one]) for one in data[name]]

    return Column(header, cells)


def technique() -> Column:
    """Names of techniques."""
    return label("technique", "Technique", display_name)


def value(name: str, header: str, write: Callable[[Any], str] = three) -> Column:
    """Numbers; a dash where there is none."""
    return Column(
        header, lambda data: [number(NONE if pd.isna(one) else write(one), one) for one in data[name].tolist()]
    )


def count(name: str, header: str) -> Column:
    """Whole numbers."""
    return value(name, header, lambda one: f"{one:,.0f}")


def interval(name: str, header: str, write: Callable[[float], str] = three) -> Column:
    """``name`` with its interval, ``<name>_low`` to ``<name>_high``."""
    return Column(header, lambda data: [ranged_cell(row, name, write) for _, row in data.iterrows()])


def signed_interval(name: str, header: str) -> Column:
    """A difference with its interval."""
    return Column(header, lambda data: [signed_cell(row, name) for _, row in data.iterrows()])


def text(name: str, header: str, write: Callable[[Any], str] = str) -> Column:
    """Words."""
    return Column(header, lambda data: [Cell(write(one)) for one in data[name]], is_text=True)


def table_of(
    name: str,
    caption: str,
    data: pd.DataFrame,
    columns: Sequence[Column],
    *,
    footer: Sequence[list[Cell]] = (),
    strong: Sequence[bool] = (),
    keep: Sequence[str] | None = None,
) -> Table:
    """A table of data, a row each.

    Args:
        name: of its files and its anchor.
        data: unrounded; goes to the CSV file.
        columns: the first names the rows.
        footer: rows that stay beneath whatever is sorted.
        strong: of each row, whether it stands out; none where empty.
        keep: the data's columns that the CSV file has; all by default.
    """
    made = [column.cells(data) for column in columns]
    return Table(
        name,
        caption,
        headers=[column.header for column in columns],
        rows=[list(row) for row in zip(*made, strict=True)],
        data=data if keep is None else data[list(keep)],
        footer=list(footer),
        strong=frozenset(place for place, one in enumerate(strong) if one),
        columns_text=frozenset(place for place, column in enumerate(columns) if column.is_text),
    )
