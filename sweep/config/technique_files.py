"""``@FILE`` among the names of techniques: a text file that holds names."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

from balancing.components.groups import expand
from balancing.errors import UserError
from sweep.config.values import shown_text

SIGN = "@"
_MOST_BYTES = 1_000_000


def expand_names(names: Iterable[str], *, groups: bool = True) -> list[str]:
    """Names of techniques, files and groups put in their place; each technique once.

    Args:
        names: as of ``balancing.components.groups.expand``, or ``@`` and the path of a file with one or more such names
            a line, apart by spaces or commas; ``#`` begins a comment.
        groups: as of ``expand``, in files too.
    Raises:
        UserError: a name is unknown (of a file, with its line), or a file can't be read or names no technique.
    """
    found: list[str] = []
    for name in names:
        of_file = name.startswith(SIGN)
        found += _of_file(name.removeprefix(SIGN), groups=groups) if of_file else expand([name], groups=groups)
    return list(dict.fromkeys(found))


def _of_file(written: str, *, groups: bool) -> list[str]:
    what, found, named = f"the file of techniques {shown_text(repr(written))}", list[str](), False
    for number, line in enumerate(_text(written, what).splitlines(), 1):
        # A plus sign may have spaces beside it, as on the command line.
        for name in re.sub(r"\s*\+\s*", "+", line.partition("#")[0]).replace(",", " ").split():
            if name.startswith(SIGN):
                raise UserError(f"line {number} of {what} names another file, {shown_text(name)}; write its names here")
            try:
                found += expand([name], groups=groups)
                named = True
            except UserError as error:
                raise UserError(f"line {number} of {what}: {error}") from None
    if not named:
        raise UserError(f"{what} names no technique; write one or more a line, such as smote")
    return found


def _text(written: str, what: str) -> str:
    path = Path(os.path.expanduser(written))
    try:
        if not path.is_file():
            raise UserError(f"{what} is {'no file' if path.exists() else 'not there'}; give a text file with names")
        if path.stat().st_size > _MOST_BYTES:
            raise UserError(f"{what} has more than {_MOST_BYTES:,} bytes, so it is no list of names; give another")
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UserError(f"{what} cannot be read ({error.strerror}); give one that can") from None
    except UnicodeDecodeError:
        raise UserError(f"{what} is no text in UTF-8; give a text file with names") from None
