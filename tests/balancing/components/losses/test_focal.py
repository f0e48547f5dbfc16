"""Focal loss against MONAI's, against torchvision's for two classes, and its limits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torchvision.ops import sigmoid_focal_loss

from balancing.components.axes import TrainingContext
from balancing.components.ledger import shift_of
from balancing.components.losses.class_weights import class_weights, weights_of
from balancing.components.losses.cross_entropy import cross_entropy
from balancing.components.losses.effective_number import effective_number, effective_weights
from balancing.components.losses.focal import cb_focal, focal, focal_entropy
from balancing.components.registry import COMPONENTS
from tests.balancing.components.losses.batches import drawn, mixed, recorded_rows
from tests.balancing.components.losses.recorded import ORACLES

COUNTS = np.array([40, 16, 22])
CONTEXT = TrainingContext(COUNTS)


@pytest.mark.parametrize("case", ORACLES["rows"]["focal"], ids=lambda case: f"gamma {case['gamma']}")
def test_losses_are_monais(case: dict[str, Any]) -> None:
    ours = focal_entropy(case["gamma"], np.array(ORACLES["rows"]["weights"]))(*recorded_rows())
    torch.testing.assert_close(ours, torch.tensor(case["losses"]), rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("gamma", [0.5, 1.0, 2.0])
def test_with_two_classes_it_is_torchvisions_of_the_logits_difference(gamma: float) -> None:
    logits, labels = drawn(2)
    ours = focal(TrainingContext(COUNTS[:2]), gamma=gamma, alpha=0.0)(logits, torch.eye(2)[labels])
    theirs = sigmoid_focal_loss(logits[:, 1] - logits[:, 0], labels.float(), alpha=-1, gamma=gamma)
    torch.testing.assert_close(ours, theirs)
    gradients = [torch.autograd.grad(losses.sum(), logits, retain_graph=True)[0] for losses in (ours, theirs)]
    torch.testing.assert_close(*gradients, rtol=1e-4, atol=1e-6)


def test_without_gamma_it_is_cross_entropy_with_the_weights_that_alpha_says_bit_for_bit() -> None:
    logits, _ = drawn()
    assert torch.equal(focal(CONTEXT, gamma=0.0, alpha=0.0)(logits, mixed()), cross_entropy(logits, mixed()))
    weighted = class_weights(CONTEXT, power=0.5)(logits, mixed())
    torch.testing.assert_close(focal(CONTEXT, gamma=0.0, alpha=0.5)(logits, mixed()), weighted, rtol=1e-6, atol=1e-7)
    effective = effective_number(CONTEXT, one_minus_beta=0.05)(logits, mixed())
    ours = cb_focal(CONTEXT, gamma=0.0, one_minus_beta=0.05)(logits, mixed())
    torch.testing.assert_close(ours, effective, rtol=1e-6, atol=1e-7)


def test_class_balanced_focal_is_focal_times_the_classs_weight() -> None:
    logits, labels = drawn()
    targets = torch.eye(3)[labels]
    plain = focal(CONTEXT, gamma=1.5, alpha=0.0)(logits, targets)
    for ours, weights in (
        (cb_focal(CONTEXT, gamma=1.5, one_minus_beta=0.05), effective_weights(COUNTS, 0.05)),
        (focal(CONTEXT, gamma=1.5, alpha=1.0), weights_of(COUNTS, 1.0)),
    ):
        torch.testing.assert_close(ours(logits, targets), torch.tensor(weights)[labels].float() * plain)


def test_a_row_that_is_answered_well_counts_less() -> None:
    # p = .9: (1 - .9)^2 = .01 of its cross-entropy; p = .1: .81 of it.
    logits = torch.tensor([[np.log(9.0), 0.0], [0.0, np.log(9.0)]])
    losses = focal(TrainingContext(COUNTS[:2]), gamma=2.0, alpha=0.0)(logits, torch.tensor([[1.0, 0.0]] * 2))
    assert losses.tolist() == pytest.approx([0.01 * -np.log(0.9), 0.81 * -np.log(0.1)], rel=1e-4)


@pytest.mark.parametrize("gamma", [0.1, 0.5, 1.0, 5.0])
def test_rows_that_are_answered_as_well_as_can_be_have_finite_gradients(gamma: float) -> None:
    logits = torch.tensor([[100.0, -100.0], [20.0, 0.0], [16.0, 0.0]], requires_grad=True)
    losses = focal(TrainingContext(COUNTS[:2]), gamma=gamma, alpha=0.0)(logits, torch.tensor([[1.0, 0.0]] * 3))
    (gradient,) = torch.autograd.grad(losses.sum(), logits)
    assert gradient.abs().max() < 1e-5


def test_the_ledger_knows_it_without_gamma_alone() -> None:
    for name, own, weights in (
        ("focal", {"alpha": 0.5}, weights_of(COUNTS, 0.5)),
        ("cb_focal", {"one_minus_beta": 0.05}, effective_weights(COUNTS, 0.05)),
    ):
        component = COMPONENTS.get(name)
        assert component is not None
        assert shift_of(component.prior_effect, CONTEXT, {"gamma": 1.0, **own}) is None
        np.testing.assert_allclose(shift_of(component.prior_effect, CONTEXT, {"gamma": 0.0, **own}), np.log(weights))
