"""Commands that read runs: their reports, and several side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sweep.cli import jobs
from sweep.cli.options import Given, RunFolder, named, takes
from sweep.cli.printing import make_console


@takes(*named("data", "margin", "cam", "masks", "sensitivity", "cost_ratio", "prevalence", "shown_images"))
def report(
    given: Given,
    run_folder: RunFolder,
    cams: Annotated[bool, typer.Option(help="Draw class activation maps; needs the images.")] = True,
    decisions: Annotated[
        str | None,
        typer.Option(
            help="Add decisions to the finished run, fitted without training: names with commas, such as "
            "'threshold,bcts' (on every technique), or 'smote+threshold'. They stay in the run."
        ),
    ] = None,
    paper: Annotated[
        bool,
        typer.Option(
            "--paper",
            help="Also write what a paper needs: results table, methods, BibTeX, CLAIM and TRIPOD+AI, figures.",
        ),
    ] = False,
    out: Annotated[Path | None, typer.Option(help="Folder of --paper; RUN/report/paper by default.")] = None,
) -> None:
    """Writes a run's report anew, from its records alone; the images serve maps and synthetic samples only."""
    from balancing.errors import UserError
    from sweep.analysis.folds import results_of
    from sweep.config.config import recorded_report
    from sweep.config.localpaths import require_writable
    from sweep.runs.run import Run

    found = Run(run_folder)
    require_writable(run_folder / "report" / "index.html", "the report")
    if out is not None and not paper:
        raise UserError("--out is the folder of --paper, which was not given; add --paper, or leave --out away")
    folder = (out or run_folder / "report" / "paper") if paper else None
    if folder is not None:
        require_writable(folder / "methods.md", "--out")
    console = make_console()
    data = given.settings.pop("data.source", None)
    settings = recorded_report(found, given.settings)
    if decisions is not None:
        jobs.add_decisions(found, decisions, console)
    images, results = jobs.images_of(found, data, console), results_of(found, settings.margin)
    page = jobs.report(found, images, settings, console, cams=cams, paper=folder, results=results)
    jobs.show_results(results, console)
    console.print(f"Report: {page}", soft_wrap=True, markup=False)
    if folder is not None:
        console.print(f"For your paper: {folder}", soft_wrap=True, markup=False)


def compare(
    run_folders: Annotated[list[Path], typer.Argument(metavar="RUN RUN...", help="Two or more run folders.")],
    csv: Annotated[Path | None, typer.Option(help="Also write the table, unrounded and with intervals, here.")] = None,
) -> None:
    """Two or more runs in one table, with a warning where data or splits differ."""
    jobs.compare(run_folders, make_console(), csv)
