"""Sharpness-aware steps: the gradient is taken where the loss is worst in the neighbourhood."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from balancing.components.axes import Step, TrainingContext
from balancing.components.decorators import optimizer as optimizer_axis
from balancing.components.ranges import FloatRange

if TYPE_CHECKING:
    import torch


@optimizer_axis(
    label="SAM",
    reference="Foret et al., ICLR 2021",
    cost=2.0,
    rho=FloatRange(0.02, 0.5, default=0.05, log=True, minimum=0.0),
)
def sam(context: TrainingContext, *, rho: float) -> Step:
    """Each step follows the gradient from where the loss rises most, a distance of rho away.

    Args:
        rho: length of the ascent, in the weights' units, >= 0; 0 is the plain step.
    """

    def step(
        optimizer: torch.optim.Optimizer, losses: Callable[[], torch.Tensor], targets: torch.Tensor
    ) -> torch.Tensor:
        import torch

        weights = _weights(optimizer)
        mean = losses().mean()
        optimizer.zero_grad(set_to_none=True)
        with _moved(weights, torch.autograd.grad(mean, weights, allow_unused=True), rho):
            losses().mean().backward()
        optimizer.step()
        return mean.detach()

    return step


@optimizer_axis(
    label="ImbSAM",
    reference="Zhou et al., ICCV 2023",
    cost=2.7,  # two passes forward, three back
    rho=FloatRange(0.02, 0.5, default=0.05, log=True, minimum=0.0),
    tail=FloatRange(0.5, 1.0, default=1.0, minimum=0.0),
)
def imbsam(context: TrainingContext, *, rho: float, tail: float) -> Step:
    """Sharpness-aware for the rows of rare classes alone; those of the others take the plain step.

    The gradient is that of the frequent classes' part of the loss where the weights are, plus that of the rare classes'
    part where this part rises most, a distance of rho away. The paper tells rare classes by a number of images.

    Args:
        rho: length of the ascent, in the weights' units, >= 0; 0 is the plain step.
        tail: a class is rare where it has fewer rows than this times the mean over classes; so of equal classes none.
    """
    import torch

    counts = context.class_counts
    rare = torch.tensor((counts < tail * counts.mean()).tolist())

    def step(
        optimizer: torch.optim.Optimizer, losses: Callable[[], torch.Tensor], targets: torch.Tensor
    ) -> torch.Tensor:
        weights, share = _weights(optimizer), targets @ rare.to(targets)
        each = losses()
        mean = each.mean()
        optimizer.zero_grad(set_to_none=True)
        if not bool((share > 0).any()):
            mean.backward()
        else:
            frequent = torch.autograd.grad((each * (1 - share)).mean(), weights, retain_graph=True, allow_unused=True)
            upwards = torch.autograd.grad((each * share).mean(), weights, allow_unused=True)
            with _moved(weights, upwards, rho):
                (losses() * share).mean().backward()
            for weight, gradient in zip(weights, frequent, strict=True):
                if gradient is not None:
                    weight.grad = gradient if weight.grad is None else weight.grad + gradient
        optimizer.step()
        return mean.detach()

    return step


def _weights(optimizer: torch.optim.Optimizer) -> list[torch.Tensor]:
    """What trains now."""
    return [weight for group in optimizer.param_groups for weight in group["params"] if weight.requires_grad]


@contextmanager
def _moved(
    weights: Sequence[torch.Tensor], gradients: Sequence[torch.Tensor | None], distance: float
) -> Iterator[None]:
    """Within it the weights lie that distance along the gradients; afterwards they are what they were, to the bit.

    Args:
        gradients: one a weight; None where nothing depends on it.
    """
    import torch

    found = [(weight, gradient) for weight, gradient in zip(weights, gradients, strict=True) if gradient is not None]
    kept = [weight.detach().clone() for weight, _ in found]
    with torch.no_grad():
        length = torch.stack([gradient.float().pow(2).sum() for _, gradient in found]).sum().sqrt()
        for weight, gradient in found:
            weight.add_(gradient * (distance / (length + 1e-12)).to(gradient))
    try:
        yield
    finally:
        with torch.no_grad():
            for (weight, _), before in zip(found, kept, strict=True):
                weight.copy_(before)
