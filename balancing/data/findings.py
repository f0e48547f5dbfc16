"""Labels that name several findings of an image: read as such, and one of them taken against the rest."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

from balancing.data.positive import means_healthy
from balancing.data.sources.usual_names import quoted
from balancing.errors import UserError, suggestion

_LIST = re.compile(r"\[.*\]", re.DOTALL)
_ITEM = re.compile(r"'([^']*)'|\"([^\"]*)\"")
_SHOWN = 20


def as_findings(labels: Sequence[Any]) -> list[Any]:
    """Labels, of which texts that list several findings are tuples.

    ``a|b`` always is such a list; ``a;b`` and ``a, b`` are where a part of one also stands alone; and so is
    ``['a', 'b']``, as Python writes lists.

    Args:
        labels: numbers, words, tuples, None.
    """
    words = {label for label in labels if isinstance(label, str)}
    listed = {word for word in words if _LIST.fullmatch(word) and (_ITEM.search(word) or not word[1:-1].strip())}
    if listed:
        read = {word: tuple(a or b for a, b in _ITEM.findall(word) if (a or b).strip()) for word in listed}
        return [read.get(one, one) if isinstance(one, str) else one for one in labels]
    for sign in "|;,":
        parts = {
            word: tuple(part.strip() for part in word.split(sign) if part.strip()) for word in words if sign in word
        }
        if not parts:
            continue
        alone = words - parts.keys()
        if sign == "|" or any(part in alone for found in parts.values() for part in found):
            return [parts.get(one, (one,)) if isinstance(one, str) else one for one in labels]
    return list(labels)


def against_the_rest(labels: Sequence[Any], positive: str | None, column: str) -> tuple[list[Any], str | None]:
    """One finding against all else: ``NAME`` or ``no NAME`` for each image whose label is a tuple.

    Args:
        labels: tuples of words, and None where nothing is said.
        positive: the finding, in any letter case.
        column: where they come from, for the messages.
    Returns:
        words; and the finding. Where no image has several, each image's own one, and None.
    Raises:
        UserError: images have several findings and none was named, or there is no such finding.
    """
    tuples = [
        None if one is None else tuple(map(str, one)) if isinstance(one, tuple) else (str(one),) for one in labels
    ]
    counts: Counter[str] = Counter(word for one in tuples if one is not None for word in one)
    if positive is None:
        if all(one is None or len(one) <= 1 for one in tuples):
            return [one[0] if one else None for one in tuples], None
        some = [f"{word} ({count:,})" for word, count in counts.most_common(_SHOWN)]
        first = next((word for word, _ in counts.most_common() if not means_healthy(word)), next(iter(counts)))
        raise UserError(
            f"an image may have several findings in {column}; take one against the rest with --positive "
            f"{quoted(first)}, of: {', '.join(some)}{' ...' if len(counts) > _SHOWN else ''}"
        )
    named = [word for word in counts if word == positive] or [
        word for word in counts if word.casefold() == positive.casefold()
    ]
    if not named:
        raise UserError(f"no image has the finding '{positive}' (--positive) in {column}{suggestion(positive, counts)}")
    finding = named[0]
    rest = rest_of(finding)
    return [None if one is None else finding if finding in one else rest for one in tuples], finding


def rest_of(finding: str) -> str:
    """The name of all images without a finding."""
    return f"other than {finding}" if means_healthy(finding) else f"no {finding}"
