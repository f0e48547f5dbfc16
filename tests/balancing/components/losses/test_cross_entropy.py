"""Cross-entropy with soft targets against torch's."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from balancing.components.losses.cross_entropy import cross_entropy


def logits_and_labels(batch: int, classes: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(batch * classes)
    logits = 5 * torch.randn(batch, classes, generator=generator)
    return logits.requires_grad_(), torch.randint(classes, (batch,), generator=generator)


@pytest.mark.parametrize("classes", [2, 3, 9, 100])
@pytest.mark.parametrize("batch", [1, 2, 7, 32, 129])
def test_one_hot_targets_give_what_whole_labels_give_bit_for_bit(batch: int, classes: int) -> None:
    logits, labels = logits_and_labels(batch, classes)
    soft = cross_entropy(logits, torch.eye(classes)[labels])
    hard = functional.cross_entropy(logits, labels, reduction="none")
    assert torch.equal(soft, hard)
    upstream = torch.rand(batch, generator=torch.Generator().manual_seed(0))
    gradients = [torch.autograd.grad(loss, logits, upstream)[0] for loss in (soft, hard)]
    assert torch.equal(*gradients)


def test_soft_targets_are_torchs_soft_targets() -> None:
    logits, _ = logits_and_labels(50, 4)
    targets = torch.rand(50, 4, generator=torch.Generator().manual_seed(1)).softmax(dim=1)
    wanted = functional.cross_entropy(logits, targets, reduction="none")
    torch.testing.assert_close(cross_entropy(logits, targets), wanted)


def test_a_class_without_a_share_counts_nothing_however_improbable() -> None:
    logits = torch.tensor([[0.0, -torch.inf, 0.0]], requires_grad=True)
    loss = cross_entropy(logits, torch.tensor([[1.0, 0.0, 0.0]]))
    torch.testing.assert_close(loss, torch.tensor([2.0]).log())
    (gradient,) = torch.autograd.grad(loss.sum(), logits)
    torch.testing.assert_close(gradient, torch.tensor([[-0.5, 0.0, 0.5]]))
