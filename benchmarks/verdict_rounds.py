"""Confirming seeds in rounds: error rates over the whole procedure, and how many trials stopping early saves.

In each round some more seeds of every technique that is still undecided are trained (the baseline's too), and a rule
looks at all of them. The test patients are the same at every look.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
import pandas as pd

from benchmarks.common import show
from benchmarks.verdict_jobs import Jobs
from benchmarks.verdict_sweeps import networks_of
from benchmarks.verdict_worlds import World, one_sweep
from sweep.analysis.statistics import sequential
from sweep.analysis.statistics.bootstrap import SAMPLES
from sweep.analysis.statistics.significance import HARMS, HELPS, answers


@dataclass(frozen=True)
class Said:
    """What a rule says after a round.

    Args:
        done: (T,) bool, of which techniques no more seeds are wanted.
        named: (T,) int64, +1 for those that help, -1 for those that harm, else 0; it counts when a technique is done,
            or at the last look.
    """

    done: np.ndarray
    named: np.ndarray


@dataclass(frozen=True)
class Seen:
    """What is seen after a round.

    Args:
        table: of ``compare``, each technique with the seeds that it has.
        techniques: those that had new seeds.
    """

    table: pd.DataFrame
    techniques: frozenset[str]


# What was seen in each round so far, seeds of each look -> what the rule says.
Rule = Callable[[Sequence[Seen], Sequence[int]], Said]


def named_in(table: pd.DataFrame) -> np.ndarray:
    """(T,) +1, -1 or 0 as the report says of a table."""
    said = answers(table)
    return (said == HELPS).to_numpy().astype(int) - (said == HARMS).to_numpy().astype(int)


def fixed(seen: Sequence[Seen], looks: Sequence[int]) -> Said:
    """One look, at the end."""
    named = named_in(seen[-1].table)
    return Said(np.full(len(named), len(seen) == len(looks)), named)


def unadjusted(seen: Sequence[Seen], looks: Sequence[int]) -> Said:
    """The usual way: look again and again, and stop where the report names a winner or loser."""
    named = named_in(seen[-1].table)
    return Said(named != 0, named)


def spending(seen: Sequence[Seen], looks: Sequence[int]) -> Said:
    """As ``--until-decided``: the level is spent over the looks, and hopeless techniques are given up."""
    levels = sequential.spent(looks)
    so_far = [
        sequential.Look(one.table, one.techniques, level) for one, level in zip(seen, levels[: len(seen)], strict=True)
    ]
    table = sequential.judged(so_far)
    settled = sequential.settled(table, looks[-1], levels[-1])
    return Said(table["technique"].isin(list(settled)).to_numpy(), named_in(table))


@dataclass(frozen=True)
class Rounds:
    """A world whose confirming seeds come in rounds.

    Args:
        name: short.
        world: its seeds are not looked at.
        looks: seeds after each round, rising; the last is the maximum.
        rule: when to stop; importable, so that other processes find it.
    """

    name: str
    world: World
    looks: tuple[int, ...]
    rule: Rule


def staged(rounds: Rounds, samples: int, seed: int, number: int) -> dict[str, float]:
    """One simulated sweep of this number.

    Returns:
        false_winner, false_loser (one or more in the whole procedure), power (the first technique), saved (share of the
        trials that the maximum would take), seeds (of the first technique, when it was done), last (seeds of the
        longest).
    """
    rng = np.random.default_rng([seed, number])
    world = replace(rounds.world, seeds=rounds.looks[-1], exploration=None)
    sweep = one_sweep(world, rng)
    every = networks_of(sweep, world.samples or samples, rng)
    n = world.techniques
    seeds, named, running = np.zeros(n, int), np.zeros(n, int), np.ones(n, bool)
    seen: list[Seen] = []
    for so_far in rounds.looks:
        seeds[running] = so_far
        table = every.compared(world.margin, seeds.tolist())
        seen.append(Seen(table, frozenset(str(place + 1) for place in np.flatnonzero(running))))
        said = rounds.rule(seen, rounds.looks)
        named[running] = said.named[running]
        running &= ~said.done
        if not running.any():
            break
    return {
        "false_winner": float(((named > 0) & (sweep.truth <= 0)).any()),
        "false_loser": float(((named < 0) & (sweep.truth >= 0)).any()),
        "power": float(named[0] > 0 and sweep.truth[0] > 0),
        "saved": 1 - (seeds.sum() + seeds.max()) / ((n + 1) * rounds.looks[-1]),
        "seeds": float(seeds[0]),
        "last": float(seeds.max()),
    }


def round_worlds() -> list[Rounds]:
    """Looks after 4, 7 and 10 seeds; what is there, and what is not.

    As many samples as the report takes: with fewer no p is as small as the first look asks for.
    """
    worlds = [
        World("none", samples=SAMPLES),
        World("one by 0.03", gains=(0.03,), samples=SAMPLES),
        World("one by 0.06", gains=(0.06,), samples=SAMPLES),
        World("all by 0.06", gains=(0.06,) * 5, samples=SAMPLES),
        World("none, margin 0.03, 1,100 patients", patients=(400, 700), margin=0.03, samples=SAMPLES),
    ]
    rules: list[Rule] = [fixed, unadjusted, spending]
    return [
        Rounds(f"{world.name}: {rule.__name__}", world, (4, 7, 10), rule)
        for world in worlds
        for rule in rules
        if rule is not unadjusted or world.name == "none"
    ]


def about_rounds(rounds: Rounds) -> dict[str, object]:
    """What JSON can hold of it; the rule is in the name."""
    return {"name": rounds.name, "world": asdict(rounds.world), "looks": list(rounds.looks)}


def show_rounds(worlds: Sequence[Rounds], repeats: int, jobs: Jobs) -> None:
    """The table."""
    lines = []
    for rounds in worlds:
        about = about_rounds(rounds)
        if not jobs.wanted("rounds", [about]):
            continue

        def make(rounds: Rounds = rounds) -> dict[str, float]:
            return dict(jobs.sweeps(staged, rounds, repeats).mean())

        r = jobs.line("rounds", about, repeats, make)
        power = f"{r['power']:.0%}" if rounds.world.gains else ""
        lines.append(
            [rounds.name, ", ".join(map(str, rounds.looks)), f"{r['sweeps']:,}", f"{r['false_winner']:.1%}",
             f"{r['false_loser']:.1%}", power, f"{r['saved']:.0%}", f"{r['seeds']:.1f}"]
        )  # fmt: skip
    if not lines:
        return
    show(
        "Confirming seeds in rounds, over the whole procedure",
        ["true gain and rule", "looks at seeds", "sweeps", "false winner", "false loser", "power", "trials saved",
         "seeds of the first technique"],
        lines,
        ["fixed: one look at 10 seeds. unadjusted: looks at the full level. spending: as --until-decided."],
    )  # fmt: skip
