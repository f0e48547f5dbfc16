"""The gain that is truly seen with 80 % power, found by simulating gains, beside the one that a report promises."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from scipy import special

from benchmarks.verdict_jobs import Jobs
from benchmarks.verdict_sweeps import networks_of, outcome
from benchmarks.verdict_worlds import World, one_sweep
from sweep.analysis.statistics.power import POWER

_PILOT = 60
_LARGEST = 0.19


@dataclass(frozen=True)
class Gains:
    """A world in which the first technique's gain is drawn evenly from low to high, for each sweep anew."""

    world: World
    low: float
    high: float


def judged_gain(gains: Gains, samples: int, seed: int, number: int) -> dict[str, float]:
    """The ``outcome`` of one sweep with a gain of its own."""
    rng = np.random.default_rng([seed, number])
    world = replace(gains.world, gains=(float(rng.uniform(gains.low, gains.high)),))
    sweep = one_sweep(world, rng)
    return outcome(sweep, networks_of(sweep, world.samples or samples, rng), world.margin, usual=False)


def probit(gains: np.ndarray, seen: np.ndarray, power: float = POWER) -> tuple[float, float]:
    """The gain that is seen with a chance of ``power``, where that chance is Phi(a + b gain); and its standard error.

    Args:
        gains: (R,) true.
        seen: (R,) 0 or 1.
    Returns:
        NaN where all or none were seen, or where more gain is not seen more often.
    Reference: Finney, Probit Analysis, 1971: maximum likelihood by Fisher's scoring; the error by the delta method.
    """
    nothing = (float("nan"), float("nan"))
    if seen.min() == seen.max():
        return nothing
    centre, scale = float(gains.mean()), float(gains.std())
    design = np.stack([np.ones(len(gains)), (gains - centre) / scale], axis=1)
    found = np.array([special.ndtri(seen.mean()), 0.0])
    information = np.eye(2)
    for _ in range(50):
        at = np.clip(design @ found, -6, 6)
        chance, density = special.ndtr(at), np.exp(-(at**2) / 2) / np.sqrt(2 * np.pi)
        weight = density**2 / (chance * (1 - chance))
        information = design.T @ (weight[:, None] * design)
        step = np.linalg.solve(information, design.T @ (weight * (seen - chance) / density))
        found = found + step
        if np.abs(step).max() < 1e-10:
            break
    if not found[1] > 0:
        return nothing
    at_power = (special.ndtri(power) - found[0]) / found[1]
    slope = np.array([1.0, at_power]) / found[1]
    error = float(np.sqrt(slope @ np.linalg.solve(information, slope)))
    return float(centre + scale * at_power), scale * error


def promise(world: World, repeats: int, jobs: Jobs) -> dict[str, Any]:
    """Promised and true, of the code that judges now and of what it was.

    Returns:
        promised (median), true, error (its standard error), and the same with ``_before`` (NaN where the gain lies
        outside of what was simulated).
    """
    pilot = jobs.sweeps(judged_gain, Gains(world, 0.0, 0.0), min(_PILOT, repeats))
    guess = min(float(pilot["promised"].median()), _LARGEST / 1.5)
    gains = Gains(world, 0.4 * guess, 1.5 * guess)
    found = jobs.sweeps(judged_gain, gains, repeats)
    return {**_of(found, gains, "now", ""), **_of(found, gains, "before", "_before")}


def _of(found: pd.DataFrame, gains: Gains, way: str, end: str) -> dict[str, float]:
    true, error = probit(found["gain"].to_numpy(), found[f"power_{way}"].to_numpy())
    if not gains.low < true < 1.1 * gains.high:
        true = error = float("nan")
    told = found[f"promised{end}"]
    apart = {f"promised_{name}{end}": float(told.quantile(q)) for name, q in (("low", 0.1), ("high", 0.9))}
    return {f"promised{end}": float(told.median()), **apart, f"true{end}": true, f"error{end}": error}
