"""What runs on a Ray worker: one trial, or the opening of the test split for chosen trials."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import ray
from ray import tune

from sweep.halving import recorded_halvings
from sweep.records import ENDED_AS, Run, now
from sweep.space import TrialSpec

if TYPE_CHECKING:
    from sweep.events import TrialEvents


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
        halving: the most epochs of any trial and the epochs of grace where configurations are halved, else None.
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
    halving: tuple[int, int] | None = None


def _open_shared(shared: Shared) -> tuple[Any, Run]:
    """On a worker: the images (one copy a node), with neighbours found once for all trials, and the run folder."""
    from balancing.neighbour_store import NeighbourStore
    from sweep.trial import SplitImages

    path = Path(shared.run_path)
    if not (path / "run.json").is_file() or Run(path).info["id"] != shared.run_id:
        raise RuntimeError(
            f"node {socket.gethostname()} does not see the run folder {path}; put --out on shared storage"
        )
    if os.access(shared.pixels_path, os.R_OK):  # a cache that is another user's here is as good as none
        pixels = np.load(shared.pixels_path, mmap_mode="r")
    elif shared.pixels_ref is not None:
        pixels = ray.get(shared.pixels_ref)
    else:
        raise RuntimeError(f"node {socket.gethostname()} does not see the decoded images {shared.pixels_path}")
    run = Run(path)
    images = SplitImages(
        pixels,
        shared.labels,
        shared.class_names,
        shared.train,
        shared.validation,
        shared.test,
        NeighbourStore(run.neighbours),
    )
    return images, run


def _clean_worker(seed: int, cpus: float, gpus: float) -> Any:
    """Makes a reused worker as good as new; returns its device: a GPU only where the trial was given one."""
    import gc
    import random

    import torch

    from sweep.hardware import keep_freed_memory

    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - libraries may draw from it
    torch.manual_seed(seed)
    torch.set_num_threads(max(1, int(cpus)))
    gc.collect()
    if not gc.get_freeze_count():
        gc.freeze()  # what imports left need not be gone through again for every trial: 0.25 s each
    if gpus and torch.cuda.is_available():
        torch.cuda.empty_cache()
        return torch.device("cuda")
    keep_freed_memory()
    return torch.device("cpu")


def precision_here(gpus: float) -> str:
    """On a worker: what ``precision: auto`` means for a trial with so many GPUs."""
    from sweep.precision import fast_precision

    return fast_precision("cuda" if gpus else "cpu")


def train_on_worker(config: dict[str, Any], *, shared: Shared, cpus: float, gpus: float) -> None:
    """One trial, on a worker."""
    from sweep.events import TrialEvents
    from sweep.trial import train_trial

    spec = TrialSpec.from_dict(config["spec"])
    device = _clean_worker(spec.seed, cpus, gpus)
    images, run = _open_shared(shared)
    folder = run.trial(spec.trial_id)
    status = folder.status()
    folder.write_status("running", attempts=status.get("attempts", 0) + 1, node=socket.gethostname(), pid=os.getpid())
    if shared.halving and not recorded_halvings(run, spec.metric, *shared.halving)[spec.technique].starts(
        spec.configuration_id, spec.seed_index
    ):
        folder.write_spec(spec)
        folder.write_status("stopped", finished=now())
        folder.last.unlink(missing_ok=True)  # of an earlier start that was interrupted
        tune.report({ENDED_AS: "stopped", "error": ""})
        return
    events: TrialEvents | None = None

    def report(numbers: dict[str, Any]) -> None:
        nonlocal events
        if events is None:
            events = TrialEvents(run.events_folder(spec), numbers["epoch"])
        events.epoch(numbers)
        tune.report({name: numbers[name] for name in ("epoch", spec.metric)} | {"numbers": numbers})

    try:
        ended = train_trial(
            spec, images, folder, device=device, start=shared.start, report=report, resume_seconds=shared.resume_seconds
        )
        if events is not None:
            events.finish_trial(spec, folder, shared.class_names)
        tune.report({ENDED_AS: ended, "error": folder.status().get("error") or ""})
    finally:
        if events is not None:
            events.close()


def open_test(trial_ids: list[str], shared: Shared, cpus: float, gpus: float) -> None:
    """On a worker: predicts the test split with the best networks of some trials."""
    from sweep.trial import predict_part

    device = _clean_worker(0, cpus, gpus)
    images, run = _open_shared(shared)
    for trial_id in trial_ids:
        predict_part(run.trial(trial_id), images, "test", device)
