"""The sweep in this process, one trial after the other, without Ray: with the same ids and the same numbers."""

from __future__ import annotations

import time
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import torch

from balancing.components.neighbours.store import NeighbourStore
from balancing.cpus import usable_cpus
from balancing.errors import UserError
from sweep.borrowed import borrowed_process
from sweep.planning.bundles import groups_of, is_bundled
from sweep.planning.confirming import exploring_specs
from sweep.planning.finish import record_stop, sweep_until_whole
from sweep.planning.halving import PairedHalving, halving_epochs
from sweep.planning.prepare import SweepInputs
from sweep.planning.resumable import ended_trials, settle_precision
from sweep.planning.rounds import OptunaRounds, RecordedRounds
from sweep.planning.vectors import with_vectors
from sweep.runs.events import SafeEvents
from sweep.runs.files import now
from sweep.runs.interrupts import Interrupts
from sweep.runs.observer import Observer, tell
from sweep.runs.owner import NotOwner
from sweep.runs.run import Run
from sweep.runs.spec import TrialSpec
from sweep.training.attempt import (
    TooLong,
    begin_attempt,
    check_time,
    clean_process,
    last_line,
    predict_test,
    train_with_events,
)
from sweep.training.checkpoints import network_fault
from sweep.training.dtype import fast_precision
from sweep.training.inputs import SplitImages
from sweep.training.many.bundle import Ended, Workplace, train_bundle
from sweep.training.trial import Trial

if TYPE_CHECKING:
    from sweep.config.config import Config


class _Stopped(Exception):
    """Early stopping ended the trial after an epoch."""


def check_local(config: Config) -> None:
    """Raises UserError where a trial asks for more than this machine has, before anything is made."""
    gpus, cpus, there = config.resources.gpus_per_trial, config.resources.cpus_per_trial, usable_cpus()
    if gpus and not torch.cuda.is_available():
        raise UserError(f"--gpus-per-trial {gpus:g} asks for a GPU, but this machine has none; leave it away")
    if cpus is not None and cpus > there:
        raise UserError(f"--cpus-per-trial {cpus:g} asks for more CPUs than there are ({there}); ask for at most that")


def run_locally(
    run: Run, config: Config, inputs: SweepInputs, observer: Observer, *, interrupts: Interrupts | None = None
) -> None:
    """Runs, or goes on with, every trial that has not ended; then selects, opens the test split, and tidies up.

    Trials get the threads that Ray would give them: sums of floats depend on their number. What they change of the
    process is put back: see ``borrowed_process``.

    Args:
        run: its folder, just made or of an earlier start; guarded by the owner's claim.
        inputs: of the same configuration.
        observer: told what happens.
        interrupts: entered, so that a stop that is asked for is not lost.
    Raises:
        UserError: no trial gave a result, or Optuna is not installed.
        KeyboardInterrupt: the user stopped it; every epoch so far is recorded.
    """
    cpus = config.resources.cpus_per_trial if config.resources.cpus_per_trial is not None else 1.0
    gpus = config.resources.gpus_per_trial
    gpus = float(torch.cuda.is_available()) if gpus is None else gpus
    where = f"{gpus:g} GPU" if gpus else "CPU only"
    tell(observer.note, f"Trials run in this process, one after the other, on {cpus:g} CPU core(s) and {where}.")
    with borrowed_process():
        inputs = settle_precision(run, config, inputs, lambda: fast_precision("cuda" if gpus else "cpu"))
        inputs = with_vectors(run, config, inputs, observer, cuda=bool(gpus))
        here = _Here(run, config, inputs, observer, interrupts or Interrupts(), cpus=cpus, gpus=gpus)
        sweep_until_whole(run, config, inputs, here.train_all, here, partial(tell, observer.note))
    here.interrupts.check()


@dataclass(frozen=True)
class _Here:
    """This process as the place where trials train, networks are looked at and the test split is predicted."""

    run: Run
    config: Config
    inputs: SweepInputs
    observer: Observer
    interrupts: Interrupts
    cpus: float
    gpus: float

    @property
    def images(self) -> SplitImages:
        images, split = self.inputs.images, self.inputs.split
        return SplitImages(
            images.pixels,
            images.labels,
            images.class_names,
            split.train,
            split.validation,
            split.test,
            NeighbourStore(self.run.neighbours),
            gpu_share=self.gpus,
            vectors=self.inputs.vectors,
        )

    def train_all(self, given: Sequence[TrialSpec] | None) -> None:
        """Every trial that has not ended, in the order of the plan, or round by round.

        Args:
            given: of these; None: of those that explore.
        """
        run, config, metric = self.run, self.config, self.config.sweep.metric
        exploring = given is None
        searched = exploring and config.sweep.search != "grid"
        specs = exploring_specs(run, config, self.inputs) if given is None else given
        ended = ended_trials(run, specs)
        if exploring and not searched:
            run.write_specs(specs)
        waiting = [spec for spec in specs if spec.trial_id not in ended]
        if not searched and not waiting:
            return
        halving = None
        if exploring and config.sweep.scheduler == "asha":
            halving = PairedHalving(run, *halving_epochs(run, config))
        tell(self.observer.begin, specs, ended, metric, 1)
        try:
            if is_bundled(config, exploring=exploring):
                left = {spec.trial_id for spec in waiting}
                train_bundle(groups_of(specs, left, self.inputs.images.n_classes), self._workplace())
                return
            for spec in self._in_rounds() if searched else waiting:
                self._train(spec, halving)
        finally:
            tell(self.observer.end)

    def _workplace(self) -> Workplace:
        config = self.config

        def ended(trial: Ended) -> None:
            trial.tell(self.observer)

        return Workplace(
            run=self.run,
            images=self.images,
            clean=lambda: clean_process(0, self.cpus, self.gpus),
            retries=config.sweep.retries,
            resume_seconds=config.train.resume_seconds,
            limit=config.resources.trial_timeout,
            events=config.draws_events,
            started=partial(tell, self.observer.started),
            ended=ended,
            check=self.interrupts.check,
        )

    def _in_rounds(self) -> Iterator[TrialSpec]:
        rounds = RecordedRounds(OptunaRounds(self.config, self.inputs.fixed), self.run)
        while True:
            specs, waiting = rounds.begin()
            if not specs:
                return
            tell(self.observer.add, specs)
            yield from waiting

    def _train(self, spec: TrialSpec, halving: PairedHalving | None) -> None:
        """One trial to its end; one that fails is tried again, as often as Ray would, from its last file."""
        folder = self.run.trial(spec.trial_id)
        tell(self.observer.started, spec.trial_id)
        error = text = ""
        for _ in range(self.config.sweep.retries + 1):
            self.interrupts.check()
            try:
                ended, error = self._attempt(spec, halving), ""
                break
            except NotOwner:
                raise
            except Exception as failure:
                self.interrupts.check()
                if not folder.fault():  # it had ended before something beside it went wrong
                    ended, error = str(folder.status()["status"]), ""
                    break
                ended, error, text = "failed", last_line(failure), traceback.format_exc()
                if isinstance(failure, TooLong):  # tried again it would take as long
                    break
        if error:
            folder.write_error(text)
            folder.write_status("failed", error=error, finished=now())
        if halving and ended != "failed":
            halving.ended(spec)
        tell(self.observer.ended, spec.trial_id, ended, folder.status().get("error") or "")

    def _attempt(self, spec: TrialSpec, halving: PairedHalving | None) -> str:
        """Trains a trial, or goes on with it; returns how it ended."""
        run, began = self.run, time.monotonic()
        folder, device = run.trial(spec.trial_id), clean_process(spec.seed, self.cpus, self.gpus)
        begin_attempt(folder)
        if halving and not folder.last.exists():  # one under way is judged by its next epoch
            folder.clear()  # stopped here, it leaves nothing that is half of a lost attempt
            if not halving.starts(spec):
                return record_stop(run, spec, 0)

        def report(numbers: dict[str, Any]) -> None:
            tell(self.observer.epoch, spec.trial_id, numbers)
            self.interrupts.check()
            if halving and not halving.goes_on(spec, numbers):
                raise _Stopped
            if numbers["epoch"] < spec.epochs:
                check_time(time.monotonic() - began, self.config.resources.trial_timeout)

        trial = Trial(spec, self.images, folder, device=device, start=self.inputs.start)
        events = SafeEvents(run.events_folder(spec) if self.config.draws_events else None)
        try:
            return train_with_events(trial, events, report, self.config.train.resume_seconds)
        except _Stopped:
            return record_stop(run, spec, len(trial.progress.epochs))

    def faults(self, trial_ids: Sequence[str]) -> dict[str, str]:
        """See ``sweep.planning.finish.Tester``."""
        found = {trial_id: network_fault(self.run.trial(trial_id)) for trial_id in trial_ids}
        return {trial_id: fault for trial_id, fault in found.items() if fault}

    def open_test(self, trial_ids: Sequence[str]) -> None:
        """See ``sweep.planning.finish.Tester``."""
        predict_test(self.run, self.images, trial_ids, clean_process(0, self.cpus, self.gpus))
