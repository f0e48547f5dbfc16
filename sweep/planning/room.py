"""Whether the disk has room for what a run will write, asked for before it starts."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from balancing.errors import UserError
from sweep.config.size import n_draws, trained
from sweep.planning.networks import LAST, checkpoint_bytes
from sweep.planning.space import exploring_seeds, shared_grid, trial_specs
from sweep.runs.confirming import confirming_if_there
from sweep.runs.trial_folder import ENDED

if TYPE_CHECKING:
    from sweep.config.config import Config
    from sweep.runs.run import Run

# For predictions, event files, the report, and what else the disk is needed for meanwhile.
_MARGIN = 1.05
_MANY = 100_000


def require_room(path: Path, config: Config, found: Run | None = None, kept: int = 0) -> None:
    """Raises UserError where the disk has no room for what the run will write at most: asked for before it starts.

    Each trial keeps its best network until the selection is made; those that train keep a file to go on from. File
    systems that don't say how large they are (some network and overlay ones report 0) are taken to have room.

    Args:
        path: the run folder, there or not.
        found: the run where it goes on; its ended trials need no more.
        kept: how many networks more there will be, of other folds.
    """
    check_room(path, config, _trials_to_run(config, found), kept, new=found is None)


def check_room(path: Path, config: Config, trials: int, kept: int = 0, *, new: bool) -> None:
    """Raises UserError where the disk has no room for so many trials' networks at once; ``kept`` as above.

    Args:
        new: whether the run has yet to be made.
    """
    at_once = config.resources.max_concurrent or (1 if config.resources.address else os.cpu_count() or 1)
    each = checkpoint_bytes(config.network, config.train.hidden)
    needed = _MARGIN * ((trials + kept) * each + min(trials, at_once) * LAST * each)
    place = path.absolute()
    while not place.exists() and place != place.parent:
        place = place.parent
    try:
        disk = shutil.disk_usage(place)
    except OSError:
        return
    of_folds = f" and {kept:,} chosen networks of the other folds" if kept else ""
    if disk.total > 0 and trials and disk.free < needed:
        raise UserError(
            f"the checkpoints of {trials:,} trial{'s' if trials > 1 else ''}{of_folds} may take "
            f"{needed / 1e9:.2f} GB in {path}, where {disk.free / 1e9:.2f} GB are free; make room there"
            + (", give --out on a larger disk, or run fewer trials (--trials, --seeds, --techniques)" if new else "")
        )


def _trials_to_run(config: Config, found: Run | None) -> int:
    """How many networks are yet to be kept at once: those that explore go when those that confirm begin."""
    recorded = found.specs() if found else []
    confirming = confirming_if_there(found) if found else None
    if found and recorded and (config.sweep.search == "grid" or confirming):
        fresh = confirming.specs() if confirming else recorded
        folders = [found.trial(spec.trial_id) for spec in fresh]
        left = sum(folder.status()["status"] not in ENDED and not folder.best.exists() for folder in folders)
        return left if confirming else max(left, _confirming(config))
    seeds = exploring_seeds(config)
    planned = n_draws(config) * seeds * len(shared_grid(config, 0)) * len(trained(config))
    if 0 < planned <= _MANY:  # else more than any disk holds: not counted one by one, equal ones included
        planned = len(trial_specs(config))
    return max(0, planned - len(recorded), _confirming(config))


def _confirming(config: Config) -> int:
    return len(trained(config)) * config.space.confirm
