"""What is done with a run by the one process that owns it, and what is said and noted however that ends."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Iterator
from pathlib import Path

from balancing.errors import UserError
from sweep.runs.interrupts import Interrupted, Interrupts
from sweep.runs.observer import Observer
from sweep.runs.outages import chain, outage
from sweep.runs.owner import NotOwner, Owner
from sweep.runs.run import Run


def claimed(path: Path, observer: Observer) -> Owner:
    """The claim on a run; raises UserError where its folder can't be written to."""
    try:
        return Owner(path, observer.note)
    except OSError as error:
        raise UserError(
            f"run {path} can't be written to ({(error.strerror or str(error)).lower()}); make it writable, or go on "
            "with a copy of it"
        ) from error


@contextlib.contextmanager
def sole(path: Path, owner: Owner, interrupts: Interrupts, observer: Observer) -> Iterator[None]:
    """What its one owner does with a run: however that ends, run.json and the user are told, unless it has another."""
    try:
        yield
    except KeyboardInterrupt:
        interrupts.stop()
        if owner.lost:
            raise _taken_over(path) from None
        if not (path / "run.json").exists():
            raise
        note_the_end(path, owner, stopped=True)
        observer.note(f"\nStopped. Everything so far is kept; go on by:  sweep resume {shlex.quote(str(path))}")
        raise Interrupted from None
    except Exception as error:
        if any(isinstance(found, NotOwner) for found in chain(error)):  # Tune wraps what its callbacks raise
            interrupts.stop()
            raise _taken_over(path) from None
        note_the_end(path, owner, stopped=False)
        sentence = None if isinstance(error, UserError) else outage(error, path)
        if sentence is None:
            raise
        raise sentence from error


def note_the_end(path: Path, owner: Owner, *, stopped: bool) -> None:
    """Has run.json not say that the run is still worked on, where that can be written.

    Args:
        stopped: by the user, perhaps after the last trial.
    """
    with contextlib.suppress(NotOwner, OSError, UserError):
        made = Run(path, owner.claim.check)
        if stopped or made.info.get("status") == "running":
            made.update_info(status="interrupted")


def _taken_over(path: Path) -> UserError:
    return UserError(
        f"another process has taken run {path} over, so this one stopped and left it alone; wait for that one, or "
        "stop it and resume"
    )
