"""The optimisation steps of heads that train together: each head takes its own, all of them in the same products."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch.nn.functional import linear

from balancing.components.axes import Phase, Step
from sweep.runs.spec import TrialSpec
from sweep.training.many.state import Stacked
from sweep.training.method import technique_of


@dataclass(frozen=True)
class Descent:
    """Where the losses of all heads fall.

    Args:
        heads: of S places.
        rows: (T, D), as the heads multiply them.
        means: logits (T, S * C) -> (S,), the mean loss of the rows of each place.
        phase: what trains.
    """

    heads: Stacked
    rows: torch.Tensor
    means: Callable[[torch.Tensor], torch.Tensor]
    phase: Phase

    def __call__(self) -> torch.Tensor:
        """Sets the heads' gradients, each of its own mean loss; returns these, (S,) float32."""
        logits = self.heads.logits(self.rows).requires_grad_()
        means = self.means(logits)
        (gradient,) = torch.autograd.grad(means.sum(), logits)
        scales = self.phase.trained == "scales"
        self.heads.backward(gradient, self.rows, linear=not scales, scales=scales or self.phase.scales_lr is not None)
        return means.detach()


def take_step(optimizer: torch.optim.Optimizer, descent: Descent, spec: TrialSpec, own: Step | None) -> torch.Tensor:
    """One step of all heads.

    Args:
        optimizer: of the heads, and of their losses where these have values that train.
        own: the technique's own step, of which ``fits`` knows that it is one of these.
    Returns:
        (S,) float32: the mean loss of each place before it.
    """
    technique = technique_of(spec)
    part = technique.part("optimizer")
    if own is not None and part is not None and part.name == "pesg":
        return _by_pesg(optimizer, descent, own)
    means = descent()
    if part is not None:
        with descent.heads.moved(technique.own(part, technique.complete(spec.parameters))["rho"]):
            descent()
    optimizer.step()
    return means


def _by_pesg(optimizer: torch.optim.Optimizer, descent: Descent, pesg: Step) -> torch.Tensor:
    """PESG works weight by weight, so a step on the sum of the places' losses is that of each."""
    found: list[torch.Tensor] = []

    def losses() -> torch.Tensor:
        means = descent.means(linear(descent.rows, descent.heads.weight, descent.heads.bias))
        found.append(means.detach())
        return means * len(means)  # whose mean is the sum

    pesg(optimizer, losses, torch.zeros(0))
    return found[0]
