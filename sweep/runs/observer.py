"""Who watches a sweep: what is told, and to whom. A terminal, a notebook or nobody may listen."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from typing import Any

from balancing.data.ingest import no_bar
from sweep.runs.spec import TrialSpec


class Observer:
    """Hears what a sweep does and keeps it to itself; whoever wants to show it overrides methods.

    Attributes:
        verbose: whether the executor's own messages are wanted too.
    """

    verbose = False

    def note(self, sentence: str) -> None:
        """Something that a person should read."""

    def bar(self, total: int, doing: str = "decoding images") -> AbstractContextManager[Callable[[], None]]:
        """What is called for each of ``total`` images that are decoded, or seen; see ``balancing.data.ingest.Bar``."""
        return no_bar(total)

    def begin(
        self, specs: Iterable[TrialSpec], ended: Mapping[str, tuple[str, float | None]], metric: str, slots: int
    ) -> None:
        """Training begins.

        Args:
            specs: all trials of the sweep, those already ended too.
            ended: trial id -> (state, best value or None) of those ended before this start.
            metric: what "best" means.
            slots: how many trials run at once.
        """

    def add(self, specs: Iterable[TrialSpec]) -> None:
        """Trials that a search asked for as it went."""

    def started(self, trial_id: str) -> None:
        """A trial has begun, or begins again."""

    def epoch(self, trial_id: str, numbers: Mapping[str, Any]) -> None:
        """An epoch ended, with its numbers as the records have them."""

    def ended(self, trial_id: str, state: str, error: str = "") -> None:
        """A trial ended: done, stopped, diverged or failed."""

    def end(self) -> None:
        """Training ended, however that came."""


def tell(hear: Callable[..., None], *what: Any) -> None:
    """Calls a method of an observer. Who watches doesn't decide: a closed terminal ends no sweep."""
    with contextlib.suppress(Exception):
        hear(*what)
