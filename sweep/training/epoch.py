"""An epoch of training steps."""

from __future__ import annotations

import torch
from torch import nn

from sweep.runs.spec import TrialSpec
from sweep.training.batches import batches_by_part
from sweep.training.feature_stage import Place, train_on_features
from sweep.training.method import Method, Part
from sweep.training.network import Network
from sweep.training.networks.drawing import drawing_alone
from sweep.training.optimizer import is_constant, lr_factor, set_lr
from sweep.training.step import training_step


@drawing_alone
def train_epoch(
    network: Network,
    optimizer: torch.optim.Optimizer,
    pixels: torch.Tensor,
    method: Method,
    spec: TrialSpec,
    epoch: int,
    device: torch.device,
) -> tuple[float, int]:
    """A step for each batch of an epoch.

    Args:
        network: on the device; what of it the method trains changes.
        pixels: (N, H, W) or (N, H, W, 3) uint8, on the device or in main memory.
        epoch: from 1.
    Returns:
        (mean training loss, images seen). The loss is read once, at the end: no wait for the device before.
    """
    total: torch.Tensor | float = 0.0
    seen, step, steps = 0, 0, sum(part.steps for part in method.parts(epoch))
    for number, (part, batches) in enumerate(batches_by_part(pixels, method, spec, epoch, device)):
        if part.begins:
            begin_stage(network, optimizer, part, spec)
        if part.phase.space == "features":
            place = Place(spec, epoch, step, steps)
            losses, rows = train_on_features(network, optimizer, pixels, method, number, place, device)
            total, seen, step = total + losses, seen + rows, step + part.steps
            continue
        phase = part.phase
        scales = phase.scales_lr
        network.train_parts(phase.trained, statistics=phase.moving_statistics, scales=scales is not None)
        set_lr(optimizer, spec.lr * phase.lr_factor, None if scales is None else spec.lr * scales)
        if isinstance(part.loss, nn.Module):
            part.loss.to(device)
        for images, targets in batches:
            if not is_constant(spec):
                factor = lr_factor(spec, epoch, step, steps)
                rate = spec.lr * phase.lr_factor * factor
                set_lr(optimizer, rate, None if scales is None else spec.lr * scales * factor)
            mean = training_step(network, optimizer, (images, targets), part.loss, spec.precision, part.step)
            total = total + mean * len(images)
            seen, step = seen + len(images), step + 1
    return float(total) / max(seen, 1), seen


def begin_stage(network: Network, optimizer: torch.optim.Optimizer, part: Part, spec: TrialSpec) -> None:
    """What changes when a stage begins: the head, where it is to be new, and the optimizer, which then forgets."""
    if part.phase.new_head and part.stage > 0:
        network.renew_head(spec.seed, part.stage)
    if part.forgets:
        optimizer.state.clear()
