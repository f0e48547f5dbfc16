"""How often the 95 % interval of a technique's own recall holds the truth, up to the ceiling."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import stats

from benchmarks.common import show
from benchmarks.verdict_jobs import Jobs
from sweep.analysis.statistics.intervals import estimate, metric_estimate


def held(world: dict[str, Any], samples: int, seed: int, number: int) -> dict[str, float]:
    """Whether the interval holds the truth in one simulated sweep.

    A patient has one image; what a network finds hangs half on the patient and half on the network.

    Args:
        world: patients of the class, share (the true recall), seeds.
    Returns:
        with the plain bootstrap over patients and seeds, and with exact limits near the ceiling.
    """
    patients, share = int(world["patients"]), float(world["share"])
    rng = np.random.default_rng([seed, number])
    drawn = (rng.normal(0, np.sqrt(0.5), size) for size in (patients, (int(world["seeds"]), patients)))
    found = sum(drawn) < stats.norm.ppf(share)
    weights = rng.multinomial(patients, np.full(patients, 1 / patients), size=samples)
    values, resampled = {"recall": found.mean(axis=1).tolist()}, {"recall": found @ weights.T / patients}
    plain = estimate(values["recall"], resampled["recall"])
    ours = metric_estimate("recall", values, resampled, {"recall": patients, "fewest": patients})
    return {name: float(one.low <= share <= one.high) for name, one in (("plain", plain), ("ours", ours))}


def show_rates(repeats: int, jobs: Jobs) -> None:
    """The table."""
    lines = []
    for patients in (30, 120, 390):
        for share in (0.8, 0.97, 0.998):
            for seeds in (3, 5):
                world = {"name": f"{patients}, {share:g}, {seeds}", "patients": patients, "share": share}
                world["seeds"] = seeds

                def make(world: dict[str, Any] = world) -> dict[str, Any]:
                    return dict(jobs.sweeps(held, world, repeats).mean())

                found = jobs.line("rates", world, repeats, make)
                lines.append(
                    [
                        patients,
                        seeds,
                        f"{share:g}",
                        f"{found['sweeps']:,}",
                        f"{found['plain']:.1%}",
                        f"{found['ours']:.1%}",
                    ]
                )
    show(
        "95 % intervals of a technique's recall",
        ["patients of the class", "seeds", "true recall", "sweeps", "bootstrap over patients and seeds alone",
         "as in the report"],
        lines,
    )  # fmt: skip
