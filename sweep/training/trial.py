"""Trains ONE configuration. Knows nothing of Ray: what to do with an epoch's numbers (``report``) is handed in.

An epoch's order and augmentation are drawn from generators seeded by (seed, epoch) alone, so the random state is a
function of both: a trial that goes on at epoch e draws what it would have drawn without the interruption.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import nn

from balancing.components.augmentations.rotate_flip import augment
from balancing.components.axes import TrainingData
from balancing.components.neighbours.store import NeighbourStore
from balancing.components.plans import TrainingPlan
from balancing.components.techniques import get_technique
from balancing.errors import UserError
from balancing.metrics import evaluate
from sweep.runs.files import now
from sweep.runs.spec import TrialSpec
from sweep.runs.trial_folder import TrialFolder
from sweep.training.checkpoints import Progress, go_on_from, keep_best, network_fault, save_last
from sweep.training.gpu_memory import PREDICTING, noting
from sweep.training.hardware import ahead, evaluation_batch, memory_format, on_device
from sweep.training.network import State, new_model, restore

Report = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class SplitImages:
    """What a trial sees of an image set.

    Args:
        pixels: (N, H, W) or (N, H, W, 3) uint8; may be memory-mapped or read-only.
        labels: (N,) int64.
        class_names: (C,).
        train, validation, test: (n,) int64, disjoint rows.
        neighbours: where nearest neighbours are kept between trials; None searches in each.
        gpu_share: the part of a GPU that the trial was given, where it has one.
    """

    pixels: np.ndarray
    labels: np.ndarray
    class_names: tuple[str, ...]
    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    neighbours: NeighbourStore | None = None
    gpu_share: float = 1.0

    def part(self, name: str) -> np.ndarray:
        """Rows of ``train``, ``validation`` or ``test``."""
        return {"train": self.train, "validation": self.validation, "test": self.test}[name]


def to_input(pixels: torch.Tensor, mean: float, std: float) -> torch.Tensor:
    """What the network sees of stored pixels.

    Args:
        pixels: (B, H, W) or (B, H, W, 3), uint8 or float, in 0..255.
        mean, std: of pixels in [0, 1].
    Returns:
        (B, 3, H, W) float32, (pixels / 255 - mean) / std; grey is repeated.
    """
    return _normalise(_channels_first(pixels), mean, std)


def _channels_first(pixels: torch.Tensor) -> torch.Tensor:
    pixels = pixels.float()
    return pixels.unsqueeze(1) if pixels.ndim == 3 else pixels.permute(0, 3, 1, 2)


def _normalise(images_BCHW: torch.Tensor, mean: float, std: float) -> torch.Tensor:
    scaled = (images_BCHW - 255.0 * mean) / (255.0 * std)
    return scaled.expand(-1, 3, -1, -1) if scaled.shape[1] == 1 else scaled


def build_plan(spec: TrialSpec, images: SplitImages) -> TrainingPlan:
    """The spec's training plan; it sees training rows only."""
    n_classes = len(images.class_names)
    data = TrainingData(
        images.pixels, images.labels, images.train, n_classes, images.class_names, neighbours=images.neighbours
    )
    return get_technique(spec.technique).build(data, spec.seed, **spec.parameters)


def epoch_generator(seed: int, epoch: int) -> torch.Generator:
    """The generator of one epoch's order and augmentation; on the CPU, so that every device draws the same."""
    state = np.random.SeedSequence([seed, epoch]).generate_state(1, dtype=np.uint64)[0]
    return torch.Generator().manual_seed(int(state) & (2**63 - 1))


def training_batches(
    pixels: torch.Tensor, plan: TrainingPlan, spec: TrialSpec, epoch: int, device: torch.device
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """One epoch's batches: gathered, mixed, augmented and normalised on the device.

    Args:
        pixels: (N, H, W) or (N, H, W, 3) uint8, on the device or in main memory.
        plan: M training rows.
        epoch: from 1.
    Yields:
        ((B, 3, H, W) float32, (B,) int64). A last batch of one image is left away: batch normalisation needs two.
    """
    generator = epoch_generator(spec.seed, epoch)
    order = torch.randperm(len(plan), generator=generator)
    home = pixels.device
    labels = torch.from_numpy(plan.labels)[order].to(device)
    mixes = bool(plan.synthetic.any())
    parents = [torch.from_numpy(rows)[order].to(home) for rows in ([plan.base, plan.mate] if mixes else [plan.base])]
    weight = torch.from_numpy(plan.weight)[order].float().to(device).view(-1, 1, 1, 1)
    starts = range(0, len(order), spec.batch_size)
    parts = [slice(start, start + spec.batch_size) for start in starts if start + 1 < len(order)]
    # To another device the pixels travel while it works on the batch before.
    travels, layout = home.type != device.type, _layout(spec, device)
    jobs = (partial(_gather, pixels, [rows[part] for rows in parents], pin=travels) for part in parts)
    gathered = ahead(jobs) if travels else (job() for job in jobs)
    for part, found in zip(parts, gathered, strict=True):
        images = _channels_first(found[0].to(device, non_blocking=True))
        if mixes:
            images = torch.lerp(images, _channels_first(found[1].to(device, non_blocking=True)), weight[part])
        images = augment(images, spec.strength, generator)
        yield _normalise(images, spec.mean, spec.std).contiguous(memory_format=layout), labels[part]


def _gather(pixels: torch.Tensor, rows: list[torch.Tensor], *, pin: bool) -> list[torch.Tensor]:
    """The images of several lists of rows, page-locked where they are to travel to a GPU meanwhile."""
    found = [pixels[index] for index in rows]
    return [images.pin_memory() for images in found] if pin else found


def predict(
    model: nn.Module, pixels: torch.Tensor, rows: np.ndarray, spec: TrialSpec, device: torch.device
) -> np.ndarray:
    """Class probabilities of some rows, without augmentation.

    Args:
        model: on ``device``; left in evaluation mode.
        pixels: (N, H, W) or (N, H, W, 3) uint8.
        rows: (n,) int64.
    Returns:
        (n, C) float32, rows sum to 1.
    """
    model.eval()
    found = []
    batch, layout = evaluation_batch(pixels.shape[1], device), _layout(spec, device)
    with noting(f"{PREDICTING} {batch} images at once"), torch.inference_mode(), _autocast(spec, device):
        for start in range(0, len(rows), batch):
            index = torch.from_numpy(rows[start : start + batch]).to(pixels.device)
            images = to_input(pixels[index].to(device), spec.mean, spec.std)
            logits = model(images.contiguous(memory_format=layout))
            found.append(logits.float().softmax(dim=1))
    return torch.cat(found).cpu().numpy()


def _layout(spec: TrialSpec, device: torch.device) -> torch.memory_format:
    return memory_format(spec.image_size, spec.precision, device)


def placed(model: nn.Module, spec: TrialSpec, device: torch.device) -> nn.Module:
    """The network on a device, its weights in the layout that the trial's images have there."""
    found: nn.Module = model.to(device, memory_format=_layout(spec, device))  # type: ignore[call-overload]
    return found


def _autocast(spec: TrialSpec, device: torch.device) -> torch.autocast:
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=spec.precision == "bfloat16")


def train_epoch(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    batches: Iterator[tuple[torch.Tensor, torch.Tensor]],
    spec: TrialSpec,
    device: torch.device,
) -> tuple[float, int]:
    """Returns (mean training loss, images seen). The loss is read once, at the end: no wait for the device before."""
    model.train()
    total, seen = torch.zeros((), device=device), 0
    for images, labels in batches:
        with _autocast(spec, device):
            loss = nn.functional.cross_entropy(model(images), labels)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        total += loss.detach() * len(labels)
        seen += len(labels)
    return float(total) / max(seen, 1), seen


def new_optimizer(model: nn.Module, lr: float) -> torch.optim.Adam:
    """Adam as the study has it; fused: one pass over the parameters instead of some ten (4 times faster on a CPU)."""
    return torch.optim.Adam(model.parameters(), lr=lr, fused=True)


class Diverged(Exception):
    """The training loss is no longer a number; more epochs can't mend that."""


def train_trial(
    spec: TrialSpec,
    images: SplitImages,
    folder: TrialFolder,
    *,
    device: torch.device,
    start: State | None = None,
    report: Report = lambda epoch: None,
    resume_seconds: float = 30.0,
) -> str:
    """Trains one trial to its end, or from where its folder says it stopped.

    Each epoch: train, predict validation, write the record, then call ``report`` with the epoch's numbers (it may
    raise to stop the trial). The best epoch by ``spec.metric`` on validation keeps its network and its predictions.
    The test rows are not looked at.

    Args:
        spec: what to train.
        images: pixels, labels, and which rows train and validate.
        folder: where everything is written.
        device: where to train.
        start: starting weights without a head, or None.
        report: called after each epoch with the numbers of ``balancing.metrics.evaluate`` on validation and ``epoch``,
            ``train_loss``, ``seconds``, ``images_per_second``.
        resume_seconds: least time between two files to go on from.
    Returns:
        ``done``, or ``diverged`` where the loss turned NaN or infinite.
    """
    torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = True, False
    folder.write_spec(spec)
    folder.write_status("running", started=folder.status().get("started", now()), device=str(device), error=None)
    plan = build_plan(spec, images)
    pixels = on_device(images.pixels, device, images.gpu_share)

    def fresh() -> tuple[nn.Module, torch.optim.Optimizer]:
        model = placed(new_model(len(images.class_names), spec.seed, start), spec, device)
        return model, new_optimizer(model, spec.lr)

    model, optimizer, progress = go_on_from(folder, fresh, spec, device)
    last_saved = time.monotonic()
    try:
        for epoch in range(len(progress.epochs) + 1, spec.epochs + 1):
            numbers = _one_epoch(spec, images, plan, pixels, model, optimizer, device, epoch, progress, folder)
            if epoch < spec.epochs and time.monotonic() - last_saved >= resume_seconds:
                save_last(folder, model, optimizer, progress)
                last_saved = time.monotonic()
            report(numbers)
    except Diverged as error:
        folder.write_epochs(progress.epochs)
        folder.write_status("diverged", error=str(error), **progress.best(), finished=now())
        folder.tidy()
        return "diverged"
    folder.write_status("done", **progress.best(), finished=now())
    folder.tidy()
    return "done"


def _one_epoch(
    spec: TrialSpec,
    images: SplitImages,
    plan: TrainingPlan,
    pixels: torch.Tensor,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    device: torch.device,
    epoch: int,
    progress: Progress,
    folder: TrialFolder,
) -> dict[str, Any]:
    """Trains and validates one epoch, and records it; returns its numbers."""
    began = time.perf_counter()
    loss, seen = train_epoch(model, optimizer, training_batches(pixels, plan, spec, epoch, device), spec, device)
    trained = time.perf_counter() - began
    if not math.isfinite(loss):
        raise Diverged(
            f"the training loss became {loss} in epoch {epoch}; a lower learning rate than {spec.lr:g} may help"
        )
    probabilities = predict(model, pixels, images.validation, spec, device)
    if not np.isfinite(probabilities).all():
        raise Diverged(
            f"the network's outputs were no numbers after epoch {epoch}; "
            f"a lower learning rate than {spec.lr:g} may help"
        )
    labels = images.labels[images.validation]
    numbers: dict[str, Any] = {
        "epoch": epoch,
        **evaluate(labels, probabilities, spec.positive),
        "train_loss": loss,
        "images": seen,
        "images_per_second": seen / trained,
    }
    if numbers[spec.metric] > progress.best_value or progress.best_epoch is None:
        keep_best(folder, model, progress, spec, images.class_names, epoch, (images.validation, labels, probabilities))
        progress.best_epoch, progress.best_value = epoch, numbers[spec.metric]
    numbers["seconds"] = time.perf_counter() - began
    progress.epochs.append(numbers)
    folder.write_epochs(progress.epochs)
    folder.write_status("running", **progress.best())
    return numbers


def predict_part(folder: TrialFolder, images: SplitImages, part: str, device: torch.device) -> None:
    """Predicts one part of the split with a trial's best network and records it.

    Args:
        folder: of a trial that has a best epoch.
        part: ``validation`` or ``test``.
    Raises:
        UserError: its network is gone, damaged, or not the one that its record tells of.
    """
    fault = network_fault(folder)
    if fault:
        raise UserError(f"trial {folder.path.name} can't be predicted with: {fault}; `sweep resume` trains it again")
    model, facts = restore(folder.best)
    spec = TrialSpec.from_dict(facts["spec"])
    rows = images.part(part)
    model = placed(model, spec, device)
    probabilities = predict(model, on_device(images.pixels, device, images.gpu_share), rows, spec, device)
    folder.write_predictions(part, rows, images.labels[rows], probabilities, facts.get("network", ""))
