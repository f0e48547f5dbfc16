"""What a sweep ends by that is nobody's mistake: a full disk, a Ray that is gone. One sentence, with how to go on."""

from __future__ import annotations

import errno
import shlex
from collections.abc import Iterator
from pathlib import Path

from balancing.errors import UserError

_FULL = {errno.ENOSPC: "No space left on device", errno.EDQUOT: "Disk quota exceeded"}


def chain(error: BaseException) -> Iterator[BaseException]:
    """The error and what it came from: Tune wraps what its callbacks and workers raise."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        found = waiting.pop()
        if found is None or id(found) in seen:
            continue
        seen.add(id(found))
        yield found
        waiting += [found.__cause__, found.__context__]


def outage(error: BaseException, path: Path) -> UserError | None:
    """A sentence for what stopped a sweep, where it was the disk or Ray; None where it may be a fault of ours.

    Args:
        error: as it came out of the sweep.
        path: the run folder.
    """
    go_on = f"what was recorded is kept: go on by `sweep resume {shlex.quote(str(path))}`"
    if any(_is_full(found) for found in chain(error)):
        return UserError(f"no room is left on the disk of {path}, or on that of Ray's files; make some, {go_on}")
    return None


def _is_full(error: BaseException) -> bool:
    # An error of a worker comes with its text alone.
    return getattr(error, "errno", None) in _FULL or any(text in str(error) for text in _FULL.values())
