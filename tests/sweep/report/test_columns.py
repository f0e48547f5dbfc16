"""Tables by the names of their columns."""

from __future__ import annotations

import csv
import io

import numpy as np
import pandas as pd

from sweep.report import columns
from sweep.report.columns import table_of

DATA = pd.DataFrame(
    {
        "technique": ["smote", "baseline", "smote"],
        "seed": [1, 0, 0],
        "score": [0.51234, np.nan, -0.25],
        "score_low": [0.4, np.nan, np.nan],
        "score_high": [0.6, np.nan, np.nan],
        "images": [1200, 7, 0],
        "note": ["a", "b", "c"],
    }
)
EACH = (
    columns.technique(),
    columns.value("seed", "Seed", str),
    columns.interval("score", "Score"),
    columns.signed_interval("score", "Gain"),
    columns.count("images", "Images"),
    columns.text("note", "Note", str.upper),
)


def test_cells_are_of_the_named_numbers() -> None:
    table = table_of("t", "Caption.", DATA, EACH, strong=[False, True, False])
    assert table.headers == ["Technique", "Seed", "Score", "Gain", "Images", "Note"]
    assert [[cell.text for cell in row] for row in table.rows] == [
        ["SMOTE", "1", "0.512 (0.400 to 0.600)", "+0.512 (+0.400 to +0.600)", "1,200", "A"],
        ["Baseline", "0", "–", "–", "7", "B"],
        ["SMOTE", "0", "−0.250", "−0.250", "0", "C"],
    ]
    assert [row[2].sort for row in table.rows] == [0.51234, -np.inf, -0.25], "what is missing sorts below everything"
    assert [row[0].sort for row in table.rows] == [0, 1, 0], "techniques sort in the data's order"
    assert [table.is_text(place) for place in range(6)] == [True, False, False, False, False, True]
    assert table.strong == {1}


def test_no_order_of_columns_changes_a_cell() -> None:
    table, turned = (table_of("t", "", DATA, one) for one in (EACH, EACH[::-1]))
    assert [row[::-1] for row in turned.rows] == table.rows


def test_the_file_has_the_unrounded_numbers_that_are_kept() -> None:
    rows = list(csv.reader(io.StringIO(table_of("t", "", DATA, EACH, keep=["technique", "score"]).csv())))
    assert rows == [["technique", "score"], ["smote", "0.51234"], ["baseline", ""], ["smote", "-0.25"]]
    assert table_of("t", "", DATA.iloc[:0], EACH).rows == []
