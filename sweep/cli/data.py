"""The commands that look at the data alone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sweep.cli import jobs
from sweep.cli.options import DATA_OPTIONS, Given, Preset, named, takes
from sweep.cli.printing import make_console


@takes(
    *named(*DATA_OPTIONS, "sets"),
)
def audit(
    given: Given,
    preset: Preset = "compare",
    files: Annotated[Path | None, typer.Option(help="Write all files of all findings here, as CSV.")] = None,
) -> None:
    """Looks for leaks, duplicates, shortcuts and small splits; exit code 1 where training and test share something."""
    if jobs.audit_data(given.config(preset), make_console(), files):
        raise typer.Exit(1)


@takes(*named(*DATA_OPTIONS, "sets"))
def look(
    given: Given,
    preset: Preset = "compare",
    out: Annotated[Path, typer.Option(help="The page.")] = Path("look.html"),
    show: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
) -> None:
    """Shows how the data are read, before anything is decoded: classes, splits, patients, images of each class."""
    jobs.look_at_data(given.config(preset), make_console(), out, show=show)
