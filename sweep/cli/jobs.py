"""The jobs behind the commands: start a run, go on with it, report on it."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from balancing.errors import UserError
from sweep.runs.interrupts import Interrupts

if TYPE_CHECKING:
    from rich.console import Console

    from balancing.data.images import ImageSet
    from sweep.config.config import Config, ReportConfig
    from sweep.planning.prepare import Prepared
    from sweep.runs.owner import Owner
    from sweep.runs.run import Run


class Interrupted(Exception):
    """The user stopped the run; what to do next has been said."""


def start(
    config: Config, name: str, out: Path | None, console: Console, *, resume: bool = False, verbose: bool = False
) -> None:
    """A new run: checks everything, makes its folder, runs the sweep, writes the report.

    Args:
        name: of the preset, for the folder's name where ``out`` is None.
        resume: what a start that was killed before its first trial left in ``out`` may be written over.
    Raises:
        UserError: a mistake; nothing has been started.
        Interrupted: the user stopped it; every epoch so far is kept.
    """
    from sweep.cli.decoding_bar import decoding_bar
    from sweep.cluster import ray_token
    from sweep.cluster.address import check_address
    from sweep.config.localpaths import with_absolute_paths
    from sweep.planning.prepare import free_run_folder, prepare, require_room
    from sweep.runs.out import claim_out, leave_out, missing_folders, no_half
    from sweep.runs.run import Run

    config = with_absolute_paths(config)
    check_address(config.resources.address)
    path = out or free_run_folder(Path("runs"), name)
    missing = missing_folders(path)
    with Interrupts() as interrupts:
        try:
            with (
                claim_out(path, _say(console), resume=resume) as owner,
                no_half(path, owner.claim.check),
                _sole(path, owner, interrupts, console),
            ):
                require_room(path, config)
                for note in ray_token.make_private(create=not config.resources.address):
                    console.print(note, soft_wrap=True, markup=False)
                console.print("Loading data and weights ...")
                prepared = prepare(config, bar=decoding_bar)
                for note in prepared.notes:
                    console.print(note, soft_wrap=True, markup=False)
                made = Run.create(
                    path,
                    config_yaml=config.to_yaml(),
                    images=prepared.images,
                    split=prepared.split,
                    positive=prepared.positive,
                    notes=prepared.notes,
                    guard=owner.claim.check,
                )
                if prepared.audit is not None:
                    made.write_audit(prepared.audit)
                _sweep_and_report(made, config, prepared, console, owner, interrupts, verbose=verbose)
        except KeyboardInterrupt:  # before the run, which tells for itself
            interrupts.stop()
            console.print("\nStopped before anything was trained; no run was made.", markup=False)
            raise Interrupted from None
        finally:
            leave_out(path, missing)


def resume(path: Path, config: Config, console: Console, *, allow_mixed: bool = False, verbose: bool = False) -> None:
    """Goes on with a run, on the same data and with the same settings; where it runs may differ.

    Args:
        allow_mixed: go on although trials were trained with another release of torch.
    """
    from sweep.cli.decoding_bar import decoding_bar
    from sweep.cluster.address import check_address
    from sweep.config.localpaths import with_absolute_paths
    from sweep.planning.prepare import prepare, require_room
    from sweep.planning.resumable import check_data, check_same, check_versions
    from sweep.runs.owner import Owner
    from sweep.runs.run import Run

    found, config = Run(path), with_absolute_paths(config)
    check_same(found, config)
    check_address(config.resources.address)
    say = _say(console)
    with (
        Interrupts() as interrupts,
        _claimed(Owner, path, console) as owner,
        _sole(path, owner, interrupts, console),
    ):
        found = Run(path, owner.claim.check)
        for line in (*found.mend(), *check_versions(found, allow_mixed=allow_mixed)):
            say(line)
        found.clean()
        require_room(path, config, found)
        prepared = prepare(config, bar=decoding_bar)
        check_data(found, prepared)
        for line in found.mend_split(prepared.images, prepared.split):
            say(line)
        found.update_info(status="running")
        _sweep_and_report(found, config, prepared, console, owner, interrupts, verbose=verbose)


def _say(console: Console) -> Callable[[str], None]:
    return lambda sentence: console.print(sentence, soft_wrap=True, markup=False)


def _claimed(owner: type[Owner], path: Path, console: Console) -> Owner:
    try:
        return owner(path, _say(console))
    except OSError as error:
        raise UserError(
            f"run {path} can't be written to ({(error.strerror or str(error)).lower()}); make it writable, or go on "
            "with a copy of it"
        ) from error


def _say_how_to_go_on(path: Path, console: Console) -> None:
    command = f"sweep resume {shlex.quote(str(path))}"
    console.print(f"\nStopped. Everything so far is kept; go on by:  {command}", soft_wrap=True, markup=False)


def _sweep_and_report(
    made: Run,
    config: Config,
    prepared: Prepared,
    console: Console,
    owner: Owner,
    interrupts: Interrupts,
    *,
    verbose: bool,
) -> None:
    from sweep.cluster.tuner import run_sweep

    run_sweep(made, config, prepared, console, claim=owner.claim, interrupts=interrupts, verbose=verbose)
    page = report(made, prepared.images, config.report, console)
    interrupts.check()
    show_results(made, console)
    console.print(
        f"Watch the trials' curves:  tensorboard --logdir {shlex.quote(f'{made.path}/tensorboard')}",
        soft_wrap=True,
        markup=False,
    )
    console.print(f"Report: {page}", soft_wrap=True, markup=False)


@contextlib.contextmanager
def _sole(path: Path, owner: Owner, interrupts: Interrupts, console: Console) -> Iterator[None]:
    """What its one owner does with a run: however that ends, run.json and the user are told, unless it has another."""
    from sweep.cli.outages import chain, outage
    from sweep.runs.owner import NotOwner

    try:
        yield
    except KeyboardInterrupt:
        interrupts.stop()
        if owner.lost:
            raise _taken_over(path) from None
        if not (path / "run.json").exists():
            raise
        _note_the_end(path, owner, stopped=True)
        _say_how_to_go_on(path, console)
        raise Interrupted from None
    except Exception as error:
        if any(isinstance(found, NotOwner) for found in chain(error)):  # Tune wraps what its callbacks raise
            interrupts.stop()
            raise _taken_over(path) from None
        _note_the_end(path, owner, stopped=False)
        sentence = None if isinstance(error, UserError) else outage(error, path)
        if sentence is None:
            raise
        raise sentence from error


def _note_the_end(path: Path, owner: Owner, *, stopped: bool) -> None:
    """Has run.json not say that the run is still worked on, where that can be written.

    Args:
        stopped: by the user, perhaps after the last trial.
    """
    from sweep.runs.owner import NotOwner
    from sweep.runs.run import Run

    with contextlib.suppress(NotOwner, OSError, UserError):
        made = Run(path, owner.claim.check)
        if stopped or made.info.get("status") == "running":
            made.update_info(status="interrupted")


def _taken_over(path: Path) -> UserError:
    return UserError(
        f"another process has taken run {path} over, so this one stopped and left it alone; wait for that one, or "
        "stop it and resume"
    )


def report(made: Run, images: ImageSet | None, settings: ReportConfig, console: Console, *, cams: bool = True) -> Path:
    """Writes a run's report; returns its page. The images serve activation maps and synthetic samples alone."""
    from sweep.analysis.decisions.thresholds import DecisionPreferences
    from sweep.report.context import ReportOptions
    from sweep.report.render import write_report

    console.print("Writing the report ...")
    if made.audit() is None and images is not None:  # a run of a version that did not audit
        from balancing.quality.audit import audit

        made.write_audit(audit(images, made.split_of_rows()))
    preferences = DecisionPreferences(settings.sensitivity, settings.cost_ratio, settings.prevalence)
    return write_report(made, images, ReportOptions(cams, settings.cam, settings.masks, preferences))


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
    images, split, _, notes = load_data(config.data, bar=decoding_bar)
    for note in notes:
        console.print(note, soft_wrap=True, markup=False)
    found = audit(images, split)
    for part in audit_view(found):
        console.print(part)
    if files is not None:
        written(files, files_csv(found), "--files")
    return bool(found.leaks)


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


def show_results(made: Run, console: Console) -> None:
    """Prints the results table, the answer, and the trials that failed."""
    from sweep.cli.terminal import failures, results

    for part in (*results(made), *failures(made)):
        console.print(part)


def images_of(found: Run, data: str | None, console: Console) -> ImageSet | None:
    """The run's images where they are at hand, else None, saying why."""
    from sweep.cli.decoding_bar import decoding_bar
    from sweep.config.config import recorded_config
    from sweep.config.localpaths import recorded_source
    from sweep.planning.prepare import load_data

    try:
        config = recorded_config(found, {"data.source": data if data is not None else recorded_source(found)})
        images = load_data(config.data, bar=decoding_bar)[0]
    except UserError as error:
        console.print(f"No activation maps and synthetic samples: {error}", soft_wrap=True, markup=False)
        return None
    if images.fingerprint != found.info["data"]["fingerprint"]:
        console.print(
            "No activation maps and synthetic samples: these are not the run's images; give those by --data.",
            soft_wrap=True,
        )
        return None
    return images
