"""Patterns of paths with ``*``, as users and layouts write them."""

from __future__ import annotations

import fnmatch
import re


def glob_pattern(glob: str) -> re.Pattern[str]:
    """A pattern for the end of a path below a root, from a folder's or file's name on; ``*`` matches across folders.

    >>> [bool(glob_pattern("x/*.png").fullmatch(path)) for path in ("x/a.png", "data/x/y/a.png", "ax/a.png")]
    [True, True, False]
    """
    text = glob.removeprefix("./").removeprefix("**/").replace("**/", "*").replace("**", "*")
    return re.compile(f"(?:.*/)?(?:{fnmatch.translate(text)})", re.DOTALL)
