"""Long tables: a few rows stand in the page, and no row is lost."""

from __future__ import annotations

import pandas as pd
from jinja2 import Environment, FileSystemLoader

from sweep.report.blocks import Block, Folded, Long
from sweep.report.folding import MOST_ROWS, folded
from sweep.report.render import _TEMPLATES
from sweep.report.section import tables_of
from sweep.report.table import Cell, Table
from sweep.report.text.escape import html_prose


def table(rows: int) -> Table:
    names = [f"technique {place}" for place in range(rows)]
    data = pd.DataFrame({"technique": names})
    cells = [[Cell(name), Cell("1", 1.0)] for name in names]
    footer = [[Cell("by chance"), Cell("0", 0.0)]]
    return Table("numbers", "Some.", ["Technique", "x"], cells, data, footer, strong=frozenset({3, 5}))


def html(block: Block) -> str:
    environment = Environment(loader=FileSystemLoader(_TEMPLATES), autoescape=True)
    environment.filters["prose"] = html_prose

    def show(inner: Block) -> str:
        return environment.from_string(inner.html).render(block=inner, show=show).replace("\n", "")

    from markupsafe import Markup

    return environment.from_string(block.html).render(block=block, show=lambda inner: Markup(show(inner)))


def test_a_short_table_and_one_that_is_folded_already_stay_as_they_are() -> None:
    blocks = [table(MOST_ROWS), Folded("more", [table(40)])]
    assert folded(blocks, ["technique 1"]) == blocks


def test_a_long_table_shows_a_few_rows_and_holds_all() -> None:
    whole = table(40)
    (block,) = folded([whole], ["technique 3", "technique 20"])
    assert isinstance(block, Long)
    assert tables_of([block]) == [whole], "its files are of the whole table"
    text = html(block)
    short, rest = text.split("<details>")
    assert [short.count(f">{row[0].text}<") for row in whole.rows] == [int(place in (3, 20)) for place in range(40)]
    assert all(rest.count(f">{row[0].text}<") == 1 for row in whole.rows)
    assert short.count("by chance") == rest.count("by chance") == 1
    assert short.count('class="strong"') == 1
    assert "2 of 40 rows" in short
    assert text.count('id="numbers"') == text.count('id="numbers_few"') == 1


def test_where_no_row_is_of_the_few_the_first_are_shown() -> None:
    (block,) = folded([table(40)], ["another"])
    assert isinstance(block, Long)
    assert isinstance(block.few, Table)
    assert [row[0].text for row in block.few.rows] == [f"technique {place}" for place in range(8)]
