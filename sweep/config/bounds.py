"""What a sweep may ask for: shares of a machine, numbers of trials, times. Beyond it something would break silently."""

from __future__ import annotations

import math
import re
from typing import Any

# Ray Tune holds every trial in the driver's memory (some 60 kB each: benchmarks.halving), a run folder one of its own.
MOST_TRIALS = 50_000
# The smallest share of a core or a GPU: ten trials on each.
LEAST_SHARE = 0.1
MOST_CORES = 4096
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


def seconds_of(given: Any) -> Any:
    """``90`` -> 90.0, ``90m`` -> 5400.0; also s, h and d."""
    if given is None:
        return None
    parts = re.fullmatch(r"(\d{1,9}(?:\.\d{1,9})?)\s*([smhd]?)", str(given).strip().lower())
    seconds = float(parts[1]) * _UNITS[parts[2]] if parts else math.nan
    if not 1 <= seconds <= 3.2e7:
        raise ValueError(
            f"a time must be seconds or such as 90s, 45m, 2h, 1d, from 1 second to a year, but is '{given}'"
        )
    return seconds


def check_shares(cpus: float | None, gpus: float | None) -> None:
    """Raises ValueError where a trial asks for a share that Ray would give, and that would bring a machine down."""
    if cpus is not None and not LEAST_SHARE <= cpus <= MOST_CORES:
        raise ValueError(
            f"resources.cpus_per_trial must be from {LEAST_SHARE:g} to {MOST_CORES:,}, but is {cpus:g}: each trial "
            "is a process with half a GB of memory, and that many would start at once; give 1 or more cores"
        )
    if gpus is not None and gpus != 0 and not LEAST_SHARE <= gpus <= MOST_CORES:
        raise ValueError(
            f"resources.gpus_per_trial must be 0, or from {LEAST_SHARE:g} to {MOST_CORES:,}, but is {gpus:g}: each "
            "trial takes some of a GPU's memory before it trains; give 0.5 for two trials on one GPU"
        )
    if gpus is not None and gpus > 1 and gpus != int(gpus):
        raise ValueError(
            f"resources.gpus_per_trial must be a whole number above 1, but is {gpus:g}: Ray shares one GPU, not "
            f"several; give {math.ceil(gpus)}"
        )


def check_trials(asked: int) -> None:
    """Raises ValueError where a sweep has more trials than a driver can hold."""
    if asked > MOST_TRIALS:
        raise ValueError(
            f"a sweep must have at most {MOST_TRIALS:,} trials, but this space has {asked:,} (techniques x draws x "
            "seeds x the lists crossed): each is a folder of files, and some of the driver's memory; give fewer "
            "--trials, --seeds or values, or several runs and `sweep compare`"
        )


def check_folds(folds: int, *, funnel: bool, until_decided: bool) -> None:
    """Raises ValueError where folds were asked for together with what a single answer would have to decide."""
    if folds and funnel:
        raise ValueError(
            f"data.folds={folds} can't be had with a funnel, whose second stage would be another in each fold; run the "
            "funnel first, then its techniques with --folds"
        )
    if folds and until_decided:
        raise ValueError(
            f"sweep.until_decided can't be had with data.folds={folds}: the answer is that of all folds, but each "
            "would stop by its own; leave one of them out"
        )
