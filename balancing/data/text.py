"""Words that came with the data: shown as one printable line, read with bounds, empty ones taken for missing."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from typing import Any

import numpy as np

from balancing.errors import UserError

LONGEST = 1_000  # letters of a name, a label, a patient

_MOST_BYTES = 1 << 28
_NO_LABEL = frozenset({"", "nan", "nat", "<na>", "na", "n/a", "#n/a", "null"})
_NO_PATIENT = _NO_LABEL | {"none"}
# Control characters, line ends, and what turns the direction of reading: a name may not change what stands beside it.
_ESCAPED = frozenset({"Cc", "Zl", "Zp", "Cs"})
_DIRECTIONS = frozenset("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def shown(text: str) -> str:
    """A name as one line that any encoding of Unicode holds.

    Bytes of a file name that are no UTF-8 (which Python keeps as lone surrogates) and control characters are escaped.

    >>> shown("R\\udcf6ntgen\\n.png")
    'R\\\\xf6ntgen\\\\n.png'
    """
    if text.isascii() and text.isprintable():
        return text
    whole = text.encode("utf-8", "surrogateescape" if _escaped_bytes(text) else "surrogatepass")
    return "".join(map(_shown_letter, whole.decode("utf-8", "backslashreplace")))


def _escaped_bytes(text: str) -> bool:
    """Whether every lone surrogate stands for a byte, as in the names that Python makes of file names."""
    return all(not "\ud800" <= letter <= "\udfff" or "\udc80" <= letter <= "\udcff" for letter in text)


def _shown_letter(letter: str) -> str:
    if unicodedata.category(letter) in _ESCAPED or letter in _DIRECTIONS:
        return letter.encode("unicode_escape").decode("ascii")
    return letter


def shortened(text: str, length: int = 18) -> str:
    """The text, with its end replaced by an ellipsis where it is longer than ``length``."""
    return text if len(text) <= length else text[: length - 1] + "…"


def text_array(values: Sequence[str]) -> np.ndarray:
    """(N,) str; of objects where the longest value would make numpy's fixed width take too much memory."""
    width = max(map(len, values), default=0)
    return np.array(values, dtype=object if 4 * width * len(values) > _MOST_BYTES else str)


def check_length(value: object, what: str, row: int) -> None:
    """Raises UserError where a cell holds a text that can be no name.

    Args:
        value: of the cell.
        what: its column and table, e.g. ``column 'patient' of train.parquet``.
        row: counted from 0.
    """
    if isinstance(value, str) and len(value) > LONGEST:
        raise UserError(
            f"row {row:,} of {what} holds a text of {len(value):,} characters, but at most {LONGEST:,} are read; "
            "repair it or name another column"
        )


def is_no_label(word: str) -> bool:
    """Whether a word stands for a missing label: empty, or what programs write of one."""
    return word.strip().lower() in _NO_LABEL


def one_label(value: Any) -> int | str | None:
    """A label as a number or a word without spaces around it; a missing or empty one as None.

    Raises:
        UserError: a number with a fraction.
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, float):
        if not value.is_integer():
            raise UserError(f"labels must be classes, but one is {value}; name a column of classes with --label-column")
        return int(value)
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, int):
        return value
    word = str(value).strip()
    return None if is_no_label(word) else shown(word)


def one_patient(value: Any) -> str | None:
    """A patient as a word; a missing or empty one as None, so that those images aren't taken for one patient's."""
    if isinstance(value, float) and value.is_integer():  # whole numbers become these where one of a column is missing
        value = int(value)
    word = "" if value is None else str(value).strip()
    number, point, rest = word.partition(".")
    if point and number.isdecimal() and not rest.strip("0"):  # and texts of such numbers
        word = number
    return None if word.lower() in _NO_PATIENT else shown(word)
