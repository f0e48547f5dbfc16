"""The command line: sweep demo | run | resume | plan | audit | report | compare | predict | techniques | presets.

Heavy imports wait inside the commands, so that ``--help`` answers at once.
"""

from __future__ import annotations

import errno
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from balancing.errors import UserError
from sweep.cli import jobs
from sweep.sweeps import Interrupted

if TYPE_CHECKING:
    from rich.console import Console

    from sweep.config.config import Config

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="A paired comparison of techniques for class imbalance in medical images, as one Ray Tune sweep.",
)

# What the system says of places that a user named, whichever command or option: no names so long, no right, no room.
_NO_BUGS = {errno.ENAMETOOLONG, errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT}

_DATA, _SPACE, _HOW, _WHERE, _REPORT = "Data", "Search space", "Judging", "Resources", "Report"


def _console() -> Console:
    from sweep.cli.printing import make_console

    return make_console()


def _given(**options: Any) -> dict[str, Any]:
    """Configuration keys of the options that were given; double underscores stand for dots."""
    return {key.replace("__", "."): value for key, value in options.items() if value is not None}


def _assignments(options: dict[str, Any], sets: list[str] | None) -> dict[str, Any]:
    from sweep.config.config import parse_assignment

    return {**options, **dict(parse_assignment(text) for text in sets or [])}


def _executor(local: bool, address: str | None) -> str:
    """What trains the trials.

    Raises:
        UserError: this process and a cluster were both asked for.
    """
    if local and address is not None:
        raise UserError(f"--local trains in this process, but --address {address} names a cluster; give one of them")
    return "local" if local else "ray"


def _start(config: Config, name: str, out: Path | None, *, executor: str, resume: bool = False, verbose: bool) -> None:
    from sweep import sweeps
    from sweep.cli.progress import Progress

    console = _console()
    steps = jobs.reported(config, console)
    progress = Progress(console, verbose=verbose)
    sweeps.start(config, name, out, progress, executor=executor, resume=resume, steps=steps)


def _resume(path: Path, config: Config, *, executor: str, allow_mixed: bool, verbose: bool) -> None:
    from sweep import sweeps
    from sweep.cli.progress import Progress

    console = _console()
    steps = jobs.reported(config, console)
    progress = Progress(console, verbose=verbose)
    sweeps.resume(path, config, progress, executor=executor, allow_mixed=allow_mixed, steps=steps)


Preset = Annotated[
    str, typer.Argument(metavar="[PRESET|FILE.yaml]", help="A preset (see `sweep presets`) or a YAML file.")
]
Data = Annotated[
    str | None,
    typer.Option(help="Hub id[@revision], folder, zip, parquet, .npz, or 'phantom'.", rich_help_panel=_DATA),
]
ImageSize = Annotated[int | None, typer.Option(help="Pixels a side.", rich_help_panel=_DATA)]
ImageColumn = Annotated[str | None, typer.Option(help="Column of the images.", rich_help_panel=_DATA)]
LabelColumn = Annotated[str | None, typer.Option(help="Column of the classes.", rich_help_panel=_DATA)]
Positive = Annotated[str | None, typer.Option(help="Name of the positive class.", rich_help_panel=_DATA)]
PatientColumn = Annotated[str | None, typer.Option(help="Column that tells patients apart.", rich_help_panel=_DATA)]
PatientPattern = Annotated[
    str | None, typer.Option(help="Regular expression on file names; group 1 is the patient.", rich_help_panel=_DATA)
]
SkipBad = Annotated[
    bool | None,
    typer.Option("--skip-bad", help="Go on without unreadable images.", rich_help_panel=_DATA, show_default=False),
]
AllowLeak = Annotated[
    bool | None,
    typer.Option(
        "--allow-leak",
        help="Go on although training and test share patients or images.",
        rich_help_panel=_DATA,
        show_default=False,
    ),
]
Techniques = Annotated[
    str | None, typer.Option(help="Names with commas (see `sweep techniques`).", rich_help_panel=_SPACE)
]
Lr = Annotated[
    str | None, typer.Option(help="0.001, a list 0.001,0.01, or a range 1e-4..1e-2.", rich_help_panel=_SPACE)
]
Epochs = Annotated[str | None, typer.Option(help="Number, list or range.", rich_help_panel=_SPACE)]
Strength = Annotated[
    str | None, typer.Option(help="Augmentation, 0..1: number, list or range.", rich_help_panel=_SPACE)
]
BatchSize = Annotated[str | None, typer.Option(help="Number or list.", rich_help_panel=_SPACE)]
Trials = Annotated[
    int | None, typer.Option(help="Draws for each technique where ranges are given.", rich_help_panel=_SPACE)
]
Seeds = Annotated[int | None, typer.Option(help="How many seeds each configuration gets.", rich_help_panel=_SPACE)]
Seed = Annotated[int | None, typer.Option(help="The first seed, also of the draws.", rich_help_panel=_SPACE)]
Weights = Annotated[str | None, typer.Option(help="imagenet, none, or a checkpoint file.", rich_help_panel=_SPACE)]
Metric = Annotated[
    str | None, typer.Option(help="Chooses epoch and configuration, on validation.", rich_help_panel=_HOW)
]
Scheduler = Annotated[str | None, typer.Option(help="none or asha (early stopping).", rich_help_panel=_HOW)]
Search = Annotated[str | None, typer.Option(help="grid (paired draws) or optuna.", rich_help_panel=_HOW)]
Cam = Annotated[
    str | None, typer.Option(help="Activation maps: smoothgradcampp, gradcam or layercam.", rich_help_panel=_REPORT)
]
Masks = Annotated[
    str | None,
    typer.Option(help="Folder of masks (lungs, lesions) named as the images.", rich_help_panel=_REPORT),
]
Sensitivity = Annotated[
    float | None, typer.Option(help="Wanted of the baseline's tuned threshold, such as 0.95.", rich_help_panel=_REPORT)
]
CostRatio = Annotated[
    float | None, typer.Option("--cost-ratio", help="What a miss costs in false alarms.", rich_help_panel=_REPORT)
]
Prevalence = Annotated[
    float | None,
    typer.Option(help="Of the positive class in use: correct the baseline to it.", rich_help_panel=_REPORT),
]
Address = Annotated[str | None, typer.Option(help="A running Ray cluster: auto or HOST:PORT.", rich_help_panel=_WHERE)]
Gpus = Annotated[float | None, typer.Option("--gpus-per-trial", help="May be a fraction.", rich_help_panel=_WHERE)]
Cpus = Annotated[
    float | None, typer.Option("--cpus-per-trial", help="Also the threads of a trial.", rich_help_panel=_WHERE)
]
Concurrent = Annotated[int | None, typer.Option("--max-concurrent", help="Trials at once.", rich_help_panel=_WHERE)]
AllowMixed = Annotated[
    bool, typer.Option("--allow-mixed", help="Go on although the trials so far were trained by another torch.")
]
TrialTimeout = Annotated[
    str | None, typer.Option(help="A trial that runs longer fails: seconds, 90m, 2h.", rich_help_panel=_WHERE)
]
Local = Annotated[
    bool,
    typer.Option(
        "--local", help="Train in this process, one trial after the other, without Ray.", rich_help_panel=_WHERE
    ),
]
Sets = Annotated[list[str] | None, typer.Option("--set", help="Any key: section.name=value; may be repeated.")]
Verbose = Annotated[bool, typer.Option("-v", "--verbose", help="Show Ray's own messages too.")]


@app.command()
def demo(
    out: Annotated[Path | None, typer.Option(help="Run folder; a new one under runs/ by default.")] = None,
    local: Local = False,
    verbose: Verbose = False,
) -> None:
    """The first run: six techniques on drawn, chest-like images, in two to three minutes on a laptop."""
    from sweep.config.config import build_config, read_file

    _start(build_config(read_file("demo")), "demo", out, executor=_executor(local, None), verbose=verbose)


@app.command()
def run(
    preset: Preset = "compare",
    data: Data = None,
    out: Annotated[Path | None, typer.Option(help="Run folder; a new one under runs/ by default.")] = None,
    techniques: Techniques = None,
    lr: Lr = None,
    epochs: Epochs = None,
    strength: Strength = None,
    trials: Trials = None,
    seeds: Seeds = None,
    seed: Seed = None,
    batch_size: BatchSize = None,
    weights: Weights = None,
    image_size: ImageSize = None,
    image_column: ImageColumn = None,
    label_column: LabelColumn = None,
    positive: Positive = None,
    patient_column: PatientColumn = None,
    patient_pattern: PatientPattern = None,
    skip_bad: SkipBad = None,
    allow_leak: AllowLeak = None,
    metric: Metric = None,
    scheduler: Scheduler = None,
    search: Search = None,
    local: Local = False,
    address: Address = None,
    gpus_per_trial: Gpus = None,
    cpus_per_trial: Cpus = None,
    max_concurrent: Concurrent = None,
    trial_timeout: TrialTimeout = None,
    cam: Cam = None,
    masks: Masks = None,
    sensitivity: Sensitivity = None,
    cost_ratio: CostRatio = None,
    prevalence: Prevalence = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where --out already holds this run.")] = False,
    allow_mixed: AllowMixed = False,
    sets: Sets = None,
    verbose: Verbose = False,
) -> None:
    """Runs a sweep and writes its report."""
    options = _given(
        data__source=data,
        data__image_size=image_size,
        data__image_column=image_column,
        data__label_column=label_column,
        data__positive=positive,
        data__patient_column=patient_column,
        data__patient_pattern=patient_pattern,
        data__skip_bad=skip_bad,
        data__allow_leak=allow_leak,
        space__techniques=techniques,
        space__lr=lr,
        space__epochs=epochs,
        space__strength=strength,
        space__trials=trials,
        space__seeds=seeds,
        space__seed=seed,
        space__batch_size=batch_size,
        train__weights=weights,
        sweep__metric=metric,
        sweep__scheduler=scheduler,
        sweep__search=search,
        resources__address=address,
        resources__gpus_per_trial=gpus_per_trial,
        resources__cpus_per_trial=cpus_per_trial,
        resources__max_concurrent=max_concurrent,
        resources__trial_timeout=trial_timeout,
        report__cam=cam,
        report__masks=masks,
        report__sensitivity=sensitivity,
        report__cost_ratio=cost_ratio,
        report__prevalence=prevalence,
    )
    from sweep.config.config import build_config, read_file

    executor = _executor(local, address)
    config = build_config(read_file(preset), _assignments(options, sets))
    if resume and out is not None and (out / "run.json").exists():
        _resume(out, config, executor=executor, allow_mixed=allow_mixed, verbose=verbose)
    else:
        _start(config, Path(preset).stem, out, executor=executor, resume=resume, verbose=verbose)


@app.command()
def resume(
    run_folder: Annotated[Path, typer.Argument(metavar="RUN", help="The run folder.")],
    data: Annotated[str | None, typer.Option(help="Where the run's own data lie now.", rich_help_panel=_DATA)] = None,
    weights: Annotated[
        str | None, typer.Option(help="Where the run's own starting weights lie now.", rich_help_panel=_DATA)
    ] = None,
    local: Local = False,
    address: Address = None,
    gpus_per_trial: Gpus = None,
    cpus_per_trial: Cpus = None,
    max_concurrent: Concurrent = None,
    allow_mixed: AllowMixed = False,
    trial_timeout: TrialTimeout = None,
    verbose: Verbose = False,
) -> None:
    """Goes on with a run that was stopped or killed; trials that ended are kept as they are."""
    from sweep.config.config import recorded_config
    from sweep.config.localpaths import recorded_source
    from sweep.runs.run import Run

    found = Run(run_folder)
    options = _given(
        data__source=data if data is not None else recorded_source(found),
        train__weights=weights,
        resources__address=address,
        resources__gpus_per_trial=gpus_per_trial,
        resources__cpus_per_trial=cpus_per_trial,
        resources__max_concurrent=max_concurrent,
        resources__trial_timeout=trial_timeout,
    )
    config = recorded_config(found, options)
    executor = _executor(local, address)
    _resume(run_folder, config, executor=executor, allow_mixed=allow_mixed, verbose=verbose)


@app.command()
def plan(
    preset: Preset = "compare",
    data: Data = None,
    techniques: Techniques = None,
    lr: Lr = None,
    epochs: Epochs = None,
    strength: Strength = None,
    trials: Trials = None,
    seeds: Seeds = None,
    seed: Seed = None,
    batch_size: BatchSize = None,
    weights: Weights = None,
    image_size: ImageSize = None,
    search: Search = None,
    sets: Sets = None,
) -> None:
    """Lists the trials of a sweep and what they will cost here, without running them."""
    from sweep.cli.decoding_bar import decoding_bar
    from sweep.config.config import build_config, read_file
    from sweep.planning.estimate import cost_table, estimate, trials_table
    from sweep.planning.prepare import prepare

    options = _given(
        data__source=data,
        data__image_size=image_size,
        space__techniques=techniques,
        space__lr=lr,
        space__epochs=epochs,
        space__strength=strength,
        space__trials=trials,
        space__seeds=seeds,
        space__seed=seed,
        space__batch_size=batch_size,
        train__weights=weights,
        sweep__search=search,
    )
    config = build_config(read_file(preset), _assignments(options, sets))
    console = _console()
    prepared = prepare(config, bar=decoding_bar)
    for note in prepared.notes:
        console.print(note, soft_wrap=True, markup=False)
    found = estimate(config, prepared)
    console.print(trials_table(found))
    for part in cost_table(found):
        console.print(part)


@app.command()
def audit(
    preset: Preset = "compare",
    data: Data = None,
    image_size: ImageSize = None,
    image_column: ImageColumn = None,
    label_column: LabelColumn = None,
    patient_column: PatientColumn = None,
    patient_pattern: PatientPattern = None,
    skip_bad: SkipBad = None,
    sets: Sets = None,
    files: Annotated[Path | None, typer.Option(help="Write all files of all findings here, as CSV.")] = None,
) -> None:
    """Looks for leaks, duplicates, shortcuts and small splits; exit code 1 where training and test share something."""
    from sweep.config.config import build_config, read_file

    options = _given(
        data__source=data,
        data__image_size=image_size,
        data__image_column=image_column,
        data__label_column=label_column,
        data__patient_column=patient_column,
        data__patient_pattern=patient_pattern,
        data__skip_bad=skip_bad,
    )
    if jobs.audit_data(build_config(read_file(preset), _assignments(options, sets)), _console(), files):
        raise typer.Exit(1)


@app.command()
def report(
    run_folder: Annotated[Path, typer.Argument(metavar="RUN", help="The run folder.")],
    data: Data = None,
    cams: Annotated[bool, typer.Option(help="Draw class activation maps; needs the images.")] = True,
    cam: Cam = None,
    masks: Masks = None,
    sensitivity: Sensitivity = None,
    cost_ratio: CostRatio = None,
    prevalence: Prevalence = None,
) -> None:
    """Writes a run's report anew, from its records alone; the images serve maps and synthetic samples only."""
    from sweep.config.config import recorded_config
    from sweep.config.localpaths import require_writable
    from sweep.runs.run import Run

    found = Run(run_folder)
    require_writable(run_folder / "report" / "index.html", "the report")
    console = _console()
    given = _given(
        report__cam=cam,
        report__masks=masks,
        report__sensitivity=sensitivity,
        report__cost_ratio=cost_ratio,
        report__prevalence=prevalence,
    )
    settings = recorded_config(found, given).report
    page = jobs.report(found, jobs.images_of(found, data, console), settings, console, cams=cams)
    jobs.show_results(found, console)
    console.print(f"Report: {page}", soft_wrap=True, markup=False)


@app.command()
def compare(
    run_folders: Annotated[list[Path], typer.Argument(metavar="RUN RUN...", help="Two or more run folders.")],
    csv: Annotated[Path | None, typer.Option(help="Also write the table, unrounded and with intervals, here.")] = None,
) -> None:
    """Two or more runs in one table, with a warning where data or splits differ."""
    jobs.compare(run_folders, _console(), csv)


@app.command()
def predict(
    run_folder: Annotated[Path, typer.Argument(metavar="RUN", help="The run folder.")],
    image: Annotated[list[Path], typer.Argument(metavar="IMAGE...", help="Image files.")],
    technique: Annotated[str | None, typer.Option(help="Use this technique's best trial.")] = None,
    out: Annotated[Path, typer.Option(help="Folder of the activation-map pictures.")] = Path("predictions"),
) -> None:
    """Probability, decision and activation map of single images, from the run's best trial. Not for diagnosis."""
    from sweep.cli.predict import predict_images
    from sweep.cli.terminal import predictions
    from sweep.config.localpaths import require_writable
    from sweep.runs.run import Run

    found = Run(run_folder)
    require_writable(out / "image_cam.png", "--out")
    _console().print(predictions(predict_images(found, image, technique=technique, out=out)))


@app.command()
def techniques() -> None:
    """Lists the techniques, their parameters with searched ranges, and where they come from."""
    from sweep.cli.terminal import techniques_list

    console = _console()
    for block in techniques_list():
        console.print(block)


@app.command()
def presets(
    name: Annotated[str | None, typer.Argument(help="Print this one, to copy and change.")] = None,
) -> None:
    """Lists the presets, or prints one."""
    from sweep.config.config import PRESETS, preset_names, read_file

    if name is None:
        for known in preset_names():
            first = (PRESETS / f"{known}.yaml").read_text().splitlines()[0].lstrip("# ")
            typer.echo(f"{known:8} {first}")
        return
    read_file(name)
    typer.echo((PRESETS / f"{name}.yaml").read_text(), nl=False)


def main() -> None:
    """Runs the command line; a user's mistake ends with one sentence and exit code 2."""
    from sweep.cli.printing import error_text, never_fail_to_print

    never_fail_to_print()
    try:
        app()
    except UserError as error:
        print(f"error: {error_text(str(error))}", file=sys.stderr)
        sys.exit(2)
    except Interrupted:
        sys.exit(130)
    except OSError as error:
        if error.errno not in _NO_BUGS:
            raise
        named = f": {_short(str(error.filename))}" if error.filename is not None else ""
        print(f"error: {error.strerror}{named}; mend that and give the command again", file=sys.stderr)
        sys.exit(2)


def program() -> None:
    """The command line as a process of its own.

    When all is said and done, Python still takes seconds to tear its libraries down: a signal that comes then changes
    the exit code no more.
    """
    try:
        main()
    finally:
        for name in ("SIGINT", "SIGTERM", "SIGHUP"):
            if hasattr(signal, name):
                signal.signal(getattr(signal, name), signal.SIG_IGN)


def _short(text: str) -> str:
    return text if len(text) <= 200 else f"{text[:200]}… ({len(text):,} letters)"
