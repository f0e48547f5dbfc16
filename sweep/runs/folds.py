"""Runs of folds: RUN/folds/1, 2 ... are whole runs of their own, and run.json says how many there will be."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

from balancing.data.folds import MOST_FOLDS, MOST_REPEATS
from balancing.errors import UserError
from sweep.runs.run import Run
from sweep.runs.stages import is_first

FOLDER = "folds"


@dataclass(frozen=True)
class Place:
    """Which of the runs of a run of folds one is.

    Args:
        number: its folder's, from 1 on: repeat by repeat, in each fold by fold.
        folds: K.
        repeats: R.
    """

    number: int
    folds: int
    repeats: int

    @property
    def fold(self) -> int:
        """1..K."""
        return (self.number - 1) % self.folds + 1

    @property
    def repeat(self) -> int:
        """1..R."""
        return (self.number - 1) // self.folds + 1

    def __str__(self) -> str:
        again = f" (repeat {self.repeat} of {self.repeats})" if self.repeats > 1 else ""
        return f"fold {self.fold} of {self.folds}{again}"


def fold_path(run: Run, number: int) -> Path:
    """Where a fold of a run lies, from 1 on."""
    return run.path / FOLDER / str(number)


def mark_whole(run: Run, folds: int, repeats: int) -> None:
    """Has a run say that it is made of folds."""
    run.update_info(folds={"folds": folds, "repeats": repeats})


def mark_fold(run: Run, place: Place) -> None:
    """Has a run say that it is a fold of another."""
    run.update_info(status="running", stage="fold", fold=vars(place))


def places_of(run: Run) -> list[Place]:
    """The folds that a run is made of, begun or not; [] of a run of one split."""
    told = run.info.get("folds")
    if told is None:
        return []
    folds, repeats = told["folds"], told["repeats"]
    if not (2 <= folds <= MOST_FOLDS and 1 <= repeats <= MOST_REPEATS):
        raise UserError(
            f"{run.path / 'run.json'} is damaged: it tells of {folds} folds and {repeats} repeats, where 2 to "
            f"{MOST_FOLDS} and 1 to {MOST_REPEATS} can be; take the file from a copy of the run"
        )
    return [Place(number, folds, repeats) for number in range(1, folds * repeats + 1)]


def begun_folds(run: Run) -> dict[Place, Run]:
    """The folds of a run that have begun, in order; {} of a run of one split."""
    found = {place: fold_path(run, place.number) for place in places_of(run)}
    return {place: Run(path, run.guard) for place, path in found.items() if (path / "run.json").is_file()}


def place_of(run: Run) -> Place | None:
    """Which fold of another a run is; None of one that stands alone."""
    told = run.info.get("fold")
    return None if told is None else Place(**told)


def is_part(run: Run) -> bool:
    """Whether a run belongs to another, which then owns it: a first stage, or a fold."""
    return is_first(run) or place_of(run) is not None


def whole_path(run: Run) -> Path:
    """The folder of the run that a run belongs to; its own where it stands alone."""
    path = run.path.absolute()
    if is_first(run):
        return path.parent
    return path.parent.parent if place_of(run) is not None else path


def refuse_part(run: Run) -> None:
    """Raises UserError where a run belongs to another, by which alone it can be gone on with."""
    place = place_of(run)
    if is_part(run):
        what = "the first stage" if place is None else str(place)
        raise UserError(
            f"{run.path} is {what} of a run, which goes on as a whole; go on with it by "
            f"`sweep resume {shlex.quote(str(whole_path(run)))}`"
        )


def refuse_folds(run: Run) -> None:
    """Raises UserError where seeds can't be added to a run, for it is made of folds."""
    places = places_of(run)
    if places:
        raise UserError(
            f"{run.path} is made of {places[0].folds} folds, and each would need the seeds; start a run with more "
            "seeds (--confirm) or more --repeats"
        )
