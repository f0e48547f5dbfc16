"""Every CSV file that this package writes: numbers unrounded, and no text that a spreadsheet would run as a formula.

A text (the name of a class, a file, a technique) that begins with ``=``, ``+``, ``-``, ``@``, a tab or a line break,
or holds one of them behind a semicolon, tab or line break (which other spreadsheets cut cells at), gets an apostrophe
in front of it: ``=HYPERLINK(...)`` is written ``'=HYPERLINK(...)``. Numbers, negative ones too, stay as they are, as
does text that is a number. ``unguarded`` takes the apostrophe away again.
"""

from __future__ import annotations

import re
from typing import Any

import pandas as pd

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
# Where a cell may begin, and what may stand in front of the sign: spaces, which are passed over, and our apostrophes.
# The last four signs are those of East Asian keyboards, which spreadsheets take for the first four.
_SIGNS = "=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20"
_GUARD = re.compile(rf"(^|[;\t\r\n])([ ']*)(?=[{_SIGNS}])")
_GUARDED = re.compile(rf"(^|[;\t\r\n])'([ ']*)(?=[{_SIGNS}])")


def csv_text(table: pd.DataFrame) -> str:
    """The table as CSV, without its index; texts and headings guarded."""
    return table.rename(columns=guarded).map(guarded).to_csv(index=False, lineterminator="\n")


def guarded(value: Any) -> Any:
    """A text that no spreadsheet takes for a formula; anything else as it is."""
    if not isinstance(value, str) or _NUMBER.fullmatch(value):
        return value
    return _GUARD.sub(r"\1'\2", value)


def unguarded(text: str) -> str:
    """The text that ``guarded`` was given."""
    return _GUARDED.sub(r"\1\2", text)
