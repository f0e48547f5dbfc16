"""``sweep log``: a run's trials in an experiment tracker."""

from __future__ import annotations

from typing import Annotated

import typer

from sweep.cli.options import RunFolder
from sweep.cli.printing import make_console


def log(
    run_folder: RunFolder,
    to: Annotated[str, typer.Option("--to", metavar="mlflow|wandb", help="The tracker.")],
    project: Annotated[
        str, typer.Option("--project", "--experiment", help="W&B's project, MLflow's experiment.", show_default=False)
    ] = "",
    uri: Annotated[
        str,
        typer.Option(help="A folder, a database or a server; by default a store beside the run.", show_default=False),
    ] = "",
    mode: Annotated[
        str, typer.Option(metavar="offline|online", help="Of W&B; offline by default.", show_default=False)
    ] = "",
) -> None:
    """Tells MLflow or Weights & Biases of a run: each trial one of its runs. Told again, nothing doubles.

    It reads the records alone, of a running, stopped or finished run; no image, path or prediction is told.
    """
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from balancing.errors import UserError
    from sweep.trackers.asked import Asked, require
    from sweep.trackers.log import log_run

    require(to)
    if mode and to != "wandb":
        raise UserError(f"--mode is W&B's, but --to is {to}; leave it away")
    console = make_console()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("trials", total=None)
        found = log_run(
            run_folder,
            Asked(to, project, uri, mode),
            lambda done, all_: progress.update(task, completed=done, total=all_),
        )
    said = (
        f"Logged to {found.place}: {found.new} new trials, {found.changed} brought up to date, {found.same} as before."
    )
    console.print(said, soft_wrap=True, markup=False, highlight=False)
    console.print(f"Look at them:  {found.look}", soft_wrap=True, markup=False, highlight=False)
