"""The margin within which a difference to the baseline does not matter: stated before a run, or given afterwards."""

from __future__ import annotations

from copy import copy
from functools import cached_property
from numbers import Real
from typing import Any, Self

from balancing.errors import UserError
from sweep.analysis.reader import RunReader
from sweep.analysis.statistics.paired import RELEVANT
from sweep.config.config import recorded_margin
from sweep.runs.run import Run

MOST_MARGIN = 0.5  # as of ``report.margin``


def checked_margin(margin: Any) -> float:
    """A margin as a number.

    Raises:
        UserError: it is none, or not above 0 and at most 0.5.
    """
    if isinstance(margin, bool) or not isinstance(margin, Real) or not 0 < float(margin) <= MOST_MARGIN:
        raise UserError(
            f"a margin must be a number above 0 and at most {MOST_MARGIN:g}, but is {margin!r}; give the difference "
            "that matters to nobody, such as 0.02"
        )
    return float(margin)


class JudgedReader(RunReader):
    """What a run's folder holds, and the margin that it is judged by.

    Args:
        run: as of ``RunReader``.
        margin: as of ``checked_margin``; None for what the run's configuration says.
    """

    def __init__(self, run: Run | None, margin: float | None = None):
        super().__init__(run)
        self._margin = None if margin is None else checked_margin(margin)

    @cached_property
    def stated_margin(self) -> float | None:
        """The margin that the run's configuration states; None of plain arrays, and of a run that states none."""
        return None if self._run is None else recorded_margin(self._run)

    @property
    def margin(self) -> float:
        """Within what a difference to the baseline does not matter: as given, as stated before the run, or 0.02."""
        return self._margin or self.stated_margin or RELEVANT

    def with_margin(self, margin: float) -> Self:
        """The same judged by another margin: nothing trains, and no other number changes.

        Raises:
            UserError: it is not above 0 and at most 0.5.
        """
        found = copy(self)
        found._margin = checked_margin(margin)
        return found
