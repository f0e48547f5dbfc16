"""Regular expressions that users write: checked before anything long starts, and stopped where they would never end."""

from __future__ import annotations

import re
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

from balancing.errors import UserError

# A sound pattern takes a microsecond a name: half a second for the largest public sets.
LIMIT_SECONDS = 60.0
_SHOWN = 80


class _TooLongError(Exception):
    pass


def compile_pattern(pattern: str, what: str = "patient pattern") -> re.Pattern[str]:
    """The compiled pattern.

    Args:
        what: it is, in a message.
    Raises:
        UserError: it is no regular expression, or one that Python can't hold (too deep, too large a count).
    """
    try:
        return re.compile(pattern)
    except (re.error, OverflowError, RecursionError, MemoryError, ValueError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error) or type(error).__name__
        raise UserError(
            f"the {what} {_short(pattern)} is no regular expression: {reason}; mend it (an example: 'person([0-9]+)_')"
        ) from None


def search_all(pattern: str, names: Sequence[str], what: str = "patient pattern") -> list[re.Match[str] | None]:
    """The first match in each name.

    Some patterns, such as ``(a+)+$``, try ever more ways on a name that doesn't match: after ``LIMIT_SECONDS`` for all
    names together that is an error, in a main thread of a system with interval timers; elsewhere it is not seen.

    Raises:
        UserError: no regular expression, or it takes too long.
    """
    compiled = compile_pattern(pattern, what)
    found: list[re.Match[str] | None] = []
    try:
        with _limited(LIMIT_SECONDS):
            for name in names:
                found.append(compiled.search(name))
    except _TooLongError:
        raise UserError(
            f"the {what} {_short(pattern)} was stopped after {LIMIT_SECONDS:g} s at the name "
            f"{_short(names[len(found)])}: a repeat within a repeat, such as (a+)+, tries ever more ways; simplify it"
        ) from None
    return found


def _short(text: str) -> str:
    return repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…")


@contextmanager
def _limited(seconds: float) -> Iterator[None]:
    """Raises _TooLongError within the block once the time is over; ``re`` looks for signals as it searches.

    A timer that runs already (a test runner's) is set again afterwards, less the time that passed.
    """
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: FrameType | None) -> None:
        raise _TooLongError

    before = signal.signal(signal.SIGALRM, stop)
    began = time.monotonic()
    left, interval = signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        if left:
            signal.setitimer(signal.ITIMER_REAL, max(left - (time.monotonic() - began), 1e-3), interval)
