"""Trains ONE configuration. Knows nothing of Ray: what to do with an epoch's numbers (``report``) is handed in."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
import torch

from balancing.metrics import evaluate, told
from sweep.runs.files import now
from sweep.runs.predictions import Predictions
from sweep.runs.spec import TrialSpec
from sweep.runs.trial_folder import TrialFolder
from sweep.training.centre import has_collapsed, set_centre
from sweep.training.checkpoints import Progress, Records, best_of, go_on_from, save_last
from sweep.training.epoch import train_epoch
from sweep.training.hardware import on_device
from sweep.training.inputs import SplitImages
from sweep.training.method import Method, method_of
from sweep.training.network import Network, State, new_network, to_device
from sweep.training.networks.head_network import HeadNetwork
from sweep.training.optimizer import new_optimizer
from sweep.training.predict import predictions_of

Report = Callable[[dict[str, Any]], None]


class Diverged(Exception):
    """The training loss is no longer a number, or a network says the same of all; more epochs can't mend that."""


class Trial:
    """One trial under way. ``run`` does it all; or ``restore`` first, then ``epoch`` after ``epoch``, with ``save``.

    Args:
        spec: what to train.
        images: pixels, labels, and which rows train and validate. The test rows are not looked at.
        folder: where everything is written.
        device: where to train.
        start: starting weights without a head, or None.
        method: what to train with; the spec's where None.
        held: records stay in memory until the end, or until there is a file to go on from: for what trains in less time
            than the disk takes. What then lies in the folder is the same.
    Attributes:
        network, optimizer: as they stand; there after ``restore``.
        progress: the epochs done and which was best; there after ``restore``.
    """

    network: Network
    optimizer: torch.optim.Optimizer
    progress: Progress
    _records: Records

    def __init__(
        self,
        spec: TrialSpec,
        images: SplitImages,
        folder: TrialFolder,
        *,
        device: torch.device,
        start: State | None = None,
        method: Method | None = None,
        held: bool = False,
    ):
        self.spec, self.images, self.folder, self.device = spec, images, folder, device
        self._start, self._method, self._held = start, method, held
        self._new_loss: State = {}  # of a loss whose values train too

    @cached_property
    def method(self) -> Method:
        """What it trains with."""
        return self._method or method_of(self.spec, self.images)

    @cached_property
    def pixels(self) -> torch.Tensor:
        """What the network takes of all images, on the device where it fits: pixels, or vectors, standardised once."""
        stored = on_device(self.images.stored(self.spec), self.device, self.images.gpu_share)
        vectors = self.images.vectors
        if not self.spec.frozen or vectors is None:
            return stored
        mean, std = (torch.from_numpy(values).to(stored.device) for values in (vectors.mean, vectors.std))
        return (stored.float() - mean).div_(std)

    def run(self, report: Report = lambda epoch: None, resume_seconds: float = 30.0) -> str:
        """Trains to the end, or from where the folder says it stopped.

        Args:
            report: called after each epoch with its numbers (see ``epoch``); may raise to stop the trial.
            resume_seconds: least time between two files to go on from.
        Returns:
            ``done``, or ``diverged`` where the loss turned NaN or infinite.
        """
        torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = True, False
        self.folder.write_spec(self.spec)
        started = self.folder.status().get("started", now())
        self.folder.write_status("running", started=started, device=str(self.device), error=None)
        self.restore()
        saved = time.monotonic()
        try:
            while len(self.progress.epochs) < self.spec.epochs:
                numbers = self.epoch()
                if numbers["epoch"] < self.spec.epochs and time.monotonic() - saved >= resume_seconds:
                    self.save()
                    saved = time.monotonic()
                report(numbers)
        except Diverged as error:
            return self._records.end("diverged", error=str(error))
        return self._records.end("done")

    def restore(self) -> None:
        """Network, optimizer and progress as they were, where the folder has them; else new, and the folder cleared."""
        # A plan that can't be made changes no file; pixels take their part of the device before the network does.
        _ = self.method.parts(1), self.pixels
        self.method.features.clear()
        loss = self.method.module()
        self.network, self.optimizer, self.progress = go_on_from(self.folder, self._fresh, self.spec, self.device, loss)
        self._records = Records(self.folder, self.progress, held=self._held)

    def _fresh(self) -> tuple[Network, torch.optim.Optimizer]:
        spec, method = self.spec, self.method
        images = self.images
        network = new_network(spec, len(images.class_names), method.head, self._start, images.vectors)
        network = to_device(network, spec, self.device)
        if isinstance(network, HeadNetwork):
            network.takes_standard = True
        network.scale = self.method.scale()
        if method.head == "distance":
            set_centre(network, self.pixels, method.plan(1), spec, self.device)
        loss = self.method.module()
        if loss is not None:
            self._new_loss = self._new_loss or copy.deepcopy(loss.state_dict())
            loss.load_state_dict(self._new_loss)
            loss.to(self.device)
        optimizer = new_optimizer(
            network, spec.lr, spec.weight_decay, loss, spec.optimizer, bias_decays=not spec.frozen
        )
        return network, optimizer

    def save(self) -> None:
        """Writes what ``restore`` goes on from."""
        self._records.flush()
        save_last(self.folder, self.network, self.optimizer, self.progress, self.method.module())

    def epoch(self) -> dict[str, Any]:
        """Trains and validates the next epoch, and records it; the best by the spec's metric keeps its network.

        Returns:
            The numbers of ``balancing.metrics.told`` on validation, and ``epoch`` (from 1), ``train_loss``,
            ``images``, ``steps``, ``seconds``, ``images_per_second``; of a technique with several stages, or where
            early epochs may not be the best, also ``stage`` (from 1), in which the epoch ended, and ``kept_epochs``:
            how many epochs so far, with this one, may be the best; 0 where this one may not.
        Raises:
            Diverged: the loss, or what the network says, is no number any more, or a one-class network sends all images
                to one place.
        """
        epoch, began = len(self.progress.epochs) + 1, time.perf_counter()
        loss, seen = train_epoch(self.network, self.optimizer, self.pixels, self.method, self.spec, epoch, self.device)
        trained = time.perf_counter() - began
        self._check(math.isfinite(loss), f"the training loss became {loss} in epoch {epoch}")
        predicted = predictions_of(self.network, self.pixels, self.images, "validation", self.spec, self.device)
        finite = bool(np.isfinite(predicted.probabilities).all())
        self._check(finite, f"the network's outputs were no numbers after epoch {epoch}")
        collapsed = self.method.head == "distance" and has_collapsed(predicted)
        self._check(not collapsed, f"all images lie at one distance from the centre after epoch {epoch}")
        numbers: dict[str, Any] = {
            "epoch": epoch,
            **told(evaluate(predicted.labels, predicted.probabilities, self.spec.positive), self.method.gives),
            "train_loss": loss,
            "images": seen,
            "steps": sum(part.steps for part in self.method.parts(epoch)),
            "images_per_second": seen / trained,
        }
        last = self.method.parts(epoch)[-1]
        if last.stages > 1 or self.spec.keep_from:
            kept = sum(e["kept_epochs"] > 0 for e in self.progress.epochs) + 1
            numbers |= {"stage": last.stage + 1, "kept_epochs": kept if last.kept else 0}
        if last.kept:
            self._keep(numbers, predicted)
        numbers["seconds"] = time.perf_counter() - began
        self._records.add(numbers)
        return numbers

    def _check(self, sound: bool, what: str) -> None:
        if not sound:
            raise Diverged(f"{what}; a lower learning rate than {self.spec.lr:g} may help")

    def _keep(self, numbers: dict[str, Any], predicted: Predictions) -> None:
        """Keeps the network where the epoch is the best so far."""
        progress, value = self.progress, numbers[self.spec.metric]
        if value > progress.best_value or progress.best_epoch is None:
            counts = self.method.parts(numbers["epoch"])[-1].plan.class_counts(len(self.images.class_names))
            network = copy.deepcopy(self.network) if self._held else self.network
            best = best_of(network, self.spec, self.images.class_names, numbers, predicted)
            self._records.keep(best, numbers["epoch"], value, counts.tolist())
