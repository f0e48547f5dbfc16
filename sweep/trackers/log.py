"""Tells a tracker of a run: what it does not have yet, or has otherwise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from balancing.errors import UserError
from sweep.trackers.asked import Asked
from sweep.trackers.secrets import without_secrets
from sweep.trackers.tracker import Tracker, open_tracker
from sweep.trackers.what import Told


@dataclass(frozen=True)
class Logged:
    """What came of it.

    Args:
        new, changed, same: how many trials the tracker did not have, had otherwise, and had as they are.
        place: where, in words.
        look: how to look at it.
    """

    new: int
    changed: int
    same: int
    place: str
    look: str


class Logging:
    """A run that is logged, once or again and again.

    Args:
        path: the run's folder.
        asked: where to.
    Raises:
        UserError: it is no run folder, there is no such tracker, or its store can't be opened.
    """

    def __init__(self, path: Path | str, asked: Asked):
        self._path, self._read = Path(path), dict[Path, tuple[Any, bytes]]()
        told = Told(path)
        self._tracker: Tracker = open_tracker(asked, told.run.path, str(told.run.info["id"]))
        self._to = asked.to
        self._known: dict[str, str] = dict(self._ask(self._tracker.known))

    def once(self, tell: Callable[[int, int], None] = lambda done, all_: None) -> Logged:
        """Tells of what changed.

        Args:
            tell: is given how many of how many trials are told.
        Raises:
            UserError: the tracker failed; what was told before is kept, and told once.
        """
        told = Told(self._path, self._read)
        trials = [(part, spec, told.key(part, spec), part.digest(spec)) for part, spec in told.trials()]
        waiting = [one for one in trials if self._known.get(one[2]) != one[3]]
        new = sum(key not in self._known for *_, key, _ in waiting)
        sweep = told.sweep()
        if self._known.get(sweep.key) != sweep.digest:
            self._ask(lambda: self._tracker.sweep(sweep))
            self._known[sweep.key] = sweep.digest
        for done, (part, spec, key, _) in enumerate(waiting, 1):
            trial = told.trial(part, spec)
            self._ask(lambda trial=trial: self._tracker.trial(trial))  # type: ignore[misc]
            self._known[key] = trial.digest
            tell(done, len(waiting))
        return Logged(new, len(waiting) - new, len(trials) - len(waiting), self._tracker.place, self._tracker.look)

    def close(self) -> None:
        """Everything told is kept when this returns."""
        self._ask(self._tracker.close)

    def _ask(self, what: Callable[[], Any]) -> Any:
        try:
            return what()
        except UserError:
            raise
        except Exception as error:  # whatever a library or a server can raise; the records are as they were
            said = without_secrets(str(error)).strip().splitlines()
            raise UserError(
                f"{self._to} failed ({type(error).__name__}{': ' + said[0][:200] if said else ''}); "
                "nothing of the run is lost: give the command again when that is mended"
            ) from None


def log_run(path: Path | str, asked: Asked, tell: Callable[[int, int], None] = lambda done, all_: None) -> Logged:
    """Tells a tracker of a run, once.

    Args:
        path: the run's folder: running, stopped or finished.
        asked: where to.
        tell: is given how many of how many trials are told.
    Raises:
        UserError: as ``Logging``.
    """
    logging = Logging(path, asked)
    try:
        return logging.once(tell)
    finally:
        logging.close()
