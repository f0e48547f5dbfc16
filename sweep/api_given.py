"""What is given to the objects of ``sweep.api``, as what it stands for: executors, paths, observers."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np

from balancing.errors import UserError
from sweep.runs.observer import Observer

Executor = Literal["ray", "local"]


def check_executor(executor: Executor, resources: Mapping[str, Any]) -> None:
    """Raises UserError where a cluster is named, and nothing goes there."""
    if executor == "local" and resources.get("address") is not None:
        raise UserError(
            f"executor='local' trains in this process, but address={resources['address']!r} names a cluster; leave one "
            "of them out"
        )


def check_copy(folder: Path | None) -> None:
    """Raises UserError where no report can be copied to a folder, before it is made."""
    for place in () if folder is None else (folder, *folder.parents):
        if place.exists():
            if not place.is_dir():
                raise UserError(
                    f"out={str(folder)!r} must be a folder, but {place} is a file; give a new or another one"
                )
            return


def path_of(given: Any, name: str) -> Path:
    """A folder's path; raises UserError where it is none."""
    if not isinstance(given, str | os.PathLike) or "\0" in os.fspath(given):
        raise UserError(f"{name} must be the path of a folder, but is {given!r}; give one as text or a Path")
    return Path(given)


def observer_of(progress: bool | Observer) -> Observer:
    """Who is told what happens; raises UserError where that can't be told from ``progress``."""
    if isinstance(progress, Observer):
        return progress
    if not isinstance(progress, bool | np.bool_):
        raise UserError(f"progress must be True, False or an Observer, but is {progress!r}; give one of them")
    if not progress:
        return Observer()
    from sweep.cli.printing import make_console
    from sweep.cli.progress import Progress

    return Progress(make_console())
