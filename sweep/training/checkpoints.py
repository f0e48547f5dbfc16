"""What a trial keeps on disk while it trains: its best network, and where to go on from, always of one attempt."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from balancing.metrics import evaluate
from sweep.runs.files import DamagedFile, is_whole_zip, now, write_torch
from sweep.runs.predictions import Predictions, class_values
from sweep.runs.spec import TrialSpec
from sweep.runs.trial_folder import TrialFolder, network_fingerprint
from sweep.training.network import Network, save_best, saved_facts


@dataclass
class Progress:
    """Where a trial stands after an epoch.

    Args:
        network: fingerprint of the best network.
        kept: fingerprint of the best network that the file to go on from speaks of.
        written: fingerprint of the network in the file of the best one; another's where records wait in memory.
    """

    epochs: list[dict[str, Any]]
    best_epoch: int | None = None
    best_value: float = -math.inf
    network: str = ""
    kept: str = ""
    written: str = ""

    def best(self) -> dict[str, Any]:
        """For the trial's status."""
        return {"best_epoch": self.best_epoch, "network": self.network}


@dataclass(frozen=True)
class Best:
    """The network of a new best epoch with its predictions, which go into one file, so that they are of one attempt.

    Args:
        model: of which ``save_best`` keeps the weights as they are when it is called.
        about: what is kept with it.
        validation: its predictions.
        network: its fingerprint.
    """

    model: nn.Module
    about: Mapping[str, Any]
    validation: Predictions
    network: str


def best_of(
    model: nn.Module, spec: TrialSpec, class_names: Sequence[str], numbers: Mapping[str, Any], validation: Predictions
) -> Best:
    """The best so far, as ``write_best`` takes it.

    Args:
        model: as it is now; a copy, where it trains on before it is written.
        numbers: the epoch's, see ``sweep.training.trial.Trial.epoch``.
        validation: its predictions.
    """
    epoch = numbers["epoch"]
    network = network_fingerprint(epoch, validation.probabilities)
    about = {
        **{name: numbers[name] for name in ("epoch", "stage") if name in numbers},
        "spec": spec.to_dict(),
        "class_names": list(class_names),
        "positive": spec.positive,
        "network": network,
    }
    return Best(model, about, validation, network)


def write_best(folder: TrialFolder, best: Best, progress: Progress) -> None:
    """Writes a new best network with its predictions.

    The best network that the file to go on from speaks of is put aside: an attempt that ends before the next such file
    is written goes on with that one, and need not find the new one again.

    Args:
        progress: what is written becomes the new one.
    """
    if progress.kept and progress.kept == progress.written and folder.best.exists():
        folder.guard()
        os.replace(folder.best, folder.best_before)
    parts = best.validation._asdict().items()
    validation = {name: torch.from_numpy(np.array(part)) for name, part in parts if part is not None}
    save_best(folder.best, best.model, folder.guard, **best.about, validation=validation)
    progress.written = best.network
    _write_validation(folder, best.validation, best.network)


class Records:
    """The records of a trial under way: in its folder after each epoch, or held in memory until ``flush``.

    A head trains in less time than it takes to bring a file to the disk. Held back, all of them are written once, and
    are then what they would have been.

    Args:
        held: keep them in memory.
    """

    def __init__(self, folder: TrialFolder, progress: Progress, *, held: bool = False):
        self.folder, self.progress, self.held = folder, progress, held
        self._best: Best | None = None
        self._trained_on: dict[str, list[int]] = {}  # rows of each class, when the best network was found
        self._written = len(progress.epochs)

    def keep(self, best: Best, epoch: int, value: float, class_counts: Sequence[int]) -> None:
        """A new best network.

        Args:
            epoch, value: whose, and what it was chosen by.
            class_counts: (C,), of the plan that trained it.
        """
        self.progress.network = best.network
        self.progress.best_epoch, self.progress.best_value = epoch, value
        self._trained_on = {"plan_counts": list(class_counts)}
        self._best = best
        if not self.held:
            self._write_best()

    def add(self, numbers: dict[str, Any]) -> None:
        """An epoch's numbers, after its ``keep``."""
        self.progress.epochs.append(numbers)
        if not self.held:
            self.flush()

    def flush(self) -> None:
        """All that is known goes into the folder, where it is not there yet."""
        self._write_best()
        if self._written == len(self.progress.epochs):
            return
        self.folder.write_epochs(self.progress.epochs)
        self.folder.write_status("running", **self.progress.best(), **self._trained_on)
        self._written = len(self.progress.epochs)

    def end(self, status: str, **more: Any) -> str:
        """The last word; returns the status."""
        self._write_best()
        if self._written < len(self.progress.epochs) or more:
            self.folder.write_epochs(self.progress.epochs)
        self.folder.write_status(status, **more, **self.progress.best(), **self._trained_on, finished=now())
        self.folder.tidy()
        return status

    def _write_best(self) -> None:
        best, self._best = self._best, None
        if best is not None:
            write_best(self.folder, best, self.progress)


def _write_validation(folder: TrialFolder, found: Predictions, network: str) -> None:
    folder.write_predictions(
        "validation", found.rows, found.labels, found.probabilities, network, found.logits, found.head
    )


def save_last(
    folder: TrialFolder,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    progress: Progress,
    loss: nn.Module | None = None,
) -> None:
    """Writes what ``go_on_from`` reads.

    Args:
        loss: whose values train too; None: it has none.
    """
    state = {
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "epochs": progress.epochs,
        "best_epoch": progress.best_epoch,
        "best_value": float(progress.best_value),
        "network": progress.network,
        **({} if loss is None else {"loss": loss.state_dict()}),
    }
    write_torch(folder.last, state, folder.guard)
    folder.guard()
    folder.best_before.unlink(missing_ok=True)
    progress.kept = progress.network


def go_on_from(
    folder: TrialFolder,
    fresh: Callable[[], tuple[Network, torch.optim.Optimizer]],
    spec: TrialSpec,
    device: torch.device,
    loss: nn.Module | None = None,
) -> tuple[Network, torch.optim.Optimizer, Progress]:
    """Network and optimizer as they were, where the folder has them; else new ones, and the folder cleared.

    A file to go on from that is damaged, or whose best network is gone, is no use: the trial starts anew, and its
    status says why (``reopened``).

    Args:
        fresh: makes network and optimizer of a start from nothing, on the device; what of the loss trains begins anew.
        spec: the trial's.
        loss: whose values train too; None: it has none.
    """
    model, optimizer = fresh()
    if not folder.last.exists():
        folder.clear()
        return model, optimizer, Progress(epochs=[])
    try:
        if not is_whole_zip(folder.last):
            raise ValueError("what it holds is not what its checksums say")
        saved = torch.load(folder.last, map_location=device, weights_only=True)
        found = Progress(saved["epochs"], saved["best_epoch"], saved["best_value"], saved.get("network", ""))
        model.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
        if loss is not None:
            loss.load_state_dict(saved["loss"])
    except Exception as error:  # a damaged file can raise almost anything
        if isinstance(error, MemoryError | torch.OutOfMemoryError):  # which says nothing about the file
            raise
        why = f"{folder.last.name} was damaged"
    else:
        found.kept = found.written = found.network
        if _put_back_best(folder, found, spec):
            return model, optimizer, found
        why = f"the best network that {folder.last.name} speaks of was gone"
    folder.write_status("running", reopened=[*folder.status().get("reopened", []), f"{why}: started anew"])
    folder.clear()
    return *fresh(), Progress(epochs=[])


def _put_back_best(folder: TrialFolder, progress: Progress, spec: TrialSpec) -> bool:
    """Makes best network and validation predictions those that the file to go on from speaks of; tells if it could."""
    for path in (folder.best, folder.best_before):
        facts = saved_facts(path)
        if facts is None or facts.get("epoch") != progress.best_epoch or facts.get("network", "") != progress.network:
            continue
        if path != folder.best:
            folder.guard()
            os.replace(path, folder.best)
        if "validation" not in facts:  # of a version that kept them apart: the numbers must tell
            return _same_value(folder, progress, spec)
        parts = facts["validation"]  # without logits where the version that wrote them kept none
        kept = Predictions(**{name: parts[name].numpy() for name in Predictions._fields if name in parts})
        _write_validation(folder, kept, progress.network)
        return True
    return False


def _same_value(folder: TrialFolder, progress: Progress, spec: TrialSpec) -> bool:
    """Whether the validation predictions give the best value on record."""
    try:
        table = folder.predictions("validation")
    except (FileNotFoundError, DamagedFile):
        return False
    found = evaluate(table["label"].to_numpy(), class_values(table, "p"), spec.positive)[spec.metric]
    return math.isclose(found, progress.best_value, rel_tol=1e-6)


def network_fault(folder: TrialFolder) -> str:
    """Why a trial's best network can't stand for what its record tells: one clause; "" where it can."""
    if not folder.best.exists():
        return f"{folder.best} is missing"
    facts, status = saved_facts(folder.best), folder.status()
    if facts is None:
        return f"{folder.best} is damaged"
    if status.get("best_epoch") not in (None, facts.get("epoch")):
        return f"{folder.best} is of epoch {facts.get('epoch')}, its record's best is {status.get('best_epoch')}"
    if facts.get("network") and status.get("network") and facts["network"] != status["network"]:
        return f"{folder.best} is of another attempt"
    return ""
