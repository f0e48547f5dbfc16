"""Long tables fold: a few rows that matter stand in the page, all of them open on a click."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from sweep.report.blocks import Block, Long
from sweep.report.table import Table

# Rows that a page shows without a click; a table with no more of them never folds.
MOST_ROWS = 14
_FIRST = 8


def folded(blocks: Sequence[Block], few: Collection[str]) -> list[Block]:
    """The blocks, each long table among them folded to the rows of a few techniques.

    Tables within other blocks stay whole: those that hold them are folded already.

    Args:
        few: names of techniques.
    """
    return [
        _folded(block, few) if isinstance(block, Table) and len(block.rows) > MOST_ROWS else block for block in blocks
    ]


def _folded(table: Table, few: Collection[str]) -> Block:
    kept = _rows_of(table, few) or list(range(_FIRST))
    if len(kept) >= len(table.rows):
        return table
    short = replace(
        table,
        name=f"{table.name}_few",
        caption=f"{table.caption} {len(kept)} of {len(table.rows)} rows.",
        rows=[table.rows[row] for row in kept],
        strong=frozenset(place for place, row in enumerate(kept) if row in table.strong),
    )
    return Long(table, short, f"All {len(table.rows)} rows")


def _rows_of(table: Table, few: Collection[str]) -> list[int]:
    """The rows of some techniques, where the table's numbers say whose each row is."""
    if "technique" not in table.data or len(table.data) != len(table.rows):
        return []
    return [row for row, name in enumerate(table.data["technique"]) if name in few]
