"""What surrounds one trial, wherever it trains: a process as good as new, and whose attempt this is."""

from __future__ import annotations

import gc
import os
import random
import socket
import uuid
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from balancing.errors import UserError
from sweep.duration import duration
from sweep.runs.events import SafeEvents
from sweep.runs.files import now
from sweep.runs.owner import NotOwner
from sweep.runs.run import Run
from sweep.runs.trial_folder import TrialFolder
from sweep.runs.versions import versions
from sweep.training.gpu_memory import explain
from sweep.training.hardware import keep_freed_memory
from sweep.training.inputs import SplitImages
from sweep.training.predict import predict_part
from sweep.training.trial import Report, Trial


def clean_process(seed: int, cpus: float, gpus: float) -> torch.device:
    """Makes a process that has trained before as good as new; its threads are those that a trial is given.

    Args:
        seed: of the global generators, from which libraries may draw; no number of a trial comes from them.
        cpus: cores of a trial; so many threads, at least one.
        gpus: of a trial; 0 trains on the CPU.
    Returns:
        Where to train: a GPU only where the trial was given one and there is one.
    """
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - libraries may draw from it
    torch.manual_seed(seed)
    torch.set_num_threads(max(1, int(cpus)))
    gc.collect()
    if gpus and torch.cuda.is_available():
        torch.cuda.empty_cache()
        return torch.device("cuda")
    keep_freed_memory()
    return torch.device("cpu")


class TooLong(Exception):
    """A trial has run for longer than it may; tried again it would take as long."""


def check_time(ran: float, limit: float | None) -> None:
    """Raises TooLong where a trial ran for more seconds than its limit; None sets none."""
    if limit is not None and ran > limit:
        raise TooLong(
            f"it ran for {duration(ran)}, and --trial-timeout is {duration(limit)}: ended; give more time, or find "
            "out what takes so long"
        )


def last_line(error: Exception) -> str:
    """An error without its traceback, as a record of a trial shows it."""
    if isinstance(error, TooLong):
        return str(error)
    lines = [line.strip() for line in f"{type(error).__name__}: {error}".splitlines() if line.strip()]
    return lines[-1][:500]


def begin_attempt(folder: TrialFolder, **more: Any) -> None:
    """Notes who trains from here on and with what; an attempt that another one followed may write no more.

    Args:
        more: goes into its status besides.
    """
    status, attempt, here = folder.status(), uuid.uuid4().hex[:12], versions()
    trained_with = [known for known in status.get("trained_with", []) if known != here]
    folder.write_status(
        "running",
        attempts=status.get("attempts", 0) + 1,
        attempt=attempt,
        node=socket.gethostname(),
        pid=os.getpid(),
        trained_with=[*trained_with, here] if folder.last.exists() else [here],
        **more,
    )
    owners = folder.guard

    def guard() -> None:
        owners()
        if folder.status().get("attempt", attempt) != attempt:
            raise NotOwner(f"trial {folder.path.name} is trained by another worker now; this one stops")

    folder.guard = guard


def train_with_events(trial: Trial, events: SafeEvents, report: Report, resume_seconds: float) -> str:
    """Trains a trial to its end and writes its event files, which are closed however that ends.

    Args:
        report: called after each epoch with its numbers; may raise to stop the trial.
        resume_seconds: least time between two files to go on from.
    Returns:
        How it ended: ``done``, ``diverged``, or ``failed`` where the GPU's memory did not suffice, which another try
        would not change.
    """

    def told(numbers: dict[str, Any]) -> None:
        events.epoch(numbers)
        report(numbers)

    try:
        ended = trial.run(told, resume_seconds)
        events.finish_trial(trial.spec, trial.folder, trial.images.class_names)
        if events.error:
            trial.folder.write_status(ended, events_error=events.error)
        return ended
    except torch.OutOfMemoryError as error:
        message = explain(error, trial.spec, trial.images.pixels, trial.device, trial.images.gpu_share)
        trial.folder.write_status("failed", error=message, finished=now())
        return "failed"
    finally:
        events.close()


def predict_test(run: Run, images: SplitImages, trial_ids: Sequence[str], device: torch.device) -> None:
    """Predicts the test split with the best networks of some trials.

    Raises:
        UserError: the GPU's memory did not suffice.
    """
    specs = {spec.trial_id: spec for spec in run.specs()}
    for trial_id in trial_ids:
        try:
            predict_part(run.trial(trial_id), images, "test", device)
        except torch.OutOfMemoryError as error:
            message = explain(error, specs[trial_id], images.pixels, device, images.gpu_share)
            raise UserError(f"the test split of {run.path} can't be predicted: {message}") from None
