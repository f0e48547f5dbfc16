"""The jobs behind the commands: start a run or go on with it and show how it ended, report, audit, compare."""

from __future__ import annotations

import functools
import shlex
import webbrowser
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from balancing.errors import UserError
from sweep.cli.printing import make_console

if TYPE_CHECKING:
    from rich.console import Console

    from balancing.data.images import ImageSet
    from sweep.analysis.results import Results
    from sweep.cli.options import Given
    from sweep.config.config import Config
    from sweep.config.sections import ReportConfig
    from sweep.planning.prepare import SweepInputs
    from sweep.runs.run import Run
    from sweep.sweeps import Step


def start(config: Config, name: str, given: Given) -> None:
    """A new run, its report and its results; see ``sweep.sweeps.start``."""
    from sweep import sweeps
    from sweep.cli.progress import Progress
    from sweep.planning.prepare import free_run_folder

    console = make_console()
    observer = Progress(console, verbose=given.verbose)
    steps = _reported(config, console)
    out = given.out or free_run_folder(Path("runs"), name)
    with _tracked(given, out, console):
        sweeps.start(config, name, out, observer, executor=given.executor, resume=given.resume, steps=steps)


def _tracked(given: Given, path: Path, console: Console) -> AbstractContextManager[None]:
    """While this is open, a tracker is told of trials that end, where one was asked for."""
    from sweep.trackers.beside import tracked

    return tracked(given.track, path, lambda said: console.print(said, soft_wrap=True, markup=False))


# How the demo's network is trained: on other drawings than those that techniques are then compared on.
_DEMO_NETWORK = {
    "space.techniques": ["baseline"],
    "space.seeds": 1,
    "space.epochs": 3,
    "space.batch_size": 64,
    "data.phantom_images": 1200,
    "data.phantom_seed": 1,
}


_NETWORK = "-network"  # ends the name of its folder


def demo(given: Given) -> None:
    """A network is trained on drawings, in RUN-network; then techniques on what it makes of others, in RUN."""
    from balancing.cpus import usable_cpus
    from sweep import sweeps
    from sweep.cli.progress import Progress
    from sweep.config.config import build_config
    from sweep.config.files import read_file
    from sweep.planning.prepare import free_run_folder
    from sweep.runs.out import check_free

    out = (given.out or free_run_folder(Path("runs"), "demo")).absolute()
    network = out.with_name(f"{out.name}{_NETWORK}")
    for path in (out, network):
        check_free(path)  # before minutes of training
    console = make_console()
    console.print(
        f"1 of 2: a network learns to look at drawings (a run of its own, in {network}).", soft_wrap=True, markup=False
    )
    threads = {"resources.cpus_per_trial": float(min(4, usable_cpus()))}
    config = build_config(read_file("demo"), _DEMO_NETWORK | threads)
    sweeps.start(config, "demo", network, Progress(console, verbose=given.verbose), executor="local")
    _compare_on(network, given, console)


def _is_demo_network(path: Path, config: Config) -> bool:
    """Whether a run is the first of a demo's two, by its name and by what it trains."""
    from sweep.config.config import build_config
    from sweep.config.files import read_file

    asked, data = build_config(read_file("demo"), _DEMO_NETWORK), config.data
    drawn = (data.source, data.phantom_images, data.phantom_seed)
    same = drawn == (asked.data.source, asked.data.phantom_images, asked.data.phantom_seed)
    return path.name.endswith(_NETWORK) and same and config.space == asked.space


def _compare_on(network: Path, given: Given, console: Console) -> None:
    """The demo's second run, on a network that has been trained: begun, gone on with, or left as it is if it ended."""
    from sweep import sweeps
    from sweep.config.config import build_config, recorded_config
    from sweep.config.files import read_file
    from sweep.runs.run import Run

    out = network.with_name(network.name.removesuffix(_NETWORK))
    console.print("\n2 of 2: techniques are compared on its features of other drawings.", soft_wrap=True, markup=False)
    if not (out / "run.json").exists():
        config = build_config(read_file("demo_frozen"), {"train.weights": f"run:{network}"})
        try:
            start(config, "demo", replace(given, out=out))
        except sweeps.Interrupted:
            if not (out / "run.json").exists():
                again = f"sweep resume {shlex.quote(str(network))}"
                console.print(
                    f"The network is kept; compare techniques on it by:  {again}", soft_wrap=True, markup=False
                )
            raise
    elif Run(out).info.get("status") != "finished":
        resume(out, recorded_config(Run(out)), given)
    else:
        console.print(f"That is done: {out / 'report' / 'index.html'}", soft_wrap=True, markup=False)


def resume(path: Path, config: Config, given: Given) -> None:
    """Goes on with a run, to its report and its results, and from a demo's network to what is compared on it; see
    ``sweep.sweeps.resume``."""
    from sweep import sweeps
    from sweep.cli.progress import Progress

    console = make_console()
    observer = Progress(console, verbose=given.verbose)
    steps = _reported(config, console)
    first = _is_demo_network(path, config)
    with _tracked(given, path, console):
        sweeps.resume(
            path, config, observer, executor=given.executor, allow_mixed=given.allow_mixed, steps=() if first else steps
        )
    if first:
        _compare_on(path.absolute(), given, console)


def more(path: Path, config: Config, seeds: int, given: Given) -> None:
    """Adds fresh seeds to a run that has ended, and shows its results anew; see ``sweep.sweeps.more``."""
    from sweep import sweeps
    from sweep.cli.progress import Progress

    console = make_console()
    observer, steps = Progress(console, verbose=given.verbose), _reported(config, console)
    with _tracked(given, path, console):
        sweeps.more(path, config, seeds, observer, executor=given.executor, allow_mixed=given.allow_mixed, steps=steps)


def _reported(config: Config, console: Console) -> tuple[Step, Step]:
    """What follows a sweep, as ``sweep.sweeps.start`` takes it: the report is written, then the results are shown."""
    from sweep.analysis.folds import results_of
    from sweep.runs.folds import is_part, place_of

    read: dict[Path, Results] = {}  # numbers of many trials take minutes: those of the report are shown

    def write(made: Run, inputs: SweepInputs) -> None:
        read[made.path] = results_of(made, config.report.margin)
        cams = place_of(made) is None
        report(made, inputs.images, config.report, console, cams=cams, results=read[made.path])

    def show(made: Run, inputs: SweepInputs) -> None:
        if is_part(made):
            what = place_of(made) or "the first stage"
            console.print(f"Report of {what}: {made.path / 'report' / 'index.html'}", soft_wrap=True, markup=False)
            return
        show_results(read.get(made.path) or results_of(made, config.report.margin), console)
        if (made.path / "tensorboard").is_dir():
            watch = f"tensorboard --logdir {shlex.quote(f'{made.path}/tensorboard')}"
            console.print(f"Watch the trials' curves:  {watch}", soft_wrap=True, markup=False)
        console.print(f"Report: {made.path / 'report' / 'index.html'}", soft_wrap=True, markup=False)

    return write, show


def report(
    made: Run,
    images: ImageSet | None,
    settings: ReportConfig,
    console: Console,
    *,
    cams: bool = True,
    paper: Path | None = None,
    results: Results | None = None,
) -> Path:
    """Writes a run's report; returns its page. The images serve activation maps and synthetic samples alone."""
    from sweep.reports import report_of_run

    console.print("Writing the report ...")
    return report_of_run(
        made,
        images,
        settings,
        cams=cams,
        tell=lambda fault: console.print(f"Warning: {fault}", style="yellow", soft_wrap=True, markup=False),
        paper=paper,
        results=results,
    )


def add_decisions(made: Run, decisions: str, console: Console) -> None:
    """Adds decisions to a finished run; says which techniques are new."""
    from sweep.reports import add_decisions as add

    new = add(made, decisions)
    said = f"Decided anew, without training: {', '.join(new)}." if new else "The run holds these decisions already."
    console.print(said, soft_wrap=True, markup=False)


def audit_data(config: Config, console: Console, files: Path | None = None) -> bool:
    """Prints what is wrong with the data; returns whether training and test share something.

    Args:
        files: where to write all files of all findings as CSV, or None.
    """
    from balancing.quality.audit import audit
    from sweep.cli.audit_view import audit_view, files_csv
    from sweep.cli.decoding_bar import decoding_bar
    from sweep.config.localpaths import require_writable, written
    from sweep.planning.prepare import load_data

    if files is not None:
        require_writable(files, "--files")
    said = functools.partial(console.print, soft_wrap=True, markup=False)
    images, split, _, _ = load_data(config.data, bar=decoding_bar, ask=False, tell=said)
    found = audit(images, split)
    for part in audit_view(found):
        console.print(part)
    if files is not None:
        written(files, files_csv(found), "--files")
    return bool(found.leaks)


def look_at_data(config: Config, console: Console, out: Path, *, show: bool) -> None:
    """Prints how the data are read, and writes it with images as a page.

    Args:
        out: the page, readable by its owner alone, for it holds images.
        show: open it in a browser.
    """
    from balancing.data.look import look_at
    from sweep.cli.look_view import look_view
    from sweep.config.localpaths import require_writable, written
    from sweep.report.reading import look_page

    require_writable(out, "--out")
    found = look_at(config.data.source, **config.data.reading())
    for part in look_view(found):
        console.print(part)
    written(out, look_page(found), "--out", private=True)
    console.print(f"With images: {out}", soft_wrap=True, markup=False)
    if show:
        webbrowser.open(out.resolve().as_uri())


def compare(paths: Sequence[Path], console: Console, csv: Path | None = None) -> None:
    """Prints the results of several runs in one table; writes it too where ``csv`` is given."""
    from sweep.cli.compare import compare_runs, compare_view
    from sweep.config.localpaths import require_writable, written
    from sweep.runs.run import Run

    if csv is not None:
        require_writable(csv, "--csv")
    found = compare_runs([Run(path) for path in paths])
    for part in compare_view(found):
        console.print(part)
    if csv is not None:
        written(csv, found.csv(), "--csv")


def show_results(made: Results, console: Console) -> None:
    """Prints the results table, the answer, and the trials that failed."""
    from sweep.cli.terminal import failures, results

    for part in (*results(made), *failures(made)):
        console.print(part)


def images_of(found: Run, data: str | None, console: Console) -> ImageSet | None:
    """The run's images where they are at hand, else None, saying why."""
    from sweep.cli.decoding_bar import decoding_bar
    from sweep.reports import recorded_images

    try:
        return recorded_images(found, data, decoding_bar)
    except UserError as error:
        console.print(f"No activation maps and synthetic samples: {error}", soft_wrap=True, markup=False)
        return None
