"""What each technique was given, in trials, time and images, and whether all were given the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

import numpy as np
import pandas as pd

from sweep.analysis.names import in_order
from sweep.analysis.results import Results
from sweep.analysis.tables import budget_table
from sweep.hyperparameters import HYPERPARAMETERS
from sweep.runs.spec import TrialSpec


def cost_table(run: Results) -> pd.DataFrame:
    """What each technique took.

    Returns:
        The columns of ``sweep.analysis.tables.budget_table``, and images (trained, over all epochs; NaN where the
        records lack it), images_per_second (median over trials; NaN before the first epoch), gpu_seconds (``seconds``
        of trials whose device was a GPU) and gpu_trials.
    """
    table = budget_table(run)
    if table.empty:
        return table
    trials, epochs = run.trials(), run.epochs()
    trials["gpu"] = [
        str(run.records[trial_id].status.get("device", "")).startswith("cuda") for trial_id in trials["trial_id"]
    ]
    rows = []
    for technique in table["technique"]:
        own = trials[trials["technique"] == technique]
        images = epochs.loc[epochs["technique"] == technique, "images"] if "images" in epochs else pd.Series([np.nan])
        speeds = pd.to_numeric(own["images_per_second"]).dropna()
        rows.append(
            {
                "technique": technique,
                "images": float(images.sum(min_count=1)),
                "images_per_second": float(speeds.median()) if len(speeds) else np.nan,
                "gpu_seconds": float(own.loc[own["gpu"], "seconds"].sum()),
                "gpu_trials": int(own["gpu"].sum()),
            }
        )
    return table.merge(pd.DataFrame(rows), on="technique")


def wall_seconds(run: Results) -> float | None:
    """Seconds from the run's beginning to its end, pauses included; None where it has not finished."""
    info = run.info
    if not info.get("finished"):
        return None
    ends = [datetime.fromisoformat(info[name]) for name in ("created", "finished")]
    return (ends[1] - ends[0]).total_seconds()


@dataclass(frozen=True)
class Budget:
    """What the techniques were planned to be given.

    Args:
        kind: ``unplanned``: there is no trial; ``alone``: one technique; ``same draws``: of the shared hyperparameters,
            and the same seeds; ``own draws``: each technique's own, as many and with the same seeds; ``unequal``.
        trials: technique -> planned trials.
        seeds: how many, of the first technique.
        draws: different draws and seeds that any technique had.
        missing: technique -> how many of ``draws`` it lacks.
    """

    kind: Literal["unplanned", "alone", "same draws", "own draws", "unequal"]
    trials: Mapping[str, int] = field(default_factory=dict)
    seeds: int = 0
    draws: int = 0
    missing: Mapping[str, int] = field(default_factory=dict)

    @property
    def fewer(self) -> list[str]:
        """Techniques with fewer trials than the most."""
        most = max(self.trials.values(), default=0)
        return [name for name, trials in self.trials.items() if trials < most]

    @property
    def equal(self) -> bool:
        """Whether every technique had as many tries, with the same draws and seeds or as many of its own."""
        return self.kind != "unequal" and not (self.kind == "same draws" and self.fewer)


def _compared(run: Results) -> list[TrialSpec]:
    """The planned trials that explored; where none did, those of the seeds that every technique was to have."""
    found, specs = run.confirming, run.specs()
    exploring = [record.spec for record in run.records.values() if not record.fresh]
    if exploring or found is None or not found.looks:
        return exploring or specs
    first = {spec.trial_id for spec in found.specs_of(found.rounds[0])}
    return [spec for spec in specs if spec.trial_id in first]


def budget(run: Results) -> Budget:
    """Whether every technique was given the same draws and seeds.

    Compared are seed and shared hyperparameters of the planned trials, but for the strength. Draws that differ only in
    what a technique has not (the augmentation strength for the untouched baseline, another technique's own parameters)
    fall together, and count once. Fresh seeds, which confirm what others chose, are not compared.
    """
    specs = _compared(run)
    names = in_order(spec.technique for spec in specs)
    if not specs:
        return Budget("unplanned")
    trials = {name: sum(s.technique == name for s in specs) for name in names}
    if len(names) == 1:
        return Budget("alone", trials)
    compared = [h.name for h in HYPERPARAMETERS if h.name != "strength"] + ["seed"]
    cells = {name: {tuple(getattr(s, key) for key in compared) for s in specs if s.technique == name} for name in names}
    seeds = {name: {s.seed for s in specs if s.technique == name} for name in names}
    everything = set().union(*cells.values())
    missing = {name: len(everything - cells[name]) for name in names if cells[name] != everything}
    if not missing:
        kind: Literal["same draws", "own draws", "unequal"] = "same draws"
    elif len(set(trials.values())) == 1 and len({frozenset(one) for one in seeds.values()}) == 1:
        kind = "own draws"
    else:
        kind = "unequal"
    return Budget(kind, trials, len(seeds[names[0]]), len(everything), missing)
