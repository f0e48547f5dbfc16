"""The jobs behind the commands: start a run, go on with it, report on it."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from balancing.errors import UserError

if TYPE_CHECKING:
    from rich.console import Console

    from balancing.images import ImageSet
    from sweep.config import Config, ReportConfig
    from sweep.records import Run


class Interrupted(Exception):
    """The user stopped the run; what to do next has been said."""


def start(config: Config, name: str, out: Path | None, console: Console, *, verbose: bool) -> None:
    """A new run: checks everything, makes its folder, runs the sweep, writes the report.

    Args:
        name: of the preset, for the folder's name where ``out`` is None.
    Raises:
        UserError: a mistake; nothing has been started.
        Interrupted: the user stopped it; every epoch so far is kept.
    """
    from sweep.localpaths import with_absolute_paths
    from sweep.prepare import free_run_folder, prepare, require_room
    from sweep.records import Run, check_free

    config = with_absolute_paths(config)
    path = out or free_run_folder(Path("runs"), name)
    check_free(path)
    require_room(path, config)
    console.print("Loading data and weights ...")
    prepared = prepare(config, progress=console.is_terminal)
    for note in prepared.notes:
        console.print(note, soft_wrap=True, markup=False)
    made = Run.create(
        path,
        config_yaml=config.to_yaml(),
        images=prepared.images,
        split=prepared.split,
        positive=prepared.positive,
        notes=prepared.notes,
    )
    if prepared.audit is not None:
        made.write_audit(prepared.audit)
    _sweep_and_report(made, config, prepared, console, verbose=verbose)


def resume(path: Path, config: Config, console: Console, *, verbose: bool) -> None:
    """Goes on with a run, on the same data and with the same settings; where it runs may differ."""
    from sweep.localpaths import with_absolute_paths
    from sweep.prepare import prepare, require_room
    from sweep.records import Run, split_fingerprint

    found, config = Run(path), with_absolute_paths(config)
    _check_same(found, config)
    require_room(path, config, found)
    prepared = prepare(config, progress=console.is_terminal)
    recorded = found.info["data"]
    for what, now_is, was in (
        ("images", prepared.images.fingerprint, recorded["fingerprint"]),
        ("split", split_fingerprint(prepared.split), recorded["split_fingerprint"]),
        ("starting weights", prepared.fixed["weights"], _started_from(found) or prepared.fixed["weights"]),
    ):
        if now_is != was:
            raise UserError(
                f"the {what} of {path} were {was[:20]}, but are {now_is[:20]} now: what it was started with changed "
                "since; put them back, or start a new run"
            )
    found.update_info(status="running")
    _sweep_and_report(found, config, prepared, console, verbose=verbose)


def _check_same(found: Run, config: Config) -> None:
    """Raises UserError where a run was started with other settings; where it runs may differ.

    Local data and weights may lie elsewhere now: their content is compared instead.
    """
    from sweep.config import recorded_config
    from sweep.localpaths import is_local
    from sweep.records import command

    recorded = recorded_config(found).model_dump(exclude={"resources", "report"})
    for section, values in config.model_dump(exclude={"resources", "report"}).items():
        for key, value in values.items():
            if value != recorded[section][key] and not is_local(section, key, value):
                raise UserError(
                    f"run {found.path} was started with {section}.{key} = {recorded[section][key]}, not {value}; go on "
                    f"with it by `{command('resume', found.path)}`, or give a new --out"
                )


def _started_from(found: Run) -> str | None:
    """The name that the starting weights have in the run's trials; None before there are any."""
    return next((spec.weights for spec in found.specs()), None)


def _sweep_and_report(made: Run, config: Config, prepared: Any, console: Console, *, verbose: bool) -> None:
    from sweep.records import command
    from sweep.run import run_sweep

    try:
        run_sweep(made, config, prepared, console, verbose=verbose)
        page = report(made, prepared.images, config.report, console)
    except KeyboardInterrupt:
        made.update_info(status="interrupted")
        console.print(
            f"\nStopped. Everything so far is kept; go on by:  {command('resume', made.path)}",
            soft_wrap=True,
            markup=False,
        )
        raise Interrupted from None
    show_results(made, console)
    console.print(
        f"Watch the trials' curves:  {shlex.join(['tensorboard', '--logdir', str(made.path / 'tensorboard')])}",
        soft_wrap=True,
        markup=False,
    )
    console.print(f"Report: {page}", soft_wrap=True, markup=False)


def report(made: Run, images: ImageSet | None, settings: ReportConfig, console: Console, *, cams: bool = True) -> Path:
    """Writes a run's report; returns its page. The images serve activation maps and synthetic samples alone."""
    from sweep.analysis.thresholds import Stated
    from sweep.report.render import write_report

    console.print("Writing the report ...")
    if made.audit() is None and images is not None:  # a run of a version that did not audit
        from balancing.audit import audit

        made.write_audit(audit(images, made.split_of_rows()))
    stated = Stated(settings.sensitivity, settings.cost_ratio, settings.prevalence)
    return write_report(made, images, cams=cams, cam_method=settings.cam, masks=settings.masks, stated=stated)


def audit_data(config: Config, console: Console, files: Path | None = None) -> bool:
    """Prints what is wrong with the data; returns whether training and test share something.

    Args:
        files: where to write all files of all findings as CSV, or None.
    """
    from balancing.audit import audit
    from sweep.audit_view import audit_view, files_csv
    from sweep.localpaths import require_writable, written
    from sweep.prepare import load_data

    if files is not None:
        require_writable(files, "--files")
    images, split, _, notes = load_data(config.data, progress=console.is_terminal)
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
    from sweep.compare import compare_runs, compare_view
    from sweep.localpaths import require_writable, written
    from sweep.records import Run

    if csv is not None:
        require_writable(csv, "--csv")
    found = compare_runs([Run(path) for path in paths])
    for part in compare_view(found):
        console.print(part)
    if csv is not None:
        written(csv, found.csv(), "--csv")


def show_results(made: Run, console: Console) -> None:
    """Prints the results table, the answer, and the trials that failed."""
    from sweep.terminal import failures, results

    for part in (*results(made), *failures(made)):
        console.print(part)


def images_of(found: Run, data: str | None, console: Console) -> ImageSet | None:
    """The run's images where they are at hand, else None, saying why."""
    from sweep.config import recorded_config
    from sweep.localpaths import recorded_source
    from sweep.prepare import load_data

    try:
        config = recorded_config(found, {"data.source": data if data is not None else recorded_source(found)})
        images = load_data(config.data, progress=console.is_terminal)[0]
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
