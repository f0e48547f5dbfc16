"""Fresh seeds for a run that has ended: whether they may be added, and how that is put on record."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from balancing.errors import UserError
from sweep.planning.confirming import chosen_before
from sweep.planning.room import check_room
from sweep.planning.space import exploring_seeds
from sweep.runs.confirming import add_round, confirming_of, write_confirming
from sweep.runs.folds import places_of
from sweep.runs.run import Run

if TYPE_CHECKING:
    from sweep.config.config import Config

_MOST = 1000


def check_addable(run: Run, seeds: int) -> None:
    """Raises UserError where fresh seeds can't be added to a run."""
    if isinstance(seeds, bool) or not isinstance(seeds, int) or not 1 <= seeds <= _MOST:
        raise UserError(f"seeds to add must be a whole number from 1 to {_MOST:,}, but are {seeds!r}; give such a one")
    if places_of(run):
        raise UserError(
            f"seeds are added to a run of one split, but {run.path} is one of folds, each with choices of its own; "
            "start a new run with more --confirm or --repeats"
        )
    status = run.info.get("status")
    if status not in ("finished", "done"):
        raise UserError(
            f"seeds are added to a run that has ended, but {run.path} is {status}; go on with it by "
            f"`sweep resume {shlex.quote(str(run.path))}` first"
        )
    confirming_of(run)  # said here where it is damaged: to decide anew is a resume's
    if not run.selection():
        raise UserError(f"{run.path} has chosen nothing that more seeds could be of; `sweep resume` chooses anew")


def add_seeds(run: Run, config: Config, seeds: int) -> None:
    """Has a run that has ended hold fresh seeds of each chosen configuration, which its sweep then trains.

    Raises:
        UserError: the disk has no room for them.
    """
    specs, found = run.specs(), confirming_of(run)
    check_room(run.path, config, (len(found.chosen) if found else len(run.selection())) * seeds, new=False)
    chosen = run.selection()
    start = max([exploring_seeds(config), *(spec.seed_index + 1 for spec in specs)])
    add_round(run, range(start, start + seeds))  # first: a stop now leaves a run whose resume chooses the same again
    if found is None:
        write_confirming(run, chosen_before(chosen, specs))
