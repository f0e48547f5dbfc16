"""What runs on a Ray worker: one trial, a bundle of head trials, or the opening of the test split for chosen trials."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import ray
from ray import tune

from balancing.components.registry import Component
from sweep.cluster.travelling import arrived
from sweep.runs.files import no_guard
from sweep.runs.owner import Claim
from sweep.runs.run import ASKS, ENDED_AS, Run
from sweep.runs.spec import TrialSpec
from sweep.runs.trial_folder import TrialFolder

# A bundle tells of trials that ended at most so often: that costs more than many a trial.
_TOLD_SECONDS = 1.0


@dataclass(frozen=True)
class WorkerContext:
    """What every trial of a run needs; goes through Ray's object store once.

    Args:
        run_path, run_id: the run folder; every node must see it.
        claim: for whom trials write; they stop where the run has another owner. None where nobody claimed it.
        pixels_path: the memory-mapped pixels, used where this node has them.
        pixels_ref: the pixels in the object store, for other nodes; None on one machine.
        labels, class_names, train, validation, test: as in ``SplitImages``.
        start: starting weights without a head, or None.
        resume_seconds: least time between two files to go on from.
        halving: the most epochs of any trial and the epochs of grace where configurations are halved, else None.
        vectors_path: what a frozen body made of the images; "" where none is frozen.
        vectors_ref: the same in the object store, for nodes that don't see that file; None on one machine.
        vectors: (D,) mean and (D,) std of the training rows of these, and where the body is; None where none is frozen.
        events: whether trials write event files.
        bundled: of trials that train in bundles what a ``Workplace`` must know; None where each is a trial of Tune's.
        components: those that a worker can't find by itself, as of a notebook.
    """

    run_path: str
    run_id: str
    pixels_path: str
    pixels_ref: Any
    labels: np.ndarray
    class_names: tuple[str, ...]
    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    start: Mapping[str, Any] | None
    resume_seconds: float
    claim: Claim | None = None
    halving: tuple[int, int] | None = None
    vectors_path: str = ""
    vectors_ref: Any = None
    vectors: tuple[np.ndarray, np.ndarray, Any] | None = None
    events: bool = True
    bundled: Bundled | None = None
    components: tuple[Component, ...] = ()


@dataclass(frozen=True)
class Bundled:
    """What bundles go by, as of ``sweep.training.many.bundle.Workplace``."""

    retries: int
    limit: float | None
    start: str


def _open_shared(shared: WorkerContext, gpus: float) -> tuple[Any, Run]:
    """On a worker: the images (one copy a node), with neighbours found once for all trials, and the run folder."""
    from balancing.components.neighbours.store import NeighbourStore
    from sweep.training.inputs import SplitImages

    arrived(shared.components)
    path = Path(shared.run_path)
    if not (path / "run.json").is_file() or Run(path).info["id"] != shared.run_id:
        raise RuntimeError(
            f"node {socket.gethostname()} does not see the run folder {path}; put --out on shared storage"
        )
    pixels = _array(shared.pixels_path, shared.pixels_ref, "the decoded images")
    run = Run(path, shared.claim.check if shared.claim else no_guard)
    images = SplitImages(
        pixels,
        shared.labels,
        shared.class_names,
        shared.train,
        shared.validation,
        shared.test,
        NeighbourStore(run.neighbours),
        gpu_share=gpus,
        vectors=_vectors(shared),
    )
    return images, run


def _array(path: str, ref: Any, what: str) -> np.ndarray:
    """An array that lies in a file, or in the object store where this node does not see that."""
    if os.access(path, os.R_OK):  # a cache that is another user's here is as good as none
        return np.load(path, mmap_mode="r", allow_pickle=False)
    if ref is None:
        raise RuntimeError(f"node {socket.gethostname()} does not see {what} {path}")
    found: np.ndarray = ray.get(ref)
    return found


def _vectors(shared: WorkerContext) -> Any:
    from sweep.training.vectors import Vectors

    if shared.vectors is None:
        return None
    return Vectors(_array(shared.vectors_path, shared.vectors_ref, "the features"), *shared.vectors)


@dataclass(frozen=True)
class LookContext:
    """What a worker needs to look at images through a frozen body.

    Args:
        pixels_path, pixels_ref, start: as of ``WorkerContext``.
        spec: of a trial behind the body.
        looks: at what; see ``sweep.training.frozen.extract``.
    """

    pixels_path: str
    pixels_ref: Any
    start: Mapping[str, Any] | None
    spec: TrialSpec
    looks: Any


def look_on_worker(given: LookContext, blocks: list[tuple[int, slice]], cpus: float, gpus: float) -> np.ndarray:
    """On a worker: (n, D) float32, what a frozen body makes of some blocks of what it is to look at."""
    from sweep.training.frozen.extract import Eye, body_of
    from sweep.training.hardware import on_device

    assert given.start is not None
    device = _clean_worker(0, cpus, gpus)
    pixels = on_device(_array(given.pixels_path, given.pixels_ref, "the decoded images"), device, gpus)
    eye = Eye(body_of(given.spec, given.start), pixels, given.spec, device)
    return np.concatenate(list(eye.vectors(given.looks, blocks)))


def _clean_worker(seed: int, cpus: float, gpus: float) -> Any:
    """Makes a reused worker as good as new; returns its device."""
    import gc

    from sweep.training.attempt import clean_process

    device = clean_process(seed, cpus, gpus)
    if not gc.get_freeze_count():
        gc.freeze()  # what imports left need not be gone through again for every trial: 0.25 s each
    return device


def precision_here(gpus: float) -> str:
    """On a worker: what ``precision: auto`` means for a trial with so many GPUs."""
    from sweep.training.dtype import fast_precision

    return fast_precision("cuda" if gpus else "cpu")


def train_on_worker(config: dict[str, Any], *, shared: WorkerContext, cpus: float, gpus: float) -> None:
    """One trial, on a worker."""
    from sweep.runs.events import SafeEvents
    from sweep.training.attempt import begin_attempt, train_with_events
    from sweep.training.trial import Trial

    spec = TrialSpec.from_dict(config["spec"])
    device = _clean_worker(spec.seed, cpus, gpus)
    images, run = _open_shared(shared, gpus)
    folder = run.trial(spec.trial_id)
    if not folder.fault():  # it has ended, and the worker before was lost with that word on its lips
        folder.tidy()
        tune.report(_last_word(folder))
        return
    begin_attempt(folder)
    if shared.halving and not folder.last.exists():  # one under way is judged by its next epoch
        folder.clear()  # stopped here, it leaves nothing that is half of a lost attempt
        tune.report({ASKS: True})  # of the scheduler, which knows all trials; told to stop, this does not return

    def report(numbers: dict[str, Any]) -> None:
        tune.report({name: numbers[name] for name in ("epoch", spec.metric)} | {"numbers": numbers})

    trial = Trial(spec, images, folder, device=device, start=shared.start)
    events = SafeEvents(run.events_folder(spec) if shared.events else None)
    train_with_events(trial, events, report, shared.resume_seconds)
    tune.report(_last_word(folder))


def train_bundle_on_worker(config: dict[str, Any], *, shared: WorkerContext, cpus: float, gpus: float) -> None:
    """A bundle of head trials, on a worker: one trial of Tune's, which reports how each of them ended."""
    from sweep.training.many.bundle import BUNDLE, Ended, Group, Workplace, train_bundle

    assert shared.bundled is not None
    device = _clean_worker(0, cpus, gpus)
    images, run = _open_shared(shared, gpus)
    told: list[dict[str, Any]] = []
    last = time.monotonic()

    def report() -> None:
        nonlocal last
        tune.report({BUNDLE: list(told)})
        told.clear()
        last = time.monotonic()

    def ended(trial: Ended) -> None:
        told.append(trial.to_dict())
        # Seeds that train one after the other may take long, and each has its own time; see ``BundlePatience``.
        if time.monotonic() - last >= _TOLD_SECONDS:
            report()

    place = Workplace(
        run=run,
        images=images,
        clean=lambda: device,
        retries=shared.bundled.retries,
        resume_seconds=shared.resume_seconds,
        limit=shared.bundled.limit,
        events=shared.events,
        started=lambda trial_id: None,
        ended=ended,
        start=shared.bundled.start,
    )
    for group in config["bundle"]:
        train_bundle([Group.from_dict(group)], place)
        report()


def _last_word(folder: TrialFolder) -> dict[str, Any]:
    """What a trial that has ended tells Tune."""
    status = folder.status()
    return {ENDED_AS: status["status"], "error": status.get("error") or ""}


def check_networks(trial_ids: list[str], shared: WorkerContext) -> dict[str, str]:
    """On a worker: trial id -> why its best network can't stand for its record; of those that can't."""
    from sweep.training.checkpoints import network_fault

    _, run = _open_shared(shared, 0)
    faults = {trial_id: network_fault(run.trial(trial_id)) for trial_id in trial_ids}
    return {trial_id: fault for trial_id, fault in faults.items() if fault}


def open_test(trial_ids: list[str], shared: WorkerContext, cpus: float, gpus: float) -> None:
    """On a worker: predicts the test split with the best networks of some trials.

    Raises:
        UserError: the GPU's memory did not suffice.
    """
    from sweep.training.attempt import predict_test

    device = _clean_worker(0, cpus, gpus)
    images, run = _open_shared(shared, gpus)
    predict_test(run, images, trial_ids, device)
