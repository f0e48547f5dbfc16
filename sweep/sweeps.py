"""A run from its configuration to its opened test split: start it, or go on with it. Shows nothing by itself."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from balancing.errors import UserError
from sweep.part_runs import new_run, run_first_stage, run_folds
from sweep.runs.folds import refuse_folds, refuse_part
from sweep.runs.interrupts import Interrupted as Interrupted  # what its callers catch
from sweep.runs.interrupts import Interrupts
from sweep.runs.run import Run
from sweep.runs.sole import claimed, note_the_end, sole
from sweep.runs.stages import decision_of

if TYPE_CHECKING:
    from sweep.config.config import Config
    from sweep.planning.folds import FoldedInputs
    from sweep.planning.funnel import Stages
    from sweep.planning.prepare import SweepInputs
    from sweep.runs.observer import Observer
    from sweep.runs.owner import Owner

    # What is done with a run whose sweep has ended while it is still this process's own, such as writing its report.
    Step = Callable[[Run, SweepInputs], None]


def start(
    config: Config,
    name: str,
    out: Path | None,
    observer: Observer,
    *,
    executor: str = "ray",
    resume: bool = False,
    steps: Sequence[Step] = (),
) -> Run:
    """A new run: checks everything, makes its folder, and runs the sweep.

    Args:
        config: what to run.
        name: of the preset, for the folder's name where ``out`` is None.
        out: the run folder, or None for a new one under runs/.
        observer: told what happens.
        executor: what trains the trials: ``ray``, or ``local``: this process, one after the other.
        resume: what a start that was killed before its first trial left in ``out`` may be written over.
        steps: done in this order after the sweep; a stop that was asked for is heard between two.
            Of two stages each is a sweep, see ``sweep.runs.stages.is_first``.
    Raises:
        UserError: a mistake; nothing has been started.
        Interrupted: the user stopped it; every epoch so far is kept.
    """
    from sweep.config.localpaths import with_absolute_paths
    from sweep.planning.prepare import free_run_folder
    from sweep.runs.out import claim_out, leave_out, missing_folders, no_half

    config = with_absolute_paths(config)
    _look_for(executor, config)
    path = out or free_run_folder(Path("runs"), name)
    missing = missing_folders(path)
    with Interrupts() as interrupts:
        try:
            with (
                claim_out(path, observer.note, resume=resume) as owner,
                no_half(path, owner.claim.check),
                sole(path, owner, interrupts, observer),
            ):
                config, inputs, parts = _prepared(path, config, observer, partial(_secure, executor, config, observer))
                made = new_run(path, config, inputs, owner.claim.check)
                _Work(executor, observer, owner, interrupts, steps).do_all(made, config, inputs, parts)
        except KeyboardInterrupt:  # before the run, which tells for itself
            interrupts.stop()
            observer.note("\nStopped before anything was trained; no run was made.")
            raise Interrupted from None
        finally:
            leave_out(path, missing)
    return Run(path)


def resume(
    path: Path,
    config: Config,
    observer: Observer,
    *,
    executor: str = "ray",
    allow_mixed: bool = False,
    steps: Sequence[Step] = (),
    seeds: int = 0,
) -> Run:
    """Goes on with a run, on the same data and with the same settings; where it runs may differ.

    Args:
        path: the run folder.
        config: its own.
        observer, executor, steps: as of ``start``.
        allow_mixed: go on although trials were trained with another release of torch.
        seeds: fresh ones that are added first; see ``more``.
    Raises:
        UserError, Interrupted: as ``start``.
    """
    from sweep.config.localpaths import with_absolute_paths
    from sweep.planning.adding import add_seeds
    from sweep.planning.resumable import check_data, check_same, check_versions

    found, config = Run(path), with_absolute_paths(config)
    refuse_part(found)
    check_same(found, config)
    _look_for(executor, config)
    with (
        Interrupts() as interrupts,
        claimed(path, observer) as owner,
        sole(path, owner, interrupts, observer),
    ):
        found = Run(path, owner.claim.check)
        for line in (*found.mend(), *check_versions(found, allow_mixed=allow_mixed)):
            observer.note(line)
        found.clean()
        config, inputs, parts = _prepared(path, config, observer, run=found)
        check_data(found, inputs)
        for line in found.mend_split(inputs.images, inputs.split):
            observer.note(line)
        if seeds:
            add_seeds(found, config, seeds)
        else:
            found.update_info(status="running")
        _Work(executor, observer, owner, interrupts, steps).do_all(found, config, inputs, parts)
    return Run(path)


def more(
    path: Path,
    config: Config,
    seeds: int,
    observer: Observer,
    *,
    executor: str = "ray",
    allow_mixed: bool = False,
    steps: Sequence[Step] = (),
) -> Run:
    """Adds fresh seeds of the chosen configurations to a run that has ended: they train, and the test split is opened.

    Where configurations were compared and no fresh seeds spoke, these alone speak from then on; else all do.

    Args:
        path, config, observer, executor, allow_mixed, steps: as of ``resume``.
        seeds: how many, of each technique.
    Raises:
        UserError, Interrupted: as ``resume``, which also goes on with what was added; or the run has not ended.
    """
    from sweep.planning.adding import check_addable

    found = Run(path)
    refuse_part(found)
    refuse_folds(found)
    check_addable(found, seeds)
    return resume(path, config, observer, executor=executor, allow_mixed=allow_mixed, steps=steps, seeds=seeds)


def _prepared(
    path: Path, config: Config, observer: Observer, secure: Callable[[], None] = lambda: None, run: Run | None = None
) -> tuple[Config, SweepInputs, Stages | FoldedInputs | None]:
    """Everything that can go wrong is asked for: what is left of the configuration, its inputs, and both stages where
    a first one has yet to decide, or all folds.

    Args:
        secure: what is made private before anything is read.
        run: that is gone on with, mended; None of a new one.
    Raises:
        UserError: see ``sweep.planning.prepare.prepare``.
    """
    from sweep.planning.folds import prepare_folds
    from sweep.planning.funnel import prepare_stages
    from sweep.planning.prepare import prepare, unheard
    from sweep.planning.room import require_room

    new = run is None
    tell = observer.note if new else unheard
    undecided = config.funnel is not None and (run is None or decision_of(run) is None)
    if not undecided and not config.data.folds:
        require_room(path, config, run)
    secure()
    if new:
        observer.note("Loading data and weights ...")
    if config.data.folds:
        folds = prepare_folds(config, bar=observer.bar, tell=tell, run=run)
        if new:
            folds.require_room(path)
        return folds.config, folds.inputs, folds
    if not undecided:
        inputs = prepare(config, bar=observer.bar, run=run, tell=tell)
        return (inputs.config or config) if new else config, inputs, None
    stages = prepare_stages(config, bar=observer.bar, tell=tell, run=run)
    require_room(path, stages.largest)
    return stages.config, stages.inputs, stages


def _look_for(executor: str, config: Config) -> None:
    """Raises UserError where what shall train the trials is known not to be there, before anything is made."""
    if executor == "local":
        from sweep.local import check_local

        check_local(config)
        return
    if executor != "ray":
        raise UserError(f"executor must be 'ray' or 'local', but is '{executor}'; give one of them")
    from sweep.cluster.address import check_address

    check_address(config.resources.address)


def _secure(executor: str, config: Config, observer: Observer) -> None:
    """Makes private what others could use to steer this run."""
    if executor == "ray":
        from sweep.cluster import ray_token

        for note in ray_token.make_private(create=not config.resources.address):
            observer.note(note)


@dataclass(frozen=True)
class _Work:
    """What one process does with a run that is its own: the sweep, then the steps after it."""

    executor: str
    observer: Observer
    owner: Owner
    interrupts: Interrupts
    steps: Sequence[Step]
    dashboard: str | None = None  # of the Ray that runs already

    def do_all(self, made: Run, config: Config, inputs: SweepInputs, parts: Stages | FoldedInputs | None) -> None:
        """The sweep with what comes before it, or all folds in its place."""
        from sweep.planning.folds import FoldedInputs

        def ended(path: Path, stopped: bool) -> None:
            note_the_end(path, self.owner, stopped=stopped)

        if isinstance(parts, FoldedInputs):
            run_folds(made, parts, self, ended)
            return
        if parts is not None:
            config, inputs = run_first_stage(made, parts, self, ended)
        self.do(made, config, inputs)

    def without_steps(self) -> _Work:
        return replace(self, steps=())

    @contextlib.contextmanager
    def session(self, config: Config) -> Iterator[_Work]:
        """The same on one Ray for several sweeps, one after the other."""
        if self.executor == "local":
            yield self
            return
        from sweep.cluster.session import kept_session

        with kept_session(config.resources, self.observer, self.interrupts) as dashboard:
            yield replace(self, dashboard=dashboard)

    def do(self, made: Run, config: Config, inputs: SweepInputs) -> None:
        if config.sweep.until_decided:
            from sweep.analysis.rounds import next_techniques

            inputs = replace(inputs, judge=next_techniques)
        if self.executor == "local":
            from sweep.local import run_locally

            if config.resources.address is not None:
                self.observer.note(
                    f"Trials train in this process: resources.address = {config.resources.address} is not looked at."
                )
            run_locally(made, config, inputs, self.observer, interrupts=self.interrupts)
        else:
            from sweep.cluster.tuner import run_sweep

            run_sweep(
                made,
                config,
                inputs,
                self.observer,
                claim=self.owner.claim,
                interrupts=self.interrupts,
                dashboard=self.dashboard,
            )
        for step in self.steps:
            self.interrupts.check()
            step(made, inputs)
