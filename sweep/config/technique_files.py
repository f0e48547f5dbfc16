"""``@FILE`` among the names of techniques: a text file that holds names."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

from balancing.components.groups import BehindFrozen, expand, left_behind
from balancing.errors import UserError
from sweep.config.values import shown_text

SIGN = "@"
_MOST_BYTES = 1_000_000


def expand_names(names: Iterable[str], *, groups: bool = True, behind: BehindFrozen | None = None) -> list[str]:
    """Names of techniques, files and groups put in their place; each technique once.

    Args:
        names: as of ``balancing.components.groups.expand``, or ``@`` and the path of a file with one or more such names
            a line, apart by spaces or commas; ``#`` begins a comment.
        groups, behind: as of ``expand``, in files too.
    Raises:
        UserError: a name is unknown (of a file, with its line), or a file can't be read or names no technique.
    """
    found: list[str] = []
    for name in names:
        found += _of_file(name.removeprefix(SIGN), groups, behind) if name.startswith(SIGN) else []
        found += [] if name.startswith(SIGN) else expand([name], groups=groups, behind=behind)
    return list(dict.fromkeys(found))


def names_left_behind(names: Iterable[str], behind: BehindFrozen) -> dict[str, str]:
    """As `balancing.components.groups.left_behind`, of groups in files too."""
    words = [[w for _, w in _words(n.removeprefix(SIGN))] if n.startswith(SIGN) else [n] for n in names]
    return left_behind([word for some in words for word in some], behind)


def _of_file(written: str, groups: bool, behind: BehindFrozen | None) -> list[str]:
    what, found, named = _called(written), list[str](), False
    for number, name in _words(written):
        if name.startswith(SIGN):
            raise UserError(f"line {number} of {what} names another file, {shown_text(name)}; write its names here")
        try:
            found += expand([name], groups=groups, behind=behind)
            named = True
        except UserError as error:
            raise UserError(f"line {number} of {what}: {error}") from None
    if not named:
        raise UserError(f"{what} names no technique; write one or more a line, such as smote")
    return found


def _called(written: str) -> str:
    return f"the file of techniques {shown_text(repr(written))}"


def _words(written: str) -> list[tuple[int, str]]:
    """Number of the line and name, of each name in a file."""
    lines = enumerate(_text(written, _called(written)).splitlines(), 1)
    # A plus sign may have spaces beside it, as on the command line.
    joined = [(number, re.sub(r"\s*\+\s*", "+", line.partition("#")[0])) for number, line in lines]
    return [(number, name) for number, line in joined for name in line.replace(",", " ").split()]


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
