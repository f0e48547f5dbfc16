"""Class weights against scikit-learn's and torch's, and what they leave as it is."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight

from balancing.components.axes import TrainingContext
from balancing.components.laws.common import make_data
from balancing.components.losses.class_weights import class_weights, weights_of
from balancing.components.losses.cross_entropy import cross_entropy
from balancing.components.techniques import get_technique

COUNTS = np.array([40, 16, 22])


def batch(n_classes: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(32, n_classes, generator=generator), torch.randint(n_classes, (32,), generator=generator)


def test_inverse_frequencies_are_scikit_learns_balanced_weights() -> None:
    labels = np.repeat([0, 1, 2], COUNTS)
    theirs = compute_class_weight("balanced", classes=np.arange(3), y=labels)
    np.testing.assert_allclose(weights_of(COUNTS, 1.0), theirs, rtol=1e-12)


@pytest.mark.parametrize("power", [0.0, 0.3, 1.0])
def test_losses_are_torchs(power: float) -> None:
    logits, labels = batch()
    weights = torch.tensor(weights_of(COUNTS, power), dtype=torch.float32)
    soft = torch.softmax(torch.randn(32, 3, generator=torch.Generator().manual_seed(1)), dim=1)
    ours = class_weights(TrainingContext(COUNTS), power=power)
    theirs = torch.nn.CrossEntropyLoss(weights, reduction="none")
    for targets, given in ((torch.eye(3)[labels], labels), (soft, soft)):
        torch.testing.assert_close(ours(logits, targets), theirs(logits, given), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("counts", [COUNTS, np.array([1, 10_000]), np.array([7, 7, 7])], ids=str)
def test_the_mean_weight_of_the_rows_is_one(counts: np.ndarray, power: float) -> None:
    assert (counts * weights_of(counts, power)).sum() / counts.sum() == pytest.approx(1, rel=1e-12)


def test_equal_counts_or_no_power_are_cross_entropy_bit_for_bit() -> None:
    logits, labels = batch()
    targets = torch.eye(3)[labels]
    for counts, power in ((np.array([33, 33, 33]), 1.0), (np.array([33, 33, 33]), 0.7), (COUNTS, 0.0)):
        loss = class_weights(TrainingContext(counts), power=power)
        assert torch.equal(loss(logits, targets), cross_entropy(logits, targets))


def test_what_a_sampler_has_balanced_is_not_balanced_again() -> None:
    technique, data = get_technique("oversampling+class_weights"), make_data((40, 16, 22))
    plan = technique.build(data, 0)
    logits, labels = batch()
    loss = technique.loss(TrainingContext(plan.class_counts(3)))
    assert torch.equal(loss(logits, torch.eye(3)[labels]), cross_entropy(logits, torch.eye(3)[labels]))
    before = technique.loss(TrainingContext(data.class_counts))
    assert not torch.equal(before(logits, torch.eye(3)[labels]), cross_entropy(logits, torch.eye(3)[labels]))


def test_a_class_without_rows_is_refused() -> None:
    with pytest.raises(ValueError, match=r"every class needs rows to be weighted, but the counts are \[3, 0\]"):
        weights_of(np.array([3, 0]), 1.0)
