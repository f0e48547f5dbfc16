"""A run from its configuration to its opened test split: start it, or go on with it. Shows nothing by itself."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from balancing.errors import UserError
from sweep.part_runs import run_first_stage, run_folds
from sweep.runs.folds import refuse_part
from sweep.runs.interrupts import Interrupted as Interrupted  # what its callers catch
from sweep.runs.interrupts import Interrupts
from sweep.runs.run import Run
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
                _sole(path, owner, interrupts, observer),
            ):
                config, inputs, parts = _prepared(path, config, observer, partial(_secure, executor, config, observer))
                made = Run.create(
                    path,
                    config_yaml=config.to_yaml(),
                    images=inputs.images,
                    split=inputs.split,
                    positive=inputs.positive,
                    notes=inputs.notes,
                    guard=owner.claim.check,
                )
                if inputs.audit is not None:
                    made.write_audit(inputs.audit)
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
) -> Run:
    """Goes on with a run, on the same data and with the same settings; where it runs may differ.

    Args:
        path: the run folder.
        config: its own.
        observer, executor, steps: as of ``start``.
        allow_mixed: go on although trials were trained with another release of torch.
    Raises:
        UserError, Interrupted: as ``start``.
    """
    from sweep.config.localpaths import with_absolute_paths
    from sweep.planning.resumable import check_data, check_same, check_versions

    found, config = Run(path), with_absolute_paths(config)
    refuse_part(found)
    check_same(found, config)
    _look_for(executor, config)
    with (
        Interrupts() as interrupts,
        _claimed(path, observer) as owner,
        _sole(path, owner, interrupts, observer),
    ):
        found = Run(path, owner.claim.check)
        for line in (*found.mend(), *check_versions(found, allow_mixed=allow_mixed)):
            observer.note(line)
        found.clean()
        config, inputs, parts = _prepared(path, config, observer, run=found)
        check_data(found, inputs)
        for line in found.mend_split(inputs.images, inputs.split):
            observer.note(line)
        found.update_info(status="running")
        _Work(executor, observer, owner, interrupts, steps).do_all(found, config, inputs, parts)
    return Run(path)


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
    from sweep.planning.prepare import prepare, require_room, unheard

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


def _claimed(path: Path, observer: Observer) -> Owner:
    from sweep.runs.owner import Owner

    try:
        return Owner(path, observer.note)
    except OSError as error:
        raise UserError(
            f"run {path} can't be written to ({(error.strerror or str(error)).lower()}); make it writable, or go on "
            "with a copy of it"
        ) from error


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
            _note_the_end(path, self.owner, stopped=stopped)

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


@contextlib.contextmanager
def _sole(path: Path, owner: Owner, interrupts: Interrupts, observer: Observer) -> Iterator[None]:
    """What its one owner does with a run: however that ends, run.json and the user are told, unless it has another."""
    from sweep.runs.outages import chain, outage
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
        observer.note(f"\nStopped. Everything so far is kept; go on by:  sweep resume {shlex.quote(str(path))}")
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

    with contextlib.suppress(NotOwner, OSError, UserError):
        made = Run(path, owner.claim.check)
        if stopped or made.info.get("status") == "running":
            made.update_info(status="interrupted")


def _taken_over(path: Path) -> UserError:
    return UserError(
        f"another process has taken run {path} over, so this one stopped and left it alone; wait for that one, or "
        "stop it and resume"
    )
