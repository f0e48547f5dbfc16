"""CSV files: names of classes and files are text to every spreadsheet, numbers stay numbers."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import sweep
from balancing.quality.audit import Audit, Finding
from sweep.cli.audit_view import files_csv
from sweep.cli.compare import Comparison
from sweep.report.csvfile import csv_text, guarded, unguarded
from sweep.report.table import Table

FORMULAS = [
    '=HYPERLINK("http://x","y")',
    "+1+cmd|' /C calc'!A0",
    "-2+3",
    "@SUM(A1)",
    "\t=1+1",
    "\r=1+1",
    "\n=1",
    "  =1+1",
    "\uff1d1+1",
    "a;=1+1",
    "a\n@x",
]
TEXTS = ["", "PNEUMONIA", "a=b", "x-1", "'quoted'", "'=kept", "''=", "it's; -", "train/=cmd().png", "k=5 kind=1"]
NUMBERS = ["-1", "+2.5", "-1e-3", "-.5", "0"]


def is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def starts_a_formula(cell: str) -> bool:
    """As spreadsheets judge, wherever one of them may cut: by what stands first behind spaces."""
    return any(
        part.lstrip(" ")[:1] in set("=+-@\uff1d\uff0b\uff0d\uff20") - {""} and not is_number(part)
        for part in re.split(r"[;\t\r\n]", cell)
        if part.strip(" ")
    )


@pytest.mark.parametrize("text", FORMULAS)
def test_a_formula_becomes_text_and_comes_back(text: str) -> None:
    assert starts_a_formula(text)
    assert not starts_a_formula(guarded(text))
    assert unguarded(guarded(text)) == text


@pytest.mark.parametrize("text", TEXTS + NUMBERS)
def test_other_text_comes_back_too(text: str) -> None:
    assert not starts_a_formula(guarded(text))
    assert unguarded(guarded(text)) == text
    if text in NUMBERS:
        assert guarded(text) == text


def test_guarding_keeps_different_texts_different() -> None:
    signs = ["'", "=", " ", ";", "a", "-"]
    texts = [""]
    for _ in range(4):
        texts += [text + sign for text in texts for sign in signs]
    assert all(unguarded(guarded(text)) == text for text in set(texts))


def test_numbers_are_written_as_numbers() -> None:
    table = pd.DataFrame({"=name": ["=x"], "low": [-0.25], "n": [-3], "none": [np.nan], "yes": [True]})
    assert csv_text(table) == "'=name,low,n,none,yes\n'=x,-0.25,-3,,True\n"
    back = pd.read_csv(io.StringIO(csv_text(table)))
    assert back["low"].dtype == np.float64
    assert back["low"][0] == -0.25


def test_every_csv_that_is_written_is_guarded() -> None:
    bad = '=HYPERLINK("x")'
    data = pd.DataFrame({"technique": [bad], "run": [bad], "parameters": [{"=k": -1}], "value": [-1.5]})
    finding = Finding("duplicates", "note", "t", "a", ((f"train/{bad}", bad),))
    found = Audit((bad, "b"), {}, {"known": False}, {}, (finding,))
    for written in (Table("t", "c", [], [], data).csv(), Comparison(data, [], []).csv(), files_csv(found)):
        cells = [cell for row in csv.reader(io.StringIO(written)) for cell in row]
        assert "'" + bad in cells
        assert not any(starts_a_formula(cell) for cell in cells)


def test_no_other_place_writes_csv() -> None:
    package = Path(sweep.__file__).parent
    writers = [path.name for path in package.rglob("*.py") if re.search(r"\.to_csv\(|csv\.writer", path.read_text())]
    assert writers == ["csvfile.py"]
