"""Bundles of head trials on Ray: each bundle is one trial of Tune's, each of its trials has a record of its own."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import ray
from ray import tune
from ray.tune.experiment import Trial

from sweep.cluster.search import Values
from sweep.cluster.session import Slots
from sweep.cluster.waiting import Patience, Waiting
from sweep.cluster.worker import Bundled, WorkerContext, train_bundle_on_worker
from sweep.planning.bundles import bundles_of, groups_of
from sweep.runs.files import now
from sweep.runs.interrupts import Interrupts
from sweep.runs.observer import Observer, tell
from sweep.runs.run import BUNDLE, Run
from sweep.runs.spec import TrialSpec
from sweep.training.bundle import Ended

if TYPE_CHECKING:
    from sweep.config.config import Config

# A worker ends a trial that takes too long by itself, after an epoch; one that hangs for longer is ended from here.
_GRACE = 1.2
_GRACE_SECONDS = 10.0


class Bundles:
    """The waiting trials of a sweep in bundles, and the tuner that runs them.

    Args:
        specs: all that are planned.
        waiting: those to train.
        concurrent: bundles at once; 0 where nodes join as they are needed.
    """

    def __init__(
        self,
        run: Run,
        config: Config,
        observer: Observer,
        interrupts: Interrupts,
        specs: Sequence[TrialSpec],
        waiting: Sequence[TrialSpec],
        concurrent: int,
    ):
        self.run, self.config, self.observer, self.interrupts = run, config, observer, interrupts
        groups = groups_of(specs, {spec.trial_id for spec in waiting}, len(run.class_names))
        self._bundles = [[group.to_dict() for group in bundle] for bundle in bundles_of(groups, concurrent)]

    def tuner(self, shared: WorkerContext, slots: Slots, waiting: Waiting, storage: str) -> tune.Tuner:
        """A tuner whose trials are the bundles.

        Args:
            storage: where Tune keeps its own state.
        """
        retries, limit = self.config.sweep.retries, self.config.resources.trial_timeout
        bundled = Bundled(retries, limit, uuid.uuid4().hex[:12])
        trainable = tune.with_resources(
            tune.with_parameters(
                train_bundle_on_worker, shared=replace(shared, bundled=bundled), cpus=slots.cpus, gpus=slots.gpus
            ),
            {"cpu": slots.cpus, "gpu": slots.gpus},
        )
        patience = BundlePatience(self.run, waiting, limit)
        # Each of its trials may take its worker with it, once among others and then by itself.
        largest = max(len(group["waiting"]) for bundle in self._bundles for group in bundle)
        most = (retries + 1) * max(sum(len(g["waiting"]) for g in bundle) for bundle in self._bundles) + largest
        return tune.Tuner(
            trainable,
            param_space={"bundle": tune.grid_search(Values(self._bundles))},
            tune_config=tune.TuneConfig(
                max_concurrent_trials=slots.concurrent or None,
                reuse_actors=True,
                trial_dirname_creator=lambda trial: trial.trial_id,
            ),
            run_config=tune.RunConfig(
                name="tune",
                storage_path=storage,
                verbose=1 if self.observer.verbose else 0,
                callbacks=[patience, BundleWatcher(self.run, self.observer, self.interrupts)],
                failure_config=tune.FailureConfig(max_failures=most),
            ),
        )


def _waiting_in(trial: Trial) -> list[str]:
    """Trial ids of a bundle."""
    return [trial_id for group in trial.config["bundle"] for trial_id in group["waiting"]]


class BundleWatcher(tune.Callback):
    """Tells the observer how the trials of bundles end, and records those that could not say so themselves."""

    def __init__(self, run: Run, observer: Observer, interrupts: Interrupts):
        self.run, self.observer, self.interrupts = run, observer, interrupts
        self._told: set[str] = set()

    def __reduce__(self) -> tuple[Any, ...]:
        """Tune pickles its callbacks for a restore that is never made; an empty one stands in."""
        return tune.Callback, ()

    def on_step_begin(self, iteration: int, trials: list[Trial], **info: Any) -> None:
        self.interrupts.check()  # a stop that was asked for where nobody could hear it

    def on_trial_start(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        self._begin(trial)

    def on_trial_result(self, iteration: int, trials: list[Trial], trial: Trial, result: dict, **info: Any) -> None:
        for values in result.get(BUNDLE, ()):
            self._end(Ended.from_dict(values))
        self._begin(trial)

    def on_trial_error(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        self.interrupts.check()  # who stops everything kills the workers too: that is no failure of theirs
        for trial_id in _waiting_in(trial):
            folder = self.run.trial(trial_id)
            if folder.fault() and folder.status()["status"] != "failed":
                error = str(trial.get_error() or "the worker was lost").strip().splitlines()[-1][:500]
                folder.write_error(str(trial.get_error() or error))
                folder.write_status("failed", error=error, finished=now())
            self._end(Ended.of(folder))

    def _begin(self, trial: Trial) -> None:
        """The group that trains next."""
        for group in trial.config["bundle"]:
            left = [trial_id for trial_id in group["waiting"] if trial_id not in self._told]
            for trial_id in left:
                tell(self.observer.started, trial_id)
            if left:
                return

    def _end(self, ended: Ended) -> None:
        if ended.trial_id not in self._told:
            self._told.add(ended.trial_id)
            ended.tell(self.observer)


class BundlePatience(Patience):
    """Of a bundle that tells nothing for longer than a trial may take, those that train are ended; the rest goes on."""

    def __init__(
        self,
        run: Run,
        waiting: Waiting,
        limit: float | None,
        kill: Callable[[Any], None] = ray.kill,
        clock: Callable[[], float] = time.monotonic,
    ):
        super().__init__(waiting, None if limit is None else _GRACE * limit + _GRACE_SECONDS, kill, clock)
        self._run, self._asked = run, limit

    def on_trial_result(self, iteration: int, trials: list[Trial], trial: Trial, result: Mapping, **info: Any) -> None:
        if trial.trial_id in self._running:
            self._running[trial.trial_id] = (trial, self._clock())

    def on_step_end(self, iteration: int, trials: list[Trial], **info: Any) -> None:
        super().on_step_end(iteration, trials, **info)
        self.reasons.clear()  # the bundle goes on, and may be ended again

    def _end(self, trial: Trial, ran: float) -> None:
        allowed = trial.max_failures
        wait, self._limit = self._limit, self._asked  # what the user has asked for is what is said
        super()._end(trial, ran)
        self._limit, trial.max_failures = wait, allowed
        reason = self.reasons.get(trial.trial_id)
        if reason is None:
            return
        self._running[trial.trial_id] = (trial, self._clock())
        for trial_id in _waiting_in(trial):
            folder = self._run.trial(trial_id)
            if folder.status()["status"] == "running":
                folder.write_error(reason)
                folder.write_status("failed", error=reason, finished=now())
