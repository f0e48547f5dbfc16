"""Laws of optimisation steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from balancing.components.laws.common import SEED, built, require, untouched_global_state
from balancing.components.registry import Component

if TYPE_CHECKING:
    import torch


def _problem(n_classes: int) -> tuple[torch.nn.Linear, torch.Tensor, torch.Tensor]:
    """A linear model with (30, 4) inputs and (30, C) targets that it can learn."""
    import torch

    generator = torch.Generator().manual_seed(SEED)
    labels = torch.arange(30) % n_classes
    x = torch.randn(30, 4, generator=generator) + labels[:, None]
    model = torch.nn.Linear(4, n_classes)
    with torch.no_grad():
        for weight in model.parameters():
            weight.copy_(torch.randn(weight.shape, generator=generator) / 2)
    return model, x, torch.eye(n_classes)[labels]


def law_steps_lower_the_loss(component: Component) -> None:
    """Twenty steps on one batch lower its mean loss; each returns the mean before it; nothing is drawn."""
    import torch

    for context, step, said in built(component):
        model, x, targets = _problem(context.n_classes)
        adam = torch.optim.Adam(model.parameters(), lr=2e-3)

        def losses(model=model, x=x, targets=targets) -> torch.Tensor:  # type: ignore[no-untyped-def]
            return torch.nn.functional.cross_entropy(model(x), targets, reduction="none")

        first = losses().mean()
        with untouched_global_state():
            means = [step(adam, losses, targets) for _ in range(20)]
        require(all(mean.shape == () and not mean.requires_grad for mean in means), f"a step returns a number: {said}")
        require(torch.allclose(means[0], first, rtol=1e-5), f"a step returns the mean loss before it: {said}")
        require(losses().mean() < first, f"twenty steps don't lower the loss: {said}")


LAWS = (law_steps_lower_the_loss,)
