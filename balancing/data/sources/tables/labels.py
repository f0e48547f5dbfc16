"""The labels of a table's rows: of one column, or of columns of 0 and 1."""

from __future__ import annotations

import re
from typing import Any

from balancing.data.sources.tables.choosing import Roles, ones_a_row
from balancing.data.sources.tables.matching import as_path
from balancing.data.sources.tables.reading import Table
from balancing.data.sources.usual_names import number_word
from balancing.data.text import check_length, one_label, shown

_NAMED = 3  # examples in a note
_SETTLED = 0.95  # of the rows with exactly one 1 make columns of 0 and 1 classes


def label_cells(table: Table, roles: Roles) -> list[Any]:
    """(n,) the labels of all rows: numbers, words, tuples of findings, None where there is none.

    Raises:
        UserError: a text too long to be a name, or numbers with fractions.
    """
    if roles.label is not None:
        column = f"column '{roles.label}' of {table.name}"
        cells = table.columns[roles.label]
        for row, cell in enumerate(cells):
            check_length(cell, column, row)
        if all(isinstance(cell, str | None) for cell in cells):
            numbers = {cell: number_word(cell) for cell in set(cells)}
            filled = [word for word in numbers.values() if word]
            if filled and all(re.fullmatch(r"-?(0|[1-9]\d{0,17})(\.\d+)?", word) for word in filled):
                cells = [float(numbers[cell]) if numbers[cell] else None for cell in cells]
        known = {cell: label_of(cell) for cell in {cell for cell in cells if not isinstance(cell, list | tuple)}}
        return [label_of(cell) if isinstance(cell, list | tuple) else known[cell] for cell in cells]
    if not roles.one_hot:
        return [None] * len(table)
    counts = ones_a_row(table.columns, roles.one_hot)
    single = sum(count == 1 for count in counts) >= _SETTLED * len(counts)
    found: list[Any] = [()] * len(table)
    for column in roles.one_hot:
        for row, cell in enumerate(table.columns[column]):
            if number_word(cell) == "1":
                found[row] += (column,)
    if single:
        return [one[0] if len(one) == 1 else None for one in found]
    return found


def label_of(cell: Any) -> Any:
    """One cell of a label column; a list becomes a tuple of words."""
    if isinstance(cell, list | tuple):
        return tuple(str(word) for one in cell if (word := one_label(one)) is not None)
    return one_label(cell)


def one_hot_note(table: Table, roles: Roles) -> str | None:
    """What is said of rows whose classes are not exactly one."""
    if not roles.one_hot:
        return None
    counts = ones_a_row(table.columns, roles.one_hot)
    wrong = [row for row, count in enumerate(counts) if count != 1]
    if not wrong or len(wrong) > (1 - _SETTLED) * len(counts):
        return None
    names = [as_path(table.columns[roles.image][row]) for row in wrong[:_NAMED]]
    return (
        f"{len(wrong):,} rows of {table.name} have no 1, or several, in the columns of classes, and so no label: "
        f"{', '.join(map(shown, names))}{' ...' if len(wrong) > _NAMED else ''}."
    )
