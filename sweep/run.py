"""The sweep on Ray: session, resources, tuner, resume. With ``search.py`` the only file that imports ray.

The records are the truth: a trial that ended by them is not run again, whatever Ray remembers. So a sweep is resumed
by starting a new tuner over the trials that have not ended, and nothing is ever unpickled from disk.
"""

from __future__ import annotations

import logging
import os
import shutil
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

# Ours are the records and the progress; Ctrl-C is ours too. Read by Ray when it is imported or starts.
os.environ.setdefault("TUNE_DISABLE_AUTO_CALLBACK_LOGGERS", "1")
os.environ.setdefault("TUNE_DISABLE_SIGINT_HANDLER", "1")
os.environ.setdefault("TUNE_DISABLE_STRICT_METRIC_CHECKING", "1")
os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")

import ray
from ray import tune
from ray.tune.experiment import Trial

from balancing.errors import UserError
from sweep.prepare import Prepared
from sweep.records import ENDED, Run, now
from sweep.search import GRID, OptunaRounds, PairedASHA, RoundSearcher
from sweep.selection import select
from sweep.space import TrialSpec, span

if TYPE_CHECKING:
    from rich.console import Console

    from sweep.config import Config, ResourceConfig
    from sweep.progress import Progress

_CONNECT_SECONDS = 5.0
# The key of a trial's last report, which says how it ended. Files can lag behind on shared storage; reports can't.
_ENDED = "ended"


@dataclass(frozen=True)
class Slots:
    """What one trial gets, and how many run at once."""

    cpus: float
    gpus: float
    concurrent: int


@dataclass(frozen=True)
class Shared:
    """What every trial of a run needs; goes through Ray's object store once.

    Args:
        run_path, run_id: the run folder; every node must see it.
        pixels_path: the memory-mapped pixels, used where this node has them.
        pixels_ref: the pixels in the object store, for other nodes; None on one machine.
        labels, class_names, train, validation, test: as in ``SplitImages``.
        start: starting weights without a head, or None.
        resume_seconds: least time between two files to go on from.
    """

    run_path: str
    run_id: str
    pixels_path: str
    pixels_shape: tuple[int, ...]
    pixels_ref: Any
    labels: np.ndarray
    class_names: tuple[str, ...]
    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    start: Mapping[str, Any] | None
    resume_seconds: float


@contextmanager
def ray_session(resources: ResourceConfig, *, verbose: bool = False) -> Iterator[str]:
    """Joins the cluster at ``resources.address``, or starts Ray here with its dashboard on 127.0.0.1.

    Yields:
        The dashboard's address, or "" where there is none.
    Raises:
        UserError: no Ray at the address.
    """
    common: dict[str, Any] = {
        "log_to_driver": verbose,
        "logging_level": logging.INFO if verbose else logging.ERROR,
        "configure_logging": True,
    }
    if resources.address:
        _check_address(resources.address)
        try:
            context = ray.init(address=resources.address, **common)
        except (ConnectionError, RuntimeError, ValueError, TimeoutError) as error:
            raise _no_ray(resources.address, str(error).strip().splitlines()[0]) from error
    else:
        context = ray.init(
            address="local", num_cpus=_usable_cpus(), include_dashboard=True, dashboard_host="127.0.0.1", **common
        )
    if not verbose:
        logging.getLogger("ray.tune").setLevel(logging.ERROR)
    try:
        url = context.dashboard_url
        yield f"http://{url}" if url else ""
    finally:
        ray.shutdown()


def _usable_cpus() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _no_ray(address: str, reason: str) -> UserError:
    return UserError(
        f"no Ray cluster answers at --address {address} ({reason}); start one by `ray start --head`, or leave "
        "--address away to run on this machine"
    )


def _check_address(address: str) -> None:
    """Asks the address for a connection first: Ray itself would wait for minutes."""
    if address.startswith("ray://"):
        raise UserError(
            f"--address {address} is a Ray Client address, through which records can't be written; submit the sweep as "
            "a job on the cluster: `ray job submit -- sweep run ... --address auto`"
        )
    if address == "auto":
        return
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        raise UserError(f"--address must be 'auto' or HOST:PORT, but is '{address}'; Ray's port is 6379 by default")
    try:
        socket.create_connection((host, int(port)), timeout=_CONNECT_SECONDS).close()
    except OSError as error:
        raise _no_ray(address, str(error)) from error


def fit_slots(resources: ResourceConfig) -> Slots:
    """What a trial gets on the Ray that is running, and how many fit at once.

    Raises:
        UserError: a trial asks for more than any node has.
    """
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    most_gpus = max((node.get("GPU", 0) for node in nodes), default=0)
    most_cpus = max((node.get("CPU", 0) for node in nodes), default=0)
    gpus = resources.gpus_per_trial if resources.gpus_per_trial is not None else float(most_gpus > 0)
    cpus = resources.cpus_per_trial if resources.cpus_per_trial is not None else 1.0
    if not resources.autoscaling:
        for name, option, asked, there in (("GPUs", "gpus", gpus, most_gpus), ("CPUs", "cpus", cpus, most_cpus)):
            if asked > there:
                raise UserError(
                    f"--{option}-per-trial {asked:g} asks for more {name} than any node has ({there:g}); ask for at "
                    f"most {there:g}, or, where nodes join on demand, add --set resources.autoscaling=true"
                )
    fitting = sum(
        int(min(node.get("CPU", 0) // cpus, node.get("GPU", 0) // gpus if gpus else np.inf)) for node in nodes
    )
    concurrent = max(1, fitting)
    if resources.max_concurrent is not None:
        concurrent = resources.max_concurrent if resources.autoscaling else min(concurrent, resources.max_concurrent)
    elif resources.autoscaling:
        concurrent = 0  # no limit: the autoscaler adds nodes for what waits
    return Slots(cpus, gpus, concurrent)


def share(run: Run, prepared: Prepared, config: Config) -> Shared:
    """What trials need; on a cluster the pixels go into the object store, from where each node takes one copy."""
    images, split = prepared.images, prepared.split
    ref = ray.put(np.ascontiguousarray(images.pixels)) if config.resources.address else None
    return Shared(
        run_path=str(run.path.resolve()),
        run_id=run.info["id"],
        pixels_path=str(images.pixels_path),
        pixels_shape=images.pixels.shape,
        pixels_ref=ref,
        labels=images.labels,
        class_names=images.class_names,
        train=split.train,
        validation=split.validation,
        test=split.test,
        start=prepared.start,
        resume_seconds=config.train.resume_seconds,
    )


def _open_shared(shared: Shared) -> tuple[Any, Run]:
    """On a worker: the images (one copy a node) and the run folder."""
    from sweep.trial import SplitImages

    path = Path(shared.run_path)
    if not (path / "run.json").is_file() or Run(path).info["id"] != shared.run_id:
        raise RuntimeError(
            f"node {socket.gethostname()} does not see the run folder {path}; put --out on shared storage"
        )
    if Path(shared.pixels_path).is_file():
        pixels = np.load(shared.pixels_path, mmap_mode="r")
    elif shared.pixels_ref is not None:
        pixels = ray.get(shared.pixels_ref)
    else:
        raise RuntimeError(f"node {socket.gethostname()} does not see the decoded images {shared.pixels_path}")
    images = SplitImages(pixels, shared.labels, shared.class_names, shared.train, shared.validation, shared.test)
    return images, Run(path)


def _clean_worker(seed: int, cpus: float) -> Any:
    """Makes a reused worker as good as new; returns its device."""
    import gc
    import random

    import torch

    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - libraries may draw from it
    torch.manual_seed(seed)
    torch.set_num_threads(max(1, int(cpus)))
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
        return torch.device("cuda")
    return torch.device("cpu")


def _trainable(config: dict[str, Any], *, shared: Shared, cpus: float) -> None:
    """One trial, on a worker."""
    from sweep.events import TrialEvents
    from sweep.trial import train_trial

    spec = TrialSpec.from_dict(config["spec"])
    device = _clean_worker(spec.seed, cpus)
    images, run = _open_shared(shared)
    folder = run.trial(spec.trial_id)
    status = folder.status()
    folder.write_status("running", attempts=status.get("attempts", 0) + 1, node=socket.gethostname(), pid=os.getpid())
    events: TrialEvents | None = None

    def report(numbers: dict[str, Any]) -> None:
        nonlocal events
        if events is None:
            events = TrialEvents(run.path / "tensorboard" / f"{spec.technique}-{spec.trial_id}", numbers["epoch"])
        events.epoch(numbers)
        tune.report({name: numbers[name] for name in ("epoch", spec.metric)} | {"numbers": numbers})

    try:
        ended = train_trial(
            spec, images, folder, device=device, start=shared.start, report=report, resume_seconds=shared.resume_seconds
        )
        if events is not None and ended == "done":
            best_epoch = folder.status()["best_epoch"]
            best = next(e for e in folder.epochs() if e["epoch"] == best_epoch)
            table = folder.predictions("validation")
            probabilities = table.filter(regex=r"^p_\d+$").to_numpy()
            events.finish(spec, best, table["label"].to_numpy(), probabilities, shared.class_names)
        tune.report({_ENDED: ended, "error": folder.status().get("error") or ""})
    finally:
        if events is not None:
            events.close()


class _Watcher(tune.Callback):
    """Tells the progress what happens, and records how trials ended that could not say so themselves."""

    def __init__(self, run: Run, progress: Progress):
        self.run, self.progress = run, progress

    def __reduce__(self) -> tuple[Any, ...]:
        """Tune pickles its callbacks for a restore that is never made; an empty one stands in."""
        return tune.Callback, ()

    def on_trial_start(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        self.progress.started(_id(trial))

    def on_trial_result(self, iteration: int, trials: list[Trial], trial: Trial, result: dict, **info: Any) -> None:
        if "numbers" in result:
            self.progress.epoch(_id(trial), result["numbers"])

    def on_trial_complete(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        spec = TrialSpec.from_dict(trial.config["spec"])
        result = trial.last_result
        ended = result.get(_ENDED)
        if ended is None:  # the scheduler stopped it after an epoch: it could not say so itself
            ended = "done" if result["epoch"] >= spec.epochs else "stopped"
            folder = self.run.trial(spec.trial_id)
            folder.write_status(ended, finished=now())
            folder.last.unlink(missing_ok=True)
        self.progress.ended(spec.trial_id, ended, result.get("error") or "")

    def on_trial_error(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        error = _last_line(trial)
        self.run.trial(_id(trial)).write_status("failed", error=error, finished=now())
        self.progress.ended(_id(trial), "failed", error)


def _id(trial: Trial) -> str:
    return TrialSpec.from_dict(trial.config["spec"]).trial_id


def _last_line(trial: Trial) -> str:
    """The error itself, without its traceback."""
    error = trial.get_error()
    lines = [line.strip() for line in str(error or "the worker was lost").splitlines() if line.strip()]
    return lines[-1][:500] if lines else type(error).__name__


def ended_trials(run: Run, specs: Sequence[TrialSpec], metric: str) -> dict[str, tuple[str, float | None]]:
    """Trial id -> (state, best value) of those that need not run again."""
    ended = {}
    for spec in specs:
        folder = run.trial(spec.trial_id)
        status = folder.status()
        if status["status"] in ENDED:
            values = [e[metric] for e in folder.epochs() if e[metric] is not None]
            ended[spec.trial_id] = (status["status"], max(values, default=None))
    return ended


def run_sweep(run: Run, config: Config, prepared: Prepared, console: Console, *, verbose: bool = False) -> None:
    """Runs, or goes on with, every trial that has not ended; then selects, opens the test split, and tidies up.

    Args:
        run: its folder, just made or of an earlier start.
        prepared: of the same configuration.
        console: for notes and progress.
    Raises:
        UserError: no Ray at the address, or a trial asks for more than there is.
        KeyboardInterrupt: the user stopped it; every epoch so far is recorded.
    """
    with ray_session(config.resources, verbose=verbose) as dashboard:
        slots = fit_slots(config.resources)
        _say_where(console, slots, dashboard, config)
        shared = share(run, prepared, config)
        _tune(run, config, prepared, shared, slots, console, verbose=verbose)
        finish(run, config, shared, slots)


def _say_where(console: Console, slots: Slots, dashboard: str, config: Config) -> None:
    where = f"{slots.gpus:g} GPU" if slots.gpus else "CPU only (no GPU here)"
    times = f"{slots.concurrent} at once" if slots.concurrent else "as many at once as nodes join"
    console.print(f"Trials run on {slots.cpus:g} CPU core(s) and {where} each, {times}.", highlight=False)
    if dashboard:
        hint = (
            "its token is in ~/.ray/auth_token" if not config.resources.address else "log in with the cluster's token"
        )
        console.print(f"Ray dashboard: {dashboard} ({hint})", highlight=False, soft_wrap=True)


def _tune(
    run: Run,
    config: Config,
    prepared: Prepared,
    shared: Shared,
    slots: Slots,
    console: Console,
    *,
    verbose: bool,
) -> None:
    from sweep.progress import Progress

    metric = config.sweep.metric
    specs = run.specs() or (prepared.specs(config) if config.sweep.search == GRID else [])
    ended = ended_trials(run, specs, metric)
    progress = Progress(specs, ended, metric, slots.concurrent, console)
    searcher = None
    if config.sweep.search == GRID:
        run.write_specs(specs)
        waiting = [spec for spec in specs if spec.trial_id not in ended]
        if not waiting:
            return
        space: dict[str, Any] = {"spec": tune.grid_search([spec.to_dict() for spec in waiting])}
        samples = 1
    else:
        rounds = OptunaRounds(config, prepared.fixed)
        searcher = RoundSearcher(rounds, run, progress)
        space, samples = {}, rounds.total
    scheduler = None
    if config.sweep.scheduler == "asha":
        scheduler = PairedASHA(metric, max_epochs=int(span(config.space.epochs)[1]))
    trainable = tune.with_resources(
        tune.with_parameters(_trainable, shared=shared, cpus=slots.cpus), {"cpu": slots.cpus, "gpu": slots.gpus}
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
        run_config=tune.RunConfig(
            name="tune",
            storage_path=str(run.path.resolve() / "ray"),
            verbose=1 if verbose else 0,
            callbacks=[_Watcher(run, progress)],
            failure_config=tune.FailureConfig(max_failures=config.sweep.retries),
        ),
    )
    with progress:
        tuner.fit()


def finish(run: Run, config: Config, shared: Shared, slots: Slots) -> None:
    """Chooses a configuration for each technique on validation, opens the test split for those, tidies up.

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
    run.write_selection(selection)
    chosen = [trial_id for choice in selection for trial_id in choice["trial_ids"]]
    unopened = [trial_id for trial_id in chosen if not (run.trial(trial_id).path / "test.parquet").exists()]
    if unopened and len(shared.test):
        run.record_test_opening(unopened)
        task = ray.remote(num_cpus=slots.cpus, num_gpus=slots.gpus, max_retries=2)(_open_test)
        ref = ray.put(shared)
        lanes = np.array_split(unopened, min(len(unopened), slots.concurrent or len(unopened)))
        ray.get([task.remote(list(lane), ref, slots.cpus) for lane in lanes])
    for trial_id in set(trials["trial_id"]) - set(chosen):
        run.trial(trial_id).best.unlink(missing_ok=True)
    shutil.rmtree(run.path / "ray", ignore_errors=True)  # Tune's own state: the records hold all that is needed
    run.update_info(status="finished", finished=now())


def _open_test(trial_ids: list[str], shared: Shared, cpus: float) -> None:
    """On a worker: predicts the test split with the best networks of some trials."""
    from sweep.trial import predict_part

    device = _clean_worker(0, cpus)
    images, run = _open_shared(shared)
    for trial_id in trial_ids:
        predict_part(run.trial(trial_id), images, "test", device)
