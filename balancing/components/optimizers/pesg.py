"""PESG: the optimisation step that the AUC margin loss is trained by."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from balancing.components.axes import Step, TrainingContext
from balancing.components.decorators import optimizer
from balancing.components.ranges import FloatRange

if TYPE_CHECKING:
    import torch


@optimizer(
    label="PESG",
    reference="Yuan et al., ICCV 2021",
    lr_factor=FloatRange(5.0, 50.0, default=25.0, log=True, minimum=1e-3, maximum=1e4),
    epoch_decay=FloatRange(0.0, 1e-2, default=2e-3, maximum=1.0),
)
def pesg(context: TrainingContext, *, lr_factor: float, epoch_decay: float) -> Step:
    """Plain gradient steps, down for the network and up for what a loss maximises, held near where they were.

    The regularised stochastic gradients of a saddle point: no momentum, no scaling by past gradients. Each weight w
    becomes w - lr (gradient + epoch_decay (w - reference) + weight_decay w), where the reference is where training
    began, and after each pass through the rows the mean of the weights in it. Values that a loss maximises (marked by
    an attribute ``ascends``, with their gradients turned round already) have neither pull, and stay >= 0.

    Args:
        context: its plan's rows and its batch size say how many steps a pass has.
        lr_factor: times the trial's learning rate, which is meant for Adam: the authors take 0.1 where Adam has 1e-3,
            for a loss that is at most a quarter of ours.
        epoch_decay: of the pull towards the reference, the authors' name and default.
    """
    steps_a_pass = max(1, -(-int(context.class_counts.sum()) // context.batch_size))

    def step(
        optimizer: torch.optim.Optimizer, losses: Callable[[], torch.Tensor], targets: torch.Tensor
    ) -> torch.Tensor:
        """One step; the reference and the sum of the weights are in the optimiser's state, as a resume needs."""
        import torch

        mean = losses().mean()
        optimizer.zero_grad(set_to_none=True)
        mean.backward()
        with torch.no_grad():
            for group in optimizer.param_groups:
                lr, weight_decay = lr_factor * group["lr"], group.get("weight_decay", 0.0)
                for weight in group["params"]:
                    if weight.grad is None:
                        continue
                    if getattr(weight, "ascends", False):
                        weight.sub_(lr * weight.grad).clamp_(min=0)
                        continue
                    state = optimizer.state[weight]
                    if not state:
                        # Adam, whose state this is, wants a "step" in what it loads.
                        state.update(
                            step=torch.zeros(()), reference=weight.clone(), sum=torch.zeros_like(weight), taken=0
                        )
                    # In place, since passes over all weights are what this step costs.
                    pulled = (weight - state["reference"]).mul_(epoch_decay).add_(weight.grad)
                    if weight_decay:
                        pulled.add_(weight_decay * weight)
                    weight.sub_(pulled.mul_(lr))
                    state["sum"].add_(weight)
                    state["taken"] += 1
                    if state["taken"] == steps_a_pass:
                        state["reference"].copy_(state["sum"] / steps_a_pass)
                        state["sum"].zero_()
                        state["taken"] = 0
        return mean.detach()

    return step
