"""The class in a file's name: read by a user's pattern, and proposed where names begin or end with a few words."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from balancing.data.folders.notes import some
from balancing.data.patterns import search_all
from balancing.data.text import shown
from balancing.errors import UserError

# Tried in this order on names; the simplest that tells a few words on nearly all of them is proposed.
_PROPOSED = (
    r"([a-z]+)_",
    r"([A-Z]+)_",
    r"([A-Za-z]+)_",
    r"([A-Za-z]+)-",
    r"([A-Za-z]+) ",
    r"([A-Za-z]+)\d",
    r"_([A-Za-z]+)\.",
    r"-([A-Za-z]+)\.",
    r"_(\d)\.",
)
_ENOUGH, _MOST_CLASSES, _LOOKED_AT = 0.95, 12, 20_000


def propose(names: Sequence[str]) -> tuple[str, str] | None:
    """A pattern that tells 2 to 12 classes of at least two images each, and how many of each; None where none does.

    Args:
        names: (N,) file names without folders.
    """
    names = names[:: max(1, len(names) // _LOOKED_AT)]
    for pattern in _PROPOSED:
        compiled = re.compile(pattern if pattern.endswith(r"\.") else f"^{pattern}")
        found = Counter(match[1] for name in names if (match := compiled.search(name)))
        enough = sum(found.values()) >= _ENOUGH * len(names)
        # What is searched must be what the pattern finds first without being bound to the start.
        free = re.compile(pattern)
        few = 2 <= len(found) <= _MOST_CLASSES and min(found.values()) > 1
        if enough and few and all((match := free.search(name)) is None or match[1] in found for name in names):
            return pattern, ", ".join(f"{word}: {count:,}" for word, count in found.most_common(4))
    return None


def labels_by_pattern(
    source: str, pattern: str, names: Sequence[str], paths: Sequence[str], unlabelled: str | None
) -> list[str | None]:
    """(N,) the class in each name: group 1, or all that was matched; None for those that are to be left out.

    Args:
        names, paths: (N,) of the files; where no name has a class, it is sought in the paths below the data.
        unlabelled: ``drop`` leaves names that don't match out.
    Raises:
        UserError: the pattern matches none, or not all and nothing says what becomes of the rest.
    """
    what, matches = "file names", search_all(pattern, names, what="label pattern")
    if not any(matches):
        what, matches, names = "paths", search_all(pattern, paths, what="label pattern"), paths
    labels = [None if match is None else (match[1] if match.re.groups else match[0]) for match in matches]
    missing = [name for name, label in zip(names, labels, strict=True) if not label]
    if len(missing) == len(names):
        raise UserError(
            f"the label pattern {pattern!r} finds no class in any of the {len(names):,} file names or paths of "
            f"{shown(source)}, such as {shown(names[0]) if names else 'none'}; mend --label-pattern"
        )
    if missing and unlabelled != "drop":
        raise UserError(
            f"the label pattern {pattern!r} finds no class in {len(missing):,} of {len(names):,} {what}, such as "
            f"{some(missing)}: mend --label-pattern, or leave those out by --unlabelled drop"
        )
    return [label.strip() if label else None for label in labels]
