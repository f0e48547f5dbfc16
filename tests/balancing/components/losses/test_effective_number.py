"""Weights by effective numbers: the paper's formula, its limits, and what it says it adds to the prior."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from balancing.components.axes import TrainingContext
from balancing.components.losses.class_weights import weights_of
from balancing.components.losses.cross_entropy import cross_entropy
from balancing.components.losses.effective_number import effective_number, effective_weights, log_effective
from tests.balancing.components.losses.batches import drawn, mixed

COUNTS = np.array([3494, 1214])


@pytest.mark.parametrize("beta", [0.9, 0.99, 0.999, 0.9999])
def test_weights_are_in_proportion_to_the_papers(beta: float) -> None:
    counts = np.array([5000, 500, 50])
    theirs = (1 - beta) / (1 - beta**counts)
    ours = effective_weights(counts, 1 - beta)
    np.testing.assert_allclose(ours / ours.sum(), theirs / theirs.sum(), rtol=1e-9)


def test_a_case_by_hand() -> None:
    # 1 - .9999^3494 = .2949 and 1 - .9999^1214 = .1143: the rare class weighs 2.58 times as much.
    heavy = effective_weights(COUNTS, 1e-4)
    assert heavy[1] / heavy[0] == pytest.approx(0.29489 / 0.11433, rel=1e-4)
    assert (COUNTS * heavy).sum() / COUNTS.sum() == pytest.approx(1, rel=1e-12)


def test_with_beta_near_one_they_are_inverse_frequencies_and_with_beta_far_below_none() -> None:
    np.testing.assert_allclose(effective_weights(COUNTS, 1e-8), weights_of(COUNTS, 1.0), rtol=1e-4)
    np.testing.assert_allclose(effective_weights(COUNTS, 0.1), [1, 1], rtol=1e-12)


def test_the_loss_is_torchs_with_these_weights() -> None:
    logits, labels = drawn(2)
    weights = torch.tensor(effective_weights(COUNTS, 1e-3), dtype=torch.float32)
    theirs = torch.nn.CrossEntropyLoss(weights, reduction="none")
    ours = effective_number(TrainingContext(COUNTS), one_minus_beta=1e-3)
    for targets, given in ((torch.eye(2)[labels], labels), (mixed(2), mixed(2))):
        torch.testing.assert_close(ours(logits, targets), theirs(logits, given))


def test_equal_counts_are_cross_entropy_bit_for_bit() -> None:
    logits, _ = drawn()
    loss = effective_number(TrainingContext(np.array([33, 33, 33])), one_minus_beta=1e-4)
    assert torch.equal(loss(logits, mixed()), cross_entropy(logits, mixed()))


def test_the_ledger_is_told_the_log_weights() -> None:
    found = log_effective(TrainingContext(COUNTS), one_minus_beta=1e-4)
    assert found[1] - found[0] == pytest.approx(np.log(0.29489 / 0.11433), rel=1e-4)


def test_a_class_without_rows_is_refused() -> None:
    with pytest.raises(ValueError, match=r"every class needs rows to be weighted, but the counts are \[3, 0\]"):
        effective_number(TrainingContext(np.array([3, 0])), one_minus_beta=1e-4)
