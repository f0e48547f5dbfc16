"""Errors that a user can mend: one sentence with the rule, the value that broke it, and the next step."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UserError(ValueError):
    """A mistake in what the user asked for. The command line prints it without a traceback."""


def suggestion(wrong: str, known: Iterable[str]) -> str:
    """The end of a sentence about an unknown name.

    Args:
        wrong: what was typed.
        known: the names there are.
    Returns:
        "; did you mean 'smote'?" where one name is near, else "; there are: a, b, c".
    """
    names = sorted(known)
    near = difflib.get_close_matches(wrong, names, n=1, cutoff=0.6)
    if near:
        return f"; did you mean '{near[0]}'?"
    return f"; there are: {', '.join(names)}"
