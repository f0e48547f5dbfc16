"""The sweep on Ray: tuner, resume, selection, test.

Only this file, ``session``, ``waiting``, ``worker`` and ``search`` import ray.

The records are the truth: a trial that ended by them is not run again, whatever Ray remembers. So a sweep is resumed
by starting a new tuner over the trials that have not ended, and nothing is ever unpickled from disk.
"""

from __future__ import annotations

import contextlib
import shlex
import shutil
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import ray
from ray import tune
from ray.tune.experiment import Trial

from balancing.errors import UserError
from sweep.cluster import ray_token
from sweep.cluster.search import GRID, OptunaRounds, PairedASHA, RoundSearcher, grid_of
from sweep.cluster.session import Slots, fit_slots, ray_session
from sweep.cluster.waiting import Patience, Waiting, get
from sweep.cluster.worker import Shared, check_networks, open_test, precision_here, train_on_worker
from sweep.config.size import span
from sweep.planning.halving import grace_epochs
from sweep.planning.prepare import Prepared
from sweep.runs.events import SafeEvents
from sweep.runs.files import now
from sweep.runs.interrupts import Interrupts
from sweep.runs.observer import Observer, tell
from sweep.runs.owner import Claim, NotOwner
from sweep.runs.run import ENDED_AS, Run
from sweep.runs.selection import select
from sweep.runs.spec import TrialSpec
from sweep.runs.trial_folder import ENDED
from sweep.training.dtype import fast_precision

if TYPE_CHECKING:
    from sweep.config.config import Config


# How often chosen trials may turn out to have lost their networks before somebody is told.
_ROUNDS = 3


def share(run: Run, prepared: Prepared, config: Config, claim: Claim | None) -> Shared:
    """What trials need; on a cluster the pixels go into the object store, from where each node takes one copy."""
    images, split = prepared.images, prepared.split
    ref = ray.put(np.ascontiguousarray(images.pixels)) if config.resources.address else None
    return Shared(
        run_path=str(run.path.resolve()),
        run_id=run.info["id"],
        pixels_path=str(images.pixels_path),
        pixels_ref=ref,
        labels=images.labels,
        class_names=images.class_names,
        train=split.train,
        validation=split.validation,
        test=split.test,
        start=prepared.start,
        resume_seconds=config.train.resume_seconds,
        claim=claim,
        halving=_halving(run, config) if config.sweep.scheduler == "asha" else None,
    )


def _halving(run: Run, config: Config) -> tuple[int, int]:
    """The most epochs of any trial, and the epochs that every trial gets."""
    train, batch = sum(run.info["data"]["class_counts"]["train"]), int(span(config.space.batch_size)[1])
    return int(span(config.space.epochs)[1]), config.sweep.grace or grace_epochs(train, batch)


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
            ended = "done" if result.get("epoch", 0) >= spec.epochs else "stopped"
            folder = self.run.trial(spec.trial_id)
            folder.write_spec(spec)  # one that was not begun has none yet
            folder.write_status(ended, finished=now())
            folder.tidy()
            if "epoch" in result:
                events = SafeEvents(self.run.events_folder(spec))
                events.finish_trial(spec, folder, self.run.class_names)
                if events.error:
                    folder.write_status(ended, events_error=events.error)
        tell(self.observer.ended, spec.trial_id, ended, result.get("error") or "")

    def on_trial_error(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        self.interrupts.check()  # who stops everything kills the workers too: that is no failure of theirs
        folder = self.run.trial(_id(trial))
        if folder.fault():
            ended, error = "failed", self.reasons.get(trial.trial_id) or _last_line(trial)
            folder.write_error(str(trial.get_error() or error))
            folder.write_status(ended, error=error, finished=now())
        else:  # it had ended before its worker was lost, or killed
            ended, error = folder.status()["status"], folder.status().get("error") or ""
        tell(self.observer.ended, _id(trial), ended, error)


def _id(trial: Trial) -> str:
    return TrialSpec.from_dict(trial.config["spec"]).trial_id


def _last_line(trial: Trial) -> str:
    """The error itself, without its traceback."""
    error = trial.get_error()
    lines = [line.strip() for line in str(error or "the worker was lost").splitlines() if line.strip()]
    return lines[-1][:500] if lines else type(error).__name__


def ended_trials(run: Run, specs: Sequence[TrialSpec], metric: str) -> dict[str, tuple[str, float | None]]:
    """Trial id -> (state, best value) of those that need not run again; those whose records are damaged must."""
    ended = {}
    for spec in specs:
        folder = run.trial(spec.trial_id)
        status = folder.status()
        if status["status"] not in ENDED or folder.fault():
            continue
        values = [e[metric] for e in folder.epochs() if e.get(metric) is not None]
        ended[spec.trial_id] = (status["status"], max(values, default=None))
    return ended


def run_sweep(
    run: Run,
    config: Config,
    prepared: Prepared,
    observer: Observer,
    *,
    claim: Claim | None = None,
    interrupts: Interrupts | None = None,
) -> None:
    """Runs, or goes on with, every trial that has not ended; then selects, opens the test split, and tidies up.

    Args:
        run: its folder, just made or of an earlier start.
        prepared: of the same configuration.
        observer: told what happens.
        claim: this process's on the run; trials write for it alone.
        interrupts: entered, so that a stop that is asked for is not lost.
    Raises:
        UserError: no Ray at the address, a trial asks for more than there is, or no trial gave a result.
        KeyboardInterrupt: the user stopped it; every epoch so far is recorded.
    """
    interrupts = interrupts or Interrupts()
    with contextlib.ExitStack() as stack:
        with interrupts.kept():
            say = partial(tell, observer.note)
            dashboard = stack.enter_context(ray_session(config.resources, verbose=observer.verbose, say=say))
        interrupts.install()  # Ray puts in its own
        try:
            slots = fit_slots(config.resources)
            _say_where(observer, slots, dashboard, config)
            waiting = Waiting(slots, partial(tell, observer.note))
            prepared = settle_precision(run, config, prepared, slots, waiting)
            shared = share(run, prepared, config, claim)
            _sweep_until_whole(run, config, prepared, shared, slots, observer, waiting, interrupts)
            interrupts.check()
        except KeyboardInterrupt:
            interrupts.stop()  # Ray ends in peace, however long it takes
            with contextlib.suppress(NotOwner):
                run.update_info(status="interrupted")
            raise


def _sweep_until_whole(
    run: Run,
    config: Config,
    prepared: Prepared,
    shared: Shared,
    slots: Slots,
    observer: Observer,
    waiting: Waiting,
    interrupts: Interrupts,
) -> None:
    """Sweeps and selects; where a chosen trial's network is gone, that trial is trained again, and chosen anew."""
    for _ in range(_ROUNDS):
        _tune(run, config, prepared, shared, slots, observer, interrupts)
        faults = finish(run, config, shared, slots, waiting)
        if not faults:
            return
        for trial_id, fault in faults.items():
            run.trial(trial_id).reopen(fault)
            tell(
                observer.note, f"Trial {trial_id} was chosen, but {fault}: it counts as not ended and is trained again."
            )
    run.update_info(status="failed")
    raise UserError(
        f"chosen trials of {run.path} keep losing their networks ({next(iter(faults.values()))}); make sure that "
        f"nothing else writes there, then `sweep resume {shlex.quote(str(run.path))}`"
    )


def settle_precision(run: Run, config: Config, prepared: Prepared, slots: Slots, waiting: Waiting) -> Prepared:
    """``precision: auto`` made a fact of the run, once: a resume on other hardware keeps it.

    A worker that has what a trial gets is asked, except where that is this machine's processor.
    """
    if config.train.precision != "auto":
        return prepared
    precision = run.info.get("precision")
    if precision is None:
        if config.resources.address or slots.gpus:
            ask = ray.remote(num_cpus=slots.cpus, num_gpus=slots.gpus)(precision_here)
            precision = get(ask.remote(slots.gpus), waiting, "all trials wait")
        else:
            precision = fast_precision("cpu")
        run.update_info(precision=precision)
    return prepared.in_precision(precision)


def _say_where(observer: Observer, slots: Slots, dashboard: str, config: Config) -> None:
    where = f"{slots.gpus:g} GPU" if slots.gpus else "CPU only (no GPU here)"
    times = f"{slots.concurrent} at once" if slots.concurrent else "as many at once as nodes join"
    tell(observer.note, f"Trials run on {slots.cpus:g} CPU core(s) and {where} each, {times}.")
    if dashboard:
        hint = ray_token.where(joined=bool(config.resources.address))
        tell(observer.note, f"Ray dashboard: {dashboard} ({hint})")


def _tune(
    run: Run,
    config: Config,
    prepared: Prepared,
    shared: Shared,
    slots: Slots,
    observer: Observer,
    interrupts: Interrupts,
) -> None:
    metric = config.sweep.metric
    specs = run.specs() or (prepared.specs(config) if config.sweep.search == GRID else [])
    ended = ended_trials(run, specs, metric)
    searcher = None
    if config.sweep.search == GRID:
        run.write_specs(specs)
        waiting = [spec for spec in specs if spec.trial_id not in ended]
        if not waiting:
            return
        space, samples = grid_of(waiting), 1
    else:
        rounds = OptunaRounds(config, prepared.fixed)
        searcher = RoundSearcher(rounds, run, observer)
        space, samples = {}, rounds.total
    scheduler = PairedASHA(metric, *shared.halving, run) if shared.halving else None
    trainable = tune.with_resources(
        tune.with_parameters(train_on_worker, shared=shared, cpus=slots.cpus, gpus=slots.gpus),
        {"cpu": slots.cpus, "gpu": slots.gpus},
    )
    patience = Patience(Waiting(slots, partial(tell, observer.note)), config.resources.trial_timeout)
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
        run_config=tune.RunConfig(
            name="tune",
            storage_path=str(run.path.resolve() / "ray"),
            verbose=1 if observer.verbose else 0,
            callbacks=[patience, _Watcher(run, observer, patience.reasons, interrupts)],
            failure_config=tune.FailureConfig(max_failures=config.sweep.retries),
        ),
    )
    tell(observer.begin, specs, ended, metric, slots.concurrent)
    try:
        tuner.fit()
    finally:
        tell(observer.end)


def finish(run: Run, config: Config, shared: Shared, slots: Slots, waiting: Waiting) -> dict[str, str]:
    """Chooses a configuration for each technique on validation, opens the test split for those, tidies up.

    Returns:
        Trial id -> why its network can't stand for its record, of the chosen trials; where there is one, the test split
        is not opened and nothing is tidied up.
    Raises:
        UserError: no trial ended with a result.
    """
    trials = run.trials()
    selection = [] if trials.empty or config.sweep.metric not in trials else select(trials, config.sweep.metric)
    if not selection:
        errors: list[str] = [] if trials.empty else trials["error"].dropna().tolist()
        reason = f" ({errors[0]})" if len(errors) else ""
        run.update_info(status="failed")
        raise UserError(f"no trial ended with a result{reason}; the records are in {run.path}")
    chosen = [trial_id for choice in selection for trial_id in choice["trial_ids"]]
    ref = ray.put(shared)
    check = ray.remote(num_cpus=slots.cpus, num_gpus=slots.gpus, max_retries=2)(check_networks)
    faults: dict[str, str] = get(check.remote(chosen, ref), waiting, "the chosen networks wait to be looked at")
    if faults:
        return faults
    run.write_selection(selection)
    unopened = [trial_id for trial_id in chosen if not run.trial(trial_id).is_tested()]
    if unopened and len(shared.test):
        run.record_test_opening(unopened)
        task = ray.remote(num_cpus=slots.cpus, num_gpus=slots.gpus, max_retries=2)(open_test)
        lanes = np.array_split(unopened, min(len(unopened), slots.concurrent or len(unopened)))
        get([task.remote(list(lane), ref, slots.cpus, slots.gpus) for lane in lanes], waiting, "the test split waits")
    # A failed trial may still be run by a resume, and then another configuration be chosen: keep its network.
    if not (trials["status"] == "failed").any():
        for trial_id in set(trials["trial_id"]) - set(chosen):
            run.guard()
            run.trial(trial_id).best.unlink(missing_ok=True)
    run.guard()
    shutil.rmtree(run.path / "ray", ignore_errors=True)  # Tune's own state: the records hold all that is needed
    run.update_info(status="finished", finished=now())
    return {}
