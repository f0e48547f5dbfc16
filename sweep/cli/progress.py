"""What a user sees while a sweep runs: one live table on a terminal, plain lines in a log. Knows nothing of Ray."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from sweep.cli.decoding_bar import decoding_bar
from sweep.duration import duration
from sweep.runs.observer import Observer
from sweep.runs.spec import TrialSpec
from sweep.runs.trial_folder import may_be_best

# Of a terminal, beside the techniques': the heading on two lines, the sentence beneath on two, and the next prompt.
_OTHER_LINES = 5


class Progress(Observer):
    """Notes as lines; counts of trials and epochs, and the time they leave.

    Args:
        console: where to show it; a terminal gets the live table.
        verbose: show Ray's own messages too.
    """

    def __init__(self, console: Console, *, verbose: bool = False):
        self.console, self.verbose = console, verbose
        self._live: Live | None = None
        self._reset((), {}, "", 0)

    def _reset(
        self, specs: Iterable[TrialSpec], ended: Mapping[str, tuple[str, float | None]], metric: str, slots: int
    ) -> None:
        self.specs = {spec.trial_id: spec for spec in specs}
        self.metric, self.slots = metric, slots
        self.state: dict[str, str] = {trial_id: state for trial_id, (state, _) in ended.items()}
        self.best: dict[str, float] = {}
        self.epochs_done: dict[str, int] = defaultdict(int)
        self.began = time.monotonic()
        self.worked = 0
        # Counted as they change: thousands of heads end, each with a line of its own.
        self._left = sum(map(self._owed, self.specs))  # epochs
        self._ended = sum(state != "running" for state in self.state.values())
        for trial_id, (_, value) in ended.items():
            if trial_id in self.specs:
                self._keep_best(self.specs[trial_id], value)

    def note(self, sentence: str) -> None:
        self.console.print(sentence, highlight=False, soft_wrap=True, markup=False)

    def bar(self, total: int, doing: str = "decoding images") -> AbstractContextManager[Callable[[], None]]:
        return decoding_bar(total, doing)

    def begin(
        self, specs: Iterable[TrialSpec], ended: Mapping[str, tuple[str, float | None]], metric: str, slots: int
    ) -> None:
        self._reset(specs, ended, metric, slots)
        if self.console.is_terminal:
            self._live = Live(get_renderable=self.render, console=self.console, refresh_per_second=2)
            self._live.start()

    def end(self) -> None:
        if self._live is not None:
            self._live.refresh()
            self._live.stop()
            self._live = None

    def add(self, specs: Iterable[TrialSpec]) -> None:
        new = {spec.trial_id: spec for spec in specs if spec.trial_id not in self.specs}
        self.specs.update(new)
        self._left += sum(map(self._owed, new))

    def _owed(self, trial_id: str) -> int:
        """Epochs that a trial has yet to train."""
        open_still = trial_id in self.specs and self.state.get(trial_id) in (None, "running")
        return self.specs[trial_id].epochs - self.epochs_done.get(trial_id, 0) if open_still else 0

    def _set(self, trial_id: str, state: str, epochs: int | None = None) -> None:
        """A trial's state, and how many epochs it has behind it."""
        before, had_ended = self._owed(trial_id), self.state.get(trial_id, "running") != "running"
        self.state[trial_id] = state
        if epochs is not None:
            self.epochs_done[trial_id] = epochs
        self._left += self._owed(trial_id) - before
        self._ended += (state != "running") - had_ended

    def started(self, trial_id: str) -> None:
        self._set(trial_id, "running")

    def epoch(self, trial_id: str, numbers: Mapping[str, Any]) -> None:
        # Of trials whose records come at their end, several epochs at once.
        self.worked += max(1, int(numbers["epoch"]) - self.epochs_done[trial_id])
        self._set(trial_id, "running", int(numbers["epoch"]))
        if may_be_best(numbers):
            self._keep_best(self.specs[trial_id], numbers.get(self.specs[trial_id].metric))

    def ended(self, trial_id: str, state: str, error: str = "") -> None:
        self._set(trial_id, state)
        if self._live is None:
            self._line(trial_id, state, error)
        elif state in ("failed", "diverged"):
            self.console.print(
                Text(f"trial {trial_id} ({self.specs[trial_id].technique}) {state}: {error}", style="red")
            )

    def _keep_best(self, spec: TrialSpec, value: float | None) -> None:
        if value is not None and value == value and value > self.best.get(spec.technique, float("-inf")):
            self.best[spec.technique] = value

    def _line(self, trial_id: str, state: str, message: str) -> None:
        spec = self.specs[trial_id]
        best = self.best.get(spec.technique)
        shown = f", best {spec.metric} of {spec.technique} so far {best:.3f}" if best is not None else ""
        reason = f": {message}" if message else ""
        self.console.print(
            f"[{self._ended}/{len(self.specs)}] {spec.technique} lr {spec.lr:.2g} seed {spec.seed} "
            f"{state}{reason}{shown}; {self.time_left()}",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )

    def time_left(self) -> str:
        """How long the rest takes at the pace so far, in words."""
        elapsed = time.monotonic() - self.began
        if self._left == 0:
            return f"{duration(elapsed)} so far"
        if self.worked == 0:
            return "time left not known yet"
        return f"about {duration(elapsed / self.worked * self._left)} left"

    def render(self) -> Group:
        """The table: a line a technique, and a line beneath."""
        table = Table(box=None, pad_edge=False)
        table.add_column("technique", overflow="fold")
        for name in ("done", "running", "waiting", "failed", f"best {self.metric} (validation)"):
            table.add_column(name, justify="right")
        by_technique: dict[str, list[str | None]] = defaultdict(list)
        # Of scores that rank alone there is no other number.
        by_other = {spec.technique: f" ({spec.metric})" for spec in self.specs.values() if spec.metric != self.metric}
        for trial_id, spec in self.specs.items():
            by_technique[spec.technique].append(self.state.get(trial_id))
        shown, left_out = _that_fit(by_technique, self.console.height - _OTHER_LINES)
        for technique, states in shown.items():
            best = self.best.get(technique)
            table.add_row(
                technique,
                str(sum(s in ("done", "stopped") for s in states)),
                str(states.count("running")),
                str(states.count(None)),
                str(sum(s in ("failed", "diverged") for s in states)),
                f"{best:.3f}{by_other.get(technique, '')}" if best is not None else "",
            )
        running = sum(s == "running" for s in self.state.values())
        line = (
            f"{self._ended} of {len(self.specs)} trials ended, "
            f"{running} running on {self.slots} slots, {self.time_left()}"
        )
        return Group(table, *([Text(left_out, style="dim")] if left_out else []), Text(line, style="dim"))


def _that_fit(
    by_technique: Mapping[str, Sequence[str | None]], room: int
) -> tuple[dict[str, Sequence[str | None]], str]:
    """The techniques that a terminal has lines for, those at work and those with a failure first; and how many more.

    Args:
        by_technique: technique -> the state of each of its trials, None for waiting.
        room: lines.
    """
    if len(by_technique) <= room:
        return dict(by_technique), ""

    def rank(states: Sequence[str | None]) -> int:
        return 0 if "running" in states else 1 if {"failed", "diverged"} & set(states) else 2

    ordered = sorted(by_technique, key=lambda technique: rank(by_technique[technique]))
    room = max(room - 1, 1)
    kept = {name: own for name, own in by_technique.items() if name in ordered[:room]}
    others = [by_technique[name] for name in ordered[room:]]
    ended = sum(None not in own and "running" not in own for own in others)
    return kept, f"{len(others)} techniques more: {ended} ended, {len(others) - ended} not yet"
