"""Confirming seeds in rounds: error rates over the whole procedure, and how many trials stopping early saves.

In each round some more seeds of every technique that is still undecided are trained (the baseline's too), and a rule
looks at all of them. The test patients are the same at every look.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from benchmarks.verdict_sweeps import Networks, networks_of
from benchmarks.verdict_worlds import World, one_sweep
from sweep.analysis.statistics.significance import HARMS, HELPS, answers


@dataclass(frozen=True)
class Look:
    """What a rule says after a round.

    Args:
        done: (T,) bool, of which techniques no more seeds are wanted.
        named: (T,) int64, +1 for those that help, -1 for those that harm, else 0; it counts when a technique is done,
            or at the last look.
    """

    done: np.ndarray
    named: np.ndarray


# Networks with the seeds so far, seeds of each look, the look's number from 0 on, margin of equivalence.
Rule = Callable[[Networks, Sequence[int], int, float], Look]


def fixed(networks: Networks, looks: Sequence[int], look: int, margin: float) -> Look:
    """One look, at the end."""
    named = named_by_report(networks, margin)
    return Look(np.full(len(named), look == len(looks) - 1), named)


def unadjusted(networks: Networks, looks: Sequence[int], look: int, margin: float) -> Look:
    """The usual way: look again and again, and stop where the report names a winner or loser."""
    named = named_by_report(networks, margin)
    return Look(named != 0, named)


def named_by_report(networks: Networks, margin: float) -> np.ndarray:
    """(T,) +1, -1 or 0 as the report of these networks alone says."""
    said = answers(networks.compared(margin))
    return (said == HELPS).to_numpy().astype(int) - (said == HARMS).to_numpy().astype(int)


@dataclass(frozen=True)
class Rounds:
    """A world whose confirming seeds come in rounds.

    Args:
        world: its seeds are not looked at.
        looks: seeds after each round, rising; the last is the maximum.
        rule: when to stop; importable, so that other processes find it.
    """

    world: World
    looks: tuple[int, ...]
    rule: Rule

    @property
    def name(self) -> str:
        """For progress lines."""
        return f"{self.world.name}, {self.rule.__name__}"


def staged(rounds: Rounds, samples: int, seed: int, number: int) -> dict[str, float]:
    """One simulated sweep of this number.

    Returns:
        false_winner, false_loser (one or more in the whole procedure), power (the first technique), saved (share of the
        trials that the maximum would take), seeds (of the first technique, when it was done).
    """
    rng = np.random.default_rng([seed, number])
    world = replace(rounds.world, seeds=rounds.looks[-1], exploration=None)
    sweep = one_sweep(world, rng)
    every = networks_of(sweep, world.samples or samples, rng)
    n = world.techniques
    seeds, named, running = np.zeros(n, int), np.zeros(n, int), np.ones(n, bool)
    trained_seeds = 0
    for look, so_far in enumerate(rounds.looks):
        found = rounds.rule(every.first(so_far), rounds.looks, look, world.margin)
        seeds[running] = trained_seeds = so_far
        named[running] = found.named[running]
        running &= ~found.done
        if not running.any():
            break
    most = (n + 1) * rounds.looks[-1]
    return {
        "false_winner": float(((named > 0) & (sweep.truth <= 0)).any()),
        "false_loser": float(((named < 0) & (sweep.truth >= 0)).any()),
        "power": float(named[0] > 0 and sweep.truth[0] > 0),
        "saved": 1 - (seeds.sum() + trained_seeds) / most,
        "seeds": float(seeds[0]),
    }
