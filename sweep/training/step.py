"""The training step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext

import torch
from torch import nn

from balancing.components.axes import Step

# (logits (B, C) float32, soft targets (B, C) float32) -> the loss of each image, (B,) float32.
Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
# (images (B, 3, H, W) float32, soft targets (B, C) float32)
Batch = tuple[torch.Tensor, torch.Tensor]


def autocast(device: torch.device, precision: str) -> torch.autocast:
    """The arithmetic of a forward pass: as the network is, or in bfloat16.

    Args:
        precision: ``float32`` or ``bfloat16``.
    """
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=precision == "bfloat16")


def training_step(
    network: Callable[[torch.Tensor], torch.Tensor],
    optimizer: torch.optim.Optimizer,
    batch: Batch,
    loss: Loss,
    precision: str,
    own: Step | None = None,
) -> torch.Tensor:
    """One step along the gradient of the batch's mean loss.

    Args:
        network: (B, 3, H, W) -> logits (B, C), in training mode.
        optimizer: of the network's parameters.
        batch: images and soft targets, on the network's device.
        loss: of each image; computed in float32 whatever the precision.
        precision: of the forward pass, ``float32`` or ``bfloat16``.
        own: a technique's own step, in place of the plain one. Its passes after the first leave the batch-norm
            statistics alone.
    Returns:
        The mean loss before the step, () float32, on the device.
    """
    images, targets = batch
    if own is not None:
        return own(optimizer, _passes(network, batch, loss, precision), targets)
    with autocast(images.device, precision):
        logits = network(images)
    mean = _mean(loss(logits.float(), targets))
    optimizer.zero_grad(set_to_none=True)
    mean.backward()
    optimizer.step()
    return mean.detach()


def _passes(
    network: Callable[[torch.Tensor], torch.Tensor], batch: Batch, loss: Loss, precision: str
) -> Callable[[], torch.Tensor]:
    """Forward passes of a batch, of which the first alone counts for the batch-norm statistics."""
    images, targets = batch
    first = iter([True])

    def losses() -> torch.Tensor:
        kept = nullcontext() if next(first, False) else kept_statistics(network)
        with kept, autocast(images.device, precision):
            logits = network(images)
        return loss(logits.float(), targets)

    return losses


@contextmanager
def kept_statistics(network: Callable[[torch.Tensor], torch.Tensor]) -> Iterator[None]:
    """Within it batches are normalised by their own statistics, as in training, and no running one changes."""
    modules = network.modules() if isinstance(network, nn.Module) else ()
    norms = [module for module in modules if isinstance(module, nn.BatchNorm2d) and module.track_running_stats]
    for module in norms:
        module.track_running_stats = False
    try:
        yield
    finally:
        for module in norms:
            module.track_running_stats = True


def _mean(losses_B: torch.Tensor) -> torch.Tensor:
    """The mean, summed in the order in which torch's cross-entropy sums: ``mean()`` can differ in the last bit.

    So recorded training losses stay what they were before losses were handed in.
    """
    return nn.functional.nll_loss(-losses_B[:, None], torch.zeros_like(losses_B, dtype=torch.int64))
