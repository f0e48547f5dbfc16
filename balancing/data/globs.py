"""Patterns of paths with ``*``, as users and layouts write them."""

from __future__ import annotations

import fnmatch
import re


def glob_pattern(glob: str) -> re.Pattern[str]:
    """A pattern for whole paths below a root, with ``/``; ``*`` and ``**`` match across folders, ``**/`` also none.

    >>> [bool(glob_pattern("**/*.png").fullmatch(path)) for path in ("a.png", "x/y/a.png", "a.jpg")]
    [True, True, False]
    """
    text = fnmatch.translate(glob.removeprefix("./").replace("**/", "\0").replace("**", "*"))
    return re.compile(text.replace(re.escape("\0"), "(?:.*/)?").replace("\0", "(?:.*/)?"))
