"""What a resume takes away of a run's records, so that they are made anew: those that follow from others."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from balancing.errors import UserError
from sweep.runs.confirming import FILE, confirming_of
from sweep.runs.contradictions import OtherTrials
from sweep.runs.files import read_json, remove
from sweep.runs.shapes import SELECTION
from sweep.runs.split_table import write_split

if TYPE_CHECKING:
    from balancing.data.images import ImageSet
    from balancing.data.splits import Split
    from sweep.runs.run import Run

ASIDE = ".damaged"


def mend(run: Run) -> list[str]:
    """Puts aside what is damaged beside the trials and follows from what is not, so that it is made anew.

    Returns:
        A sentence for each file.
    Raises:
        UserError: run.json is damaged, or of another run than the trials.
    """
    done = []
    for name in ("trials.json", "selection.json", FILE, "audit.json"):
        try:
            _check(run, name)
        except FileNotFoundError:
            continue
        except OtherTrials:
            raise
        except UserError as error:
            put_aside(run, name)
            done.append(f"{str(error).partition('; `sweep resume')[0]}; it is made anew.")
            if name == FILE:  # which trials speak follows from it
                put_aside(run, "selection.json")
    return done


def _check(run: Run, name: str) -> None:
    if name == "trials.json":
        run.specs()
    elif name == FILE:
        confirming_of(run)
    elif name == "selection.json" and run.specs():
        run.selection()
    else:
        read_json(run.path / name, shape=SELECTION if name == "selection.json" else None)


def put_aside(run: Run, name: str) -> None:
    """Takes a file out of its place; what it held stays beside it, under another name."""
    run.guard()
    path = run.path / name
    if path.exists() or path.is_symlink():
        remove(path.with_name(f"{name}{ASIDE}"))
        os.replace(path, path.with_name(f"{name}{ASIDE}"))


def mend_split(run: Run, images: ImageSet, split: Split) -> list[str]:
    """Writes a damaged split.parquet anew; returns a sentence where it did.

    Args:
        images, split: the run's own.
    """
    try:
        run.split()
    except UserError:
        write_split(run.path, images, split, run.guard)
        return [f"{run.path / 'split.parquet'} was missing or damaged; it is written anew."]
    return []
