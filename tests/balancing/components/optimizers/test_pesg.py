"""PESG against LibAUC's, by hand, with the loss that it is for, and after a resume."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch

from balancing.components.axes import TrainingContext
from balancing.components.losses.aucm import aucm
from balancing.components.optimizers.pesg import pesg
from balancing.components.testing import check
from tests.balancing.components.losses.recorded import ORACLES

RANKS = ORACLES["ranks"]


def quadratic(weight: torch.Tensor) -> Any:
    """Two rows whose mean loss is w^2 / 2 summed, so that the gradient is w."""
    return lambda: (weight**2 / 2).sum().expand(2)


def test_it_keeps_the_laws() -> None:
    check("pesg")


def test_a_step_of_the_network_and_its_loss_is_libaucs() -> None:
    said = RANKS["pesg"]
    context = TrainingContext(np.array([5, 3]), positive=1)
    loss: Any = aucm(context, margin=RANKS["margin"])
    weight = torch.tensor(RANKS["start"], requires_grad=True)
    with torch.no_grad():
        for name in ("a", "b", "alpha"):
            getattr(loss, name).fill_(RANKS[name])
    optimizer = torch.optim.Adam([weight, *loss.parameters()], lr=said["lr"], weight_decay=said["weight_decay"])
    for value in (weight, loss.a, loss.b):
        reference = torch.tensor(said["reference"]) if value is weight else value.detach().clone()
        start = {"reference": reference, "sum": torch.zeros_like(value), "taken": 0, "step": torch.zeros(())}
        optimizer.state[value] = start
    targets = torch.eye(2)[torch.tensor(RANKS["labels"])]
    both = RANKS["share"] * (1 - RANKS["share"])  # LibAUC's loss is ours times the shares of both classes

    def losses() -> torch.Tensor:
        logits = torch.stack([torch.zeros(8), torch.tensor(RANKS["x"]) @ weight], dim=1)
        found: torch.Tensor = both * loss(logits, targets)
        return found

    mean = pesg(context, lr_factor=1.0, epoch_decay=said["epoch_decay"])(optimizer, losses, targets)
    assert mean.item() == pytest.approx(RANKS["v1"]["loss"], rel=1e-5)
    torch.testing.assert_close(weight.detach(), torch.tensor(said["after"]["weight"]))
    assert loss.a.item() == pytest.approx(said["after"]["a"], rel=1e-5)
    assert loss.b.item() == pytest.approx(said["after"]["b"], rel=1e-5)
    # LibAUC climbs along the difference of b and a in place of the batch's means; this is the gradient itself.
    assert loss.alpha.item() == pytest.approx(RANKS["alpha"] + said["lr"] * RANKS["v1"]["alpha"], rel=1e-5)


def test_the_reference_is_the_start_and_after_a_pass_the_mean_of_the_pass() -> None:
    # Gradient w, learning rate .1, pull 1: w <- w - .1 (w + (w - reference)), two steps a pass.
    weight = torch.tensor([1.0], requires_grad=True)
    step = pesg(TrainingContext(np.array([40, 24]), batch_size=32), lr_factor=10.0, epoch_decay=1.0)
    optimizer = torch.optim.Adam([weight], lr=0.01)
    found = []
    for _ in range(3):
        step(optimizer, quadratic(weight), torch.eye(2))
        found.append(weight.item())
    first = 1 - 0.1 * (1 + 0)
    second = first - 0.1 * (first + first - 1)
    third = second - 0.1 * (second + second - (first + second) / 2)
    assert found == pytest.approx([first, second, third], rel=1e-6)


def test_what_a_loss_maximises_climbs_is_not_pulled_and_stays_above_nought() -> None:
    weight = torch.tensor([0.5], requires_grad=True)
    weight.ascends = True  # type: ignore[attr-defined]
    step = pesg(TrainingContext(np.array([2, 2])), lr_factor=1.0, epoch_decay=1.0)
    optimizer = torch.optim.Adam([weight], lr=1.0, weight_decay=0.5)
    step(optimizer, lambda: -0.25 * weight.sum().expand(2), torch.eye(2))
    assert weight.item() == pytest.approx(0.75)
    step(optimizer, lambda: 5 * weight.sum().expand(2), torch.eye(2))
    assert weight.item() == 0


def test_a_resume_goes_on_as_if_nothing_had_been() -> None:
    step = pesg(TrainingContext(np.array([60, 40]), batch_size=32), lr_factor=1.0, epoch_decay=0.5)

    def trained(halves: int) -> torch.Tensor:
        """The weight after ten steps, of which the optimiser is made anew from its state after five."""
        weight = torch.tensor([1.0, -2.0], requires_grad=True)
        optimizer = torch.optim.Adam([weight], lr=0.1, weight_decay=0.01)
        for number in range(10):
            if halves == 2 and number == 5:
                saved = copy.deepcopy(optimizer.state_dict())
                weight = weight.detach().clone().requires_grad_()
                optimizer = torch.optim.Adam([weight], lr=0.1)
                optimizer.load_state_dict(saved)
            step(optimizer, quadratic(weight), torch.eye(2))
        return weight.detach()

    assert torch.equal(trained(1), trained(2))


def test_with_the_auc_margin_loss_a_rare_class_is_ranked_first() -> None:
    generator = torch.Generator().manual_seed(0)
    labels = (torch.arange(300) % 10 == 0).long()
    x = torch.randn(300, 3, generator=generator) + 1.2 * labels[:, None]
    targets, context = torch.eye(2)[labels], TrainingContext(np.array([270, 30]), positive=1, batch_size=300)
    model = torch.nn.Linear(3, 2)
    with torch.no_grad():  # starts by ranking the wrong way round
        model.weight.copy_(torch.tensor([[0.5, 0.5, 0.5], [-0.5, -0.5, -0.5]]))
        model.bias.zero_()
    loss: Any = aucm(context, margin=1.0)
    step = pesg(context, lr_factor=25.0, epoch_decay=2e-3)
    optimizer = torch.optim.Adam([*model.parameters(), *loss.parameters()], lr=0.01)

    def area() -> float:
        scores = (model(x)[:, 1] - model(x)[:, 0]).detach()
        above: torch.Tensor = scores[labels == 1][:, None] > scores[labels == 0]
        return above.float().mean().item()

    assert area() < 0.2
    for _ in range(300):
        step(optimizer, lambda: loss(model(x), targets), targets)
    # The densities' own: the standard normal's distribution function at 1.2 sqrt(3/2) is .929.
    assert area() > 0.9
