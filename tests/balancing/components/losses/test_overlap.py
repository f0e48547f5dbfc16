"""Losses of whole batches against MONAI's and scikit-learn's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import fbeta_score

from balancing.components.axes import TrainingContext
from balancing.components.losses.overlap import soft_f_beta, tversky
from tests.balancing.components.losses.batches import drawn, mixed, recorded_rows
from tests.balancing.components.losses.recorded import ORACLES

CONTEXT = TrainingContext(np.array([40, 16, 22]))


@pytest.mark.parametrize("case", ORACLES["rows"]["tversky"], ids=str)
def test_tversky_is_monais(case: dict[str, Any]) -> None:
    losses = tversky(CONTEXT, alpha=case["alpha"])(*recorded_rows())
    torch.testing.assert_close(losses, torch.full((7,), case["loss"]), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("beta", [0.5, 1.0, 2.0])
def test_of_a_network_that_is_sure_soft_f_is_one_minus_scikit_learns_macro_score(beta: float) -> None:
    answers, labels = torch.tensor([0, 0, 2, 1, 2, 0, 1]), torch.tensor([0, 1, 2, 1, 0, 0, 2])
    losses = soft_f_beta(CONTEXT, beta=beta)(60 * torch.eye(3)[answers], torch.eye(3)[labels])
    theirs = fbeta_score(labels, answers, beta=beta, average="macro")
    assert losses.tolist() == pytest.approx([1 - theirs] * 7, rel=1e-5)


@pytest.mark.parametrize("beta", [0.5, 1.0, 2.0])
def test_soft_f_is_the_tversky_loss_of_its_weights(beta: float) -> None:
    logits, _ = drawn()
    ours, same = soft_f_beta(CONTEXT, beta=beta), tversky(CONTEXT, alpha=1 / (1 + beta**2))
    torch.testing.assert_close(ours(logits, mixed()), same(logits, mixed()))


def test_a_class_that_the_batch_lacks_is_left_out_of_the_average() -> None:
    logits, labels = torch.tensor([[1.0, 0.0, -9e9], [0.0, 2.0, -9e9]]), torch.tensor([0, 1])
    three = tversky(CONTEXT, alpha=0.4)(logits, torch.eye(3)[labels])
    two = tversky(TrainingContext(np.array([40, 16])), alpha=0.4)(logits[:, :2], torch.eye(2)[labels])
    torch.testing.assert_close(three, two)


def test_missing_a_row_costs_more_where_recall_counts_more() -> None:
    # One of two rows of class 1 is missed: recall 1/2, precision 1; of class 0 recall 1, precision 1/2.
    logits, targets = 60 * torch.eye(2)[[0, 0, 1]], torch.eye(2)[[0, 1, 1]]
    context = TrainingContext(np.array([1, 2]))
    by_hand = 1 - (1 / (1 + 0.3) + 1 / (1 + 0.7)) / 2
    assert tversky(context, alpha=0.3)(logits, targets)[0].item() == pytest.approx(by_hand, rel=1e-5)
