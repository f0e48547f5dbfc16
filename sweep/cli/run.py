"""Commands that run a sweep, go on with one, or tell what one will cost."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sweep.cli import jobs
from sweep.cli.options import DATA_OPTIONS, OPTIONS, SHARED, Given, Preset, RunFolder, named, takes
from sweep.cli.printing import make_console

if TYPE_CHECKING:
    from sweep.config.config import Config
    from sweep.planning.prepare import SweepInputs


@takes(*named("out", "local", "verbose"))
def demo(given: Given) -> None:
    """The first run: a network learns from drawings of chests, then nine techniques are compared on its features."""
    jobs.demo(given)


@takes(*OPTIONS.values())
def run(given: Given, preset: Preset = "compare") -> None:
    """Runs a sweep and writes its report."""
    config, out = given.config(preset), given.out
    if given.resume and out is not None and (out / "run.json").exists():
        jobs.resume(out, config, given)
    else:
        jobs.start(config, Path(preset).stem, given)


_MOVED_DATA = replace(OPTIONS["data"], help="Where the run's own data lie now.")
_MOVED_WEIGHTS = replace(
    OPTIONS["weights"], help="Where the run's own starting weights lie now.", panel=OPTIONS["data"].panel
)


_GOING_ON = (
    _MOVED_DATA,
    _MOVED_WEIGHTS,
    *named(
        "local",
        "address",
        "gpus_per_trial",
        "cpus_per_trial",
        "max_concurrent",
        "allow_mixed",
        "trial_timeout",
        "verbose",
        "track",
    ),
)


@takes(*_GOING_ON)
def resume(given: Given, run_folder: RunFolder) -> None:
    """Goes on with a run that was stopped or killed; trials that ended are kept as they are."""
    jobs.resume(run_folder, _recorded(run_folder, given), given)


@takes(*_GOING_ON)
def more(
    given: Given,
    run_folder: RunFolder,
    seeds: Annotated[int, typer.Option(help="How many fresh seeds of each chosen configuration.")],
) -> None:
    """Adds fresh seeds to a finished run, tests them, and writes its report anew, which says so."""
    jobs.more(run_folder, _recorded(run_folder, given), seeds, given)


def _recorded(run_folder: Path, given: Given) -> Config:
    """A run's own configuration, where its data lie now."""
    from sweep.config.config import recorded_config
    from sweep.config.localpaths import recorded_source
    from sweep.runs.run import Run

    found, settings = Run(run_folder), given.settings
    if "data.source" not in settings:
        settings = {"data.source": recorded_source(found), **settings}
    return recorded_config(found, settings)


@takes(
    *named(
        *DATA_OPTIONS,
        "techniques",
        *SHARED,
        "trials",
        "seeds",
        "confirm",
        "until_decided",
        "seed",
        "weights",
        "search",
        "skip_infeasible",
        "allow_double_correction",
        "sets",
    )
)
def plan(given: Given, preset: Preset = "compare") -> None:
    """Lists the trials of a sweep and what they will cost here, without running them."""
    from sweep.cli.decoding_bar import decoding_bar
    from sweep.cli.plan_view import fold_line, stage_lines
    from sweep.planning.folds import prepare_folds
    from sweep.planning.funnel import prepare_stages
    from sweep.planning.prepare import prepare

    config, console = given.config(preset), make_console()

    def tell(note: str) -> None:
        console.print(note, soft_wrap=True, markup=False)

    if config.data.folds:
        folds = prepare_folds(config, bar=decoding_bar, tell=tell)
        console.print(fold_line(folds))
        _show_plan(folds.config_of_each, folds.each[0], len(folds.each))
        return
    if config.funnel is None:
        inputs = prepare(config, bar=decoding_bar, tell=tell)
        _show_plan(inputs.config or config, inputs)
        return
    stages = prepare_stages(config, bar=decoding_bar, tell=tell)
    first, second = stage_lines(stages)
    console.print(first)
    _show_plan(stages.first, stages.first_inputs)
    console.print()
    console.print(second)
    _show_plan(stages.largest, stages.inputs)


def _show_plan(config: Config, inputs: SweepInputs, times: int = 1) -> None:
    """The trials of a sweep and what they will cost; ``times``: of the first of as many, and of all."""
    from sweep.cli.plan_view import choice_lines, confirming_lines, cost_table, decided_lines, trials_table
    from sweep.planning.estimate import estimate

    console, found = make_console(), estimate(config, inputs)
    console.print(trials_table(found))
    for part in [
        *choice_lines(found),
        *confirming_lines(config, found),
        *decided_lines(config),
        *cost_table(found, times),
    ]:
        console.print(part)
