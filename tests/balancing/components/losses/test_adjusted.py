"""Logits adjusted in training: algebra, equal losses of several names, the sign, and what the ledger is told."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from balancing.components.axes import Loss, TrainingContext
from balancing.components.ledger import shift_of
from balancing.components.losses.adjusted import balanced_softmax, cdt, logit_adjusted, vs
from balancing.components.losses.cross_entropy import cross_entropy
from balancing.components.registry import COMPONENTS
from tests.balancing.components.losses.batches import drawn, mixed

COUNTS = np.array([40, 16, 22])
CONTEXT = TrainingContext(COUNTS)
LOG_PRIOR = torch.tensor(np.log(COUNTS / 78), dtype=torch.float32)


def test_balanced_softmax_is_the_papers_quotient() -> None:
    logits, labels = drawn()
    raised = torch.tensor(COUNTS) * logits.exp()
    wanted = -(raised[torch.arange(32), labels] / raised.sum(dim=1)).log()
    torch.testing.assert_close(balanced_softmax(CONTEXT)(logits, torch.eye(3)[labels]), wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("tau", [0.5, 1.0, 2.0])
def test_logit_adjusted_is_torchs_cross_entropy_of_logits_plus_tau_log_prior(tau: float) -> None:
    logits, labels = drawn()
    loss = logit_adjusted(CONTEXT, tau=tau)
    for targets, given in ((torch.eye(3)[labels], labels), (mixed(), mixed())):
        wanted = functional.cross_entropy(logits + tau * LOG_PRIOR, given, reduction="none")
        torch.testing.assert_close(loss(logits, targets), wanted)


def test_the_sign_is_plus_so_a_rare_classs_rows_cost_more() -> None:
    # Logits that say nothing: log 2 each without a prior; -log of the class's share with it.
    loss = balanced_softmax(TrainingContext(np.array([900, 100])))
    assert loss(torch.zeros(2, 2), torch.eye(2)).tolist() == pytest.approx([-np.log(0.9), -np.log(0.1)], rel=1e-5)


def test_vs_is_cross_entropy_of_the_papers_logits() -> None:
    logits, labels = drawn()
    scale = torch.tensor((COUNTS / 40) ** 0.3, dtype=torch.float32)
    wanted = functional.cross_entropy(scale * logits + 1.2 * LOG_PRIOR, labels, reduction="none")
    torch.testing.assert_close(vs(CONTEXT, gamma=0.3, tau=1.2)(logits, torch.eye(3)[labels]), wanted)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (balanced_softmax(CONTEXT), logit_adjusted(CONTEXT, tau=1.0)),
        (vs(CONTEXT, gamma=0.0, tau=1.3), logit_adjusted(CONTEXT, tau=1.3)),
        (vs(CONTEXT, gamma=0.3, tau=0.0), cdt(CONTEXT, gamma=0.3)),
        (logit_adjusted(CONTEXT, tau=0.0), cross_entropy),
        (cdt(CONTEXT, gamma=0.0), cross_entropy),
        (vs(CONTEXT, gamma=0.0, tau=0.0), cross_entropy),
    ],
    ids=[
        "balanced softmax is logit-adjusted with tau 1",
        "vs without gamma is logit-adjusted",
        "vs without tau is cdt",
        "logit-adjusted without tau is cross-entropy",
        "cdt without gamma is cross-entropy",
        "vs without both is cross-entropy",
    ],
)
def test_where_names_meet_losses_and_gradients_are_equal_bit_for_bit(one: Loss, other: Loss) -> None:
    logits, _ = drawn()
    pair = one(logits, mixed()), other(logits, mixed())
    assert torch.equal(*pair)
    assert torch.equal(*(torch.autograd.grad(losses.sum(), logits)[0] for losses in pair))


def test_a_balanced_plan_makes_all_of_them_cross_entropy() -> None:
    even = TrainingContext(np.array([25, 25, 25]), split_counts=COUNTS)
    logits, _ = drawn()
    wanted = cross_entropy(logits, mixed())
    for loss in (balanced_softmax(even), logit_adjusted(even, tau=2.0), vs(even, gamma=0.3, tau=1.2)):
        torch.testing.assert_close(loss(logits, mixed()), wanted)
    assert torch.equal(cdt(even, gamma=0.4)(logits, mixed()), wanted)


@pytest.mark.parametrize(
    ("name", "parameters", "taken_out"),
    [
        ("balanced_softmax", {}, 1.0),
        ("logit_adjusted", {"tau": 0.5}, 0.5),
        ("vs", {"gamma": 0.0, "tau": 1.25}, 1.25),
        ("vs", {"gamma": 0.1, "tau": 1.25}, None),
        ("cdt", {"gamma": 0.0}, 0.0),
        ("cdt", {"gamma": 0.1}, None),
    ],
)
def test_the_ledger_is_told_what_is_taken_out(name: str, parameters: dict[str, Any], taken_out: float | None) -> None:
    component = COMPONENTS.get(name)
    assert component is not None
    found = shift_of(component.prior_effect, CONTEXT, parameters)
    if taken_out is None:
        assert found is None
    else:
        np.testing.assert_allclose(found, -taken_out * np.log(COUNTS / 78), rtol=1e-12)
