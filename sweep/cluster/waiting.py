"""How long a sweep waits and what it says: for nodes that have not come, and for trials that do not end."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import ray
from ray import tune
from ray.tune.experiment import Trial

from balancing.errors import UserError
from sweep.cluster.session import Slots, alive_nodes
from sweep.duration import duration

SAID_EVERY = 60.0
_LOOKED_EVERY = 2.0


def _amounts(resources: Mapping[str, float]) -> str:
    """``1 GPU and 4 CPUs``, or ``no CPU``."""
    parts = [(resources.get(name, 0), name) for name in ("GPU", "CPU")]
    shown = [f"{amount:g} {name}{'s' if amount != 1 else ''}" for amount, name in parts if amount]
    return " and ".join(shown) or "no CPU"


class Waiting:
    """Says at once, and then every minute, that no node is there that could ever hold a trial.

    Args:
        slots: what a trial gets.
        say: shows a sentence.
        nodes: the resources of each node that is alive.
        clock: seconds.
    """

    def __init__(
        self,
        slots: Slots,
        say: Callable[[str], None],
        nodes: Callable[[], Sequence[Mapping[str, float]]] = alive_nodes,
        clock: Callable[[], float] = time.monotonic,
    ):
        self._asked = {"GPU": slots.gpus, "CPU": slots.cpus}
        self._say, self._nodes, self._clock = say, nodes, clock
        self._began: float | None = None
        self._said = self._looked = float("-inf")

    def look(self, what: str) -> None:
        """To be called often while nothing runs.

        Args:
            what: what waits, such as ``36 trials wait``.
        """
        now = self._clock()
        if now - self._looked < _LOOKED_EVERY:
            return
        self._looked = now
        nodes = self._nodes()
        if any(all(node.get(name, 0) >= amount for name, amount in self._asked.items()) for node in nodes):
            self.over()
            return
        if self._began is None:
            self._began = now
        if now - self._said < SAID_EVERY:
            return
        self._said = now
        counts = Counter(_amounts(node) for node in nodes)
        there = ", ".join(f"{count} x {amounts}" if count > 1 else amounts for amounts, count in counts.items())
        so_far = f", for {duration(now - self._began)} so far" if now > self._began else ""
        self._say(
            f"Waiting for a node with {_amounts(self._asked)}{so_far}: the cluster's nodes have {there or 'gone'}; "
            f"{what}. If no type of node in the cluster's configuration has that much, stop by Ctrl-C and ask for less."
        )

    def over(self) -> None:
        """A node is there, or something runs: the next waiting is a new one."""
        self._began, self._said = None, float("-inf")


def get(refs: Any, waiting: Waiting, what: str) -> Any:
    """``ray.get`` that says what it waits for.

    Raises:
        UserError: a task raised one; it comes without Ray's traceback.
    """
    listed = refs if isinstance(refs, list) else [refs]
    left = listed
    while left:
        _, left = ray.wait(left, num_returns=len(left), timeout=_LOOKED_EVERY)
        if left:
            waiting.look(what)
    try:
        return ray.get(refs)
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, UserError):
            raise error.cause from None
        raise


class Patience(tune.Callback):
    """Watches a running sweep: says what it waits for, and ends trials that take too long.

    A trial may hang where nothing can be asked of it, in C code or in a GPU's driver; so its worker is killed, and the
    trial not tried again.

    Args:
        waiting: told while no trial runs.
        limit: seconds that a trial may run without interruption, or None.
        kill: ends a trial's worker.
        clock: seconds.
    """

    def __init__(
        self,
        waiting: Waiting,
        limit: float | None,
        kill: Callable[[Any], None] = ray.kill,
        clock: Callable[[], float] = time.monotonic,
    ):
        self._waiting, self._limit, self._kill, self._clock = waiting, limit, kill, clock
        self._running: dict[str, tuple[Trial, float]] = {}
        self._over = 0
        # Tune's id of a trial -> why it was ended.
        self.reasons: dict[str, str] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        """Tune pickles its callbacks for a restore that is never made; an empty one stands in."""
        return tune.Callback, ()

    def on_trial_start(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        self._running[trial.trial_id] = (trial, self._clock())

    def on_trial_recover(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        self._running.pop(trial.trial_id, None)

    def on_trial_complete(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        self._running.pop(trial.trial_id, None)
        self._over += 1

    def on_trial_error(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        self._running.pop(trial.trial_id, None)
        self._over += 1

    def on_step_end(self, iteration: int, trials: list[Trial], **info: Any) -> None:
        wait = len(trials) - self._over - len(self._running)
        if self._running:
            self._waiting.over()
        elif wait > 0:
            self._waiting.look(f"{wait} trial{'s wait' if wait > 1 else ' waits'}")
        if self._limit is None:
            return
        now = self._clock()
        for name, (trial, began) in self._running.items():
            if now - began > self._limit and name not in self.reasons:
                self._end(trial, now - began)

    def _end(self, trial: Trial, ran: float) -> None:
        actor = trial.temporary_state.ray_actor
        if actor is None:  # ending by itself
            return
        assert self._limit is not None
        self.reasons[trial.trial_id] = (
            f"it ran for {duration(ran)}, and --trial-timeout is {duration(self._limit)}: ended; give more time, or "
            "find out why it hangs"
        )
        trial.max_failures = 0  # tried again it would take as long
        self._kill(actor)
