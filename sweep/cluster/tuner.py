"""The sweep on Ray: tuner, resume, selection, test.

Only this file, ``bundled``, ``session``, ``waiting``, ``worker`` and ``search`` import ray.

The records are the truth: a trial that ended by them is not run again, whatever Ray remembers. So a sweep is resumed
by starting a new tuner over the trials that have not ended, and nothing is ever unpickled from disk.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import ray
from ray import tune
from ray.tune.experiment import Trial

from sweep.cluster import ray_token
from sweep.cluster.bundled import Bundles
from sweep.cluster.search import GRID, PairedASHA, RoundSearcher, grid_of
from sweep.cluster.session import fit_slots, kept_session
from sweep.cluster.tester import RayTester
from sweep.cluster.travelling import travelling
from sweep.cluster.waiting import Patience, Waiting, get
from sweep.cluster.worker import (
    LookContext,
    WorkerContext,
    look_on_worker,
    precision_here,
    train_on_worker,
)
from sweep.planning.bundles import is_bundled
from sweep.planning.confirming import exploring_specs
from sweep.planning.finish import record_stop, sweep_until_whole
from sweep.planning.halving import halving_epochs
from sweep.planning.prepare import SweepInputs
from sweep.planning.resumable import ended_trials, settle_precision
from sweep.planning.rounds import OptunaRounds
from sweep.planning.vectors import with_vectors
from sweep.runs.files import now
from sweep.runs.interrupts import Interrupts
from sweep.runs.observer import Observer, tell
from sweep.runs.owner import Claim, NotOwner
from sweep.runs.run import ENDED_AS, Run
from sweep.runs.spec import TrialSpec
from sweep.training.dtype import fast_precision
from sweep.training.frozen.extract import Looks

if TYPE_CHECKING:
    from sweep.config.config import Config

_BLOCKS = 16  # of images that a frozen body looks at, in one task


def share(run: Run, inputs: SweepInputs, config: Config, claim: Claim | None) -> WorkerContext:
    """What trials need; on a cluster the pixels go into the object store, from where each node takes one copy."""
    images, split = inputs.images, inputs.split
    ref = ray.put(np.ascontiguousarray(images.pixels)) if config.resources.address else None
    return WorkerContext(
        run_path=str(run.path.resolve()),
        run_id=run.info["id"],
        pixels_path=str(images.pixels_path),
        pixels_ref=ref,
        **_vectors_of(inputs, config),
        labels=images.labels,
        class_names=images.class_names,
        train=split.train,
        validation=split.validation,
        test=split.test,
        start=inputs.start,
        resume_seconds=config.train.resume_seconds,
        claim=claim,
        halving=halving_epochs(run, config) if config.sweep.scheduler == "asha" else None,
        events=config.draws_events,
    )


def _vectors_of(inputs: SweepInputs, config: Config) -> dict[str, Any]:
    """What trials need of the vectors; on a cluster these go into the object store like the pixels."""
    found = inputs.vectors
    if found is None:
        return {}
    ref = ray.put(np.ascontiguousarray(found.rows)) if config.resources.address else None
    about = (found.mean, found.std, found.source)
    return {"vectors_path": str(inputs.vectors_path), "vectors_ref": ref, "vectors": about}


class _Watcher(tune.Callback):
    """Tells the observer what happens, and records how trials ended that could not say so themselves.

    Args:
        reasons: Tune's id of a trial -> why it was ended, where this process did it.
        interrupts: tells whether the user stops the sweep.
    """

    def __init__(self, run: Run, observer: Observer, reasons: Mapping[str, str], interrupts: Interrupts):
        self.run, self.observer, self.reasons, self.interrupts = run, observer, reasons, interrupts

    def __reduce__(self) -> tuple[Any, ...]:
        """Tune pickles its callbacks for a restore that is never made; an empty one stands in."""
        return tune.Callback, ()

    def on_step_begin(self, iteration: int, trials: list[Trial], **info: Any) -> None:
        self.interrupts.check()  # a stop that was asked for where nobody could hear it

    def on_trial_start(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        tell(self.observer.started, _id(trial))

    def on_trial_result(self, iteration: int, trials: list[Trial], trial: Trial, result: dict, **info: Any) -> None:
        if "numbers" in result:
            tell(self.observer.epoch, _id(trial), result["numbers"])

    def on_trial_complete(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        spec = TrialSpec.from_dict(trial.config["spec"])
        result = trial.last_result
        ended = result.get(ENDED_AS)
        if ended is None:  # the scheduler stopped it after an epoch: it could not say so itself
            ended = record_stop(self.run, spec, result.get("epoch", 0))
        tell(self.observer.ended, spec.trial_id, ended, result.get("error") or "")

    def on_trial_error(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        self.interrupts.check()  # who stops everything kills the workers too: that is no failure of theirs
        folder = self.run.trial(_id(trial))
        if folder.fault():
            told = _told(trial)
            ended, error = "failed", self.reasons.get(trial.trial_id) or _last_line(told)
            folder.write_error(told or error)
            folder.write_status(ended, error=error, finished=now())
        else:  # it had ended before its worker was lost, or killed
            ended, error = folder.status()["status"], folder.status().get("error") or ""
        tell(self.observer.ended, _id(trial), ended, error)


def _id(trial: Trial) -> str:
    return TrialSpec.from_dict(trial.config["spec"]).trial_id


def _told(trial: Trial) -> str:
    """What Tune noted of a trial's failures, the last one too; "" where that is nothing.

    Tune's own reader looks in the storage, where the note of a failure that nobody tries again does not lie yet.
    """
    try:
        return Path(trial.error_file).read_text(encoding="utf-8", errors="replace")
    except (OSError, TypeError):  # no such file, or no path to one
        return str(trial.get_error() or "")


def _last_line(told: str) -> str:
    """The error itself, without its traceback."""
    lines = [line.strip() for line in told.splitlines() if line.strip()]
    return lines[-1][:500] if lines else "the worker was lost"


def run_sweep(
    run: Run,
    config: Config,
    inputs: SweepInputs,
    observer: Observer,
    *,
    claim: Claim | None = None,
    interrupts: Interrupts | None = None,
    dashboard: str | None = None,
) -> None:
    """Runs, or goes on with, every trial that has not ended; then selects, opens the test split, and tidies up.

    Args:
        run: its folder, just made or of an earlier start.
        inputs: of the same configuration.
        observer: told what happens.
        claim: this process's on the run; trials write for it alone.
        interrupts: entered, so that a stop that is asked for is not lost.
        dashboard: of ``kept_session``, within which this is called; None begins one of its own.
    Raises:
        UserError: no Ray at the address, a trial asks for more than there is, or no trial gave a result.
        KeyboardInterrupt: the user stopped it; every epoch so far is recorded.
    """
    interrupts = interrupts or Interrupts()
    with contextlib.ExitStack() as stack:
        if dashboard is None:
            dashboard = stack.enter_context(kept_session(config.resources, observer, interrupts))
        try:
            sweep = Sweep(run, config, observer, claim, interrupts)
            sweep.say_where(dashboard)
            sweep.run_all(inputs)
            interrupts.check()
        except KeyboardInterrupt:
            interrupts.stop()  # Ray ends in peace, however long it takes
            with contextlib.suppress(NotOwner):
                run.update_info(status="interrupted")
            raise


class Sweep:
    """One start of a run's sweep on the Ray that is there.

    Args:
        run, config, observer, claim, interrupts: as of ``run_sweep``.
    """

    def __init__(self, run: Run, config: Config, observer: Observer, claim: Claim | None, interrupts: Interrupts):
        self.run, self.config, self.observer = run, config, observer
        self.claim, self.interrupts = claim, interrupts
        self.say = partial(tell, observer.note)
        self.slots = fit_slots(config.resources)

    def say_where(self, dashboard: str) -> None:
        """What a trial gets, how many run at once, and the dashboard's address, "" where there is none."""
        slots = self.slots
        where = f"{slots.gpus:g} GPU" if slots.gpus else "CPU only (no GPU here)"
        times = f"{slots.concurrent} at once" if slots.concurrent else "as many at once as nodes join"
        self.say(f"Trials run on {slots.cpus:g} CPU core(s) and {where} each, {times}.")
        if dashboard:
            hint = ray_token.where(joined=bool(self.config.resources.address))
            self.say(f"Ray dashboard: {dashboard} ({hint})")

    def run_all(self, inputs: SweepInputs) -> None:
        """Every trial, the selection, and the test split; see ``sweep.planning.finish.sweep_until_whole``."""
        inputs = settle_precision(self.run, self.config, inputs, self._fast_precision)
        inputs = with_vectors(
            self.run,
            self.config,
            inputs,
            self.observer,
            cuda=bool(self.slots.gpus),
            elsewhere=partial(self._looked_at, inputs) if self.slots.gpus else None,
        )
        with travelling(self.config.space.techniques) as components:
            shared = replace(share(self.run, inputs, self.config, self.claim), components=components)
            tester = RayTester(shared, self.slots, self._waiting())
            train = partial(self._tune, inputs, shared)
            sweep_until_whole(self.run, self.config, inputs, train, tester, self.say)

    def _waiting(self) -> Waiting:
        return Waiting(self.slots, self.say)

    def _fast_precision(self) -> str:
        """A worker that has what a trial gets is asked, except where that is this machine's processor."""
        slots = self.slots
        if not (self.config.resources.address or slots.gpus):
            return fast_precision("cpu")
        ask = ray.remote(num_cpus=slots.cpus, num_gpus=slots.gpus)(precision_here)
        found: str = get(ask.remote(slots.gpus), self._waiting(), "all trials wait")
        return found

    def _looked_at(self, inputs: SweepInputs, spec: TrialSpec, looks: Looks) -> Iterator[np.ndarray]:
        """What a frozen body makes of images, on workers that have what a trial gets; see ``with_vectors``."""
        slots, images = self.slots, inputs.images
        pixels = ray.put(np.ascontiguousarray(images.pixels)) if self.config.resources.address else None
        given = ray.put(LookContext(str(images.pixels_path), pixels, inputs.start, spec, looks))
        look = ray.remote(num_cpus=slots.cpus, num_gpus=slots.gpus, max_retries=2)(look_on_worker)
        blocks = looks.blocks
        parts = [blocks[start : start + _BLOCKS] for start in range(0, len(blocks), _BLOCKS)]
        asked = [look.remote(given, part, slots.cpus, slots.gpus) for part in parts]
        waiting = self._waiting()
        for answer in asked:
            yield get(answer, waiting, "the frozen network waits to look at the images")

    def _tune(self, inputs: SweepInputs, shared: WorkerContext, given: Sequence[TrialSpec] | None) -> None:
        """Every trial that has not ended, by Tune: of those given, or of those that explore."""
        config, run, slots, exploring = self.config, self.run, self.slots, given is None
        specs = exploring_specs(run, config, inputs) if given is None else given
        ended = ended_trials(run, specs)
        searcher = None
        if not exploring:
            shared = replace(shared, halving=None)
        if config.sweep.search == GRID or not exploring:
            if exploring:
                run.write_specs(specs)
            waiting = [spec for spec in specs if spec.trial_id not in ended]
            if not waiting:
                return
            space, samples = grid_of(waiting), 1
            if is_bundled(config, exploring=exploring):
                bundles = Bundles(run, config, self.observer, self.interrupts, specs, waiting, slots.concurrent)
                self._fit(bundles.tuner(shared, slots, self._waiting(), self._storage), specs, ended)
                return
        else:
            rounds = OptunaRounds(config, inputs.fixed)
            searcher = RoundSearcher(rounds, run, self.observer)
            space, samples = {}, rounds.total
        scheduler = PairedASHA(*shared.halving, run) if shared.halving else None
        trainable = tune.with_resources(
            tune.with_parameters(train_on_worker, shared=shared, cpus=slots.cpus, gpus=slots.gpus),
            {"cpu": slots.cpus, "gpu": slots.gpus},
        )
        tuner = tune.Tuner(
            trainable,
            param_space=space,
            tune_config=tune.TuneConfig(
                num_samples=samples,
                max_concurrent_trials=slots.concurrent or None,
                reuse_actors=True,
                scheduler=scheduler,
                search_alg=searcher,
                trial_dirname_creator=lambda trial: trial.trial_id,
            ),
            run_config=self._run_config(),
        )
        self._fit(tuner, specs, ended)

    def _fit(self, tuner: tune.Tuner, specs: Sequence[TrialSpec], ended: Mapping[str, Any]) -> None:
        tell(self.observer.begin, specs, ended, self.config.sweep.metric, self.slots.concurrent)
        try:
            tuner.fit()
        finally:
            tell(self.observer.end)

    @property
    def _storage(self) -> str:
        """Where Tune keeps its own state."""
        return str(self.run.path.resolve() / "ray")

    def _run_config(self) -> tune.RunConfig:
        patience = Patience(self._waiting(), self.config.resources.trial_timeout)
        return tune.RunConfig(
            name="tune",
            storage_path=self._storage,
            verbose=1 if self.observer.verbose else 0,
            callbacks=[patience, _Watcher(self.run, self.observer, patience.reasons, self.interrupts)],
            failure_config=tune.FailureConfig(max_failures=self.config.sweep.retries),
        )
