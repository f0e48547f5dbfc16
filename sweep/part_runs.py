"""Runs that belong to another: its first stage, and its folds, each a sweep with its own selection and opening."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from sweep.runs.files import now
from sweep.runs.folds import begun_folds, fold_path, mark_fold, mark_whole, places_of
from sweep.runs.run import Run
from sweep.runs.stages import first_of, first_path, mark_first, write_decision

if TYPE_CHECKING:
    from sweep.config.config import Config
    from sweep.planning.folds import FoldedInputs
    from sweep.planning.funnel import Stages
    from sweep.planning.prepare import SweepInputs
    from sweep.runs.interrupts import Interrupts
    from sweep.runs.observer import Observer
    from sweep.runs.owner import Owner


# Has run.json of a folder say that it is not worked on, where its sweep ended early; whether by the user.
Ended = Callable[[Path, bool], None]


class Work(Protocol):
    """What one process does with runs that are its own; see ``sweep.sweeps``."""

    @property
    def observer(self) -> Observer: ...
    @property
    def owner(self) -> Owner: ...
    @property
    def interrupts(self) -> Interrupts: ...
    @property
    def steps(self) -> Sequence[Callable[[Run, SweepInputs], None]]: ...
    def do(self, made: Run, config: Config, inputs: SweepInputs) -> None: ...
    def without_steps(self) -> Work: ...
    def session(self, config: Config) -> AbstractContextManager[Work]: ...


def new_run(path: Path, config: Config, inputs: SweepInputs, guard: Callable[[], None]) -> Run:
    """The folder of a run that will train on these inputs, with what was found in its data."""
    made = Run.create(
        path,
        config_yaml=config.to_yaml(),
        images=inputs.images,
        split=inputs.split,
        positive=inputs.positive,
        notes=inputs.notes,
        guard=guard,
    )
    if inputs.audit is not None:
        made.write_audit(inputs.audit)
    return made


def run_first_stage(made: Run, stages: Stages, work: Work, ended: Ended) -> tuple[Config, SweepInputs]:
    """Runs the first stage in RUN/first, or goes on with it; returns what it decided that the second one trains."""
    from sweep.planning.funnel import decide, second_inputs, second_stage
    from sweep.planning.resumable import check_data
    from sweep.planning.room import require_room

    observer, guard = work.observer, work.owner.claim.check
    path, inputs = first_path(made), stages.first_inputs
    first = first_of(made)
    require_room(path, stages.first, first)
    observer.note(f"First of two stages: {len(stages.first.space.techniques)} techniques, in {path}.")
    if first is None:
        first = new_run(path, stages.first, inputs, guard)
    else:
        for line in first.mend():
            observer.note(line)
        first.clean()
        check_data(first, inputs)
        for line in first.mend_split(inputs.images, inputs.split):
            observer.note(line)
        if inputs.audit is not None:
            first.write_audit(inputs.audit)
    mark_first(first)
    try:
        work.do(first, stages.first, inputs)
    except BaseException as error:
        ended(path, isinstance(error, KeyboardInterrupt))
        raise
    decision = decide(first, stages)
    config = second_stage(stages.config, decision["techniques"])
    after, notes = second_inputs(stages, config)
    write_decision(made, decision, config.to_yaml(), list(after.notes))
    observer.note(f"Second of two stages, by validation results: {', '.join(decision['techniques'])}.")
    for note in notes:
        observer.note(note)
    work.interrupts.check()
    return config, after


def run_folds(made: Run, found: FoldedInputs, work: Work, ended: Ended) -> None:
    """Runs all folds of a run, or goes on with them; then what follows a sweep is done with the whole.

    Args:
        made: the whole run.
        found: its folds.
        work: see ``sweep.sweeps``; one Ray serves all folds.
        ended: see ``Ended``.
    """
    from sweep.planning.resumable import check_data

    observer, guard = work.observer, work.owner.claim.check
    mark_whole(made, found.folds.folds, found.folds.repeats)
    begun = begun_folds(made)
    for place, there in begun.items():  # all are looked at before any goes on
        check_data(there, found.each[place.number - 1])
    config = found.config_of_each
    with work.session(config) as here:
        for place in places_of(made):
            path, run = fold_path(made, place.number), begun.get(place)
            work.interrupts.check()
            found.require_room(path, place.number - 1, run)
            was_finished = run is not None and run.info.get("status") == "finished"
            inputs = found.audited(place.number) if run is None else found.each[place.number - 1]
            if not was_finished:
                observer.note(f"{str(place).capitalize()}, in {path}.")
            if run is None:
                run = new_run(path, config, inputs, guard)
            else:
                for line in run.mend():
                    observer.note(line)
                run.clean()
                for line in run.mend_split(inputs.images, inputs.split):
                    observer.note(line)
            mark_fold(run, place)
            told = was_finished and (path / "report" / "index.html").is_file()
            try:
                (here.without_steps() if told else here).do(run, config, inputs)
            except BaseException as error:
                ended(path, isinstance(error, KeyboardInterrupt))
                raise
    made.update_info(status="finished", finished=now())
    for step in work.steps:
        work.interrupts.check()
        step(made, found.inputs)
