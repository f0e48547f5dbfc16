"""The training step: a loss that is handed in, with today's numbers where it is cross-entropy with one-hot targets."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from balancing.components.losses.cross_entropy import cross_entropy
from sweep.training.step import training_step


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 6, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 3))


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("batch", [2, 5, 8, 31, 64])
def test_a_step_is_that_of_torchs_cross_entropy_with_whole_labels_bit_for_bit(batch: int, precision: str) -> None:
    generator = torch.Generator().manual_seed(batch)
    images = torch.randn(batch, 3, 8, 8, generator=generator)
    labels = torch.randint(3, (batch,), generator=generator)
    ours, theirs = network(), network()
    one, other = (torch.optim.SGD(model.parameters(), lr=0.1) for model in (ours, theirs))
    for _ in range(3):
        found = training_step(ours, one, (images, torch.eye(3)[labels]), cross_entropy, precision)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision == "bfloat16"):
            loss = nn.functional.cross_entropy(theirs(images), labels)
        other.zero_grad()
        loss.backward()
        other.step()
        assert torch.equal(found, loss)
        assert not found.requires_grad
        for mine, wanted in zip(ours.parameters(), theirs.parameters(), strict=True):
            assert torch.equal(mine, wanted)


def test_a_loss_gets_float32_whatever_the_precision_and_its_mean_is_descended() -> None:
    seen: list[tuple[torch.dtype, torch.dtype]] = []

    def loss(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        seen.append((logits.dtype, targets.dtype))
        return ((logits - targets) ** 2).sum(dim=1)

    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    images = torch.randn(9, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    targets = torch.rand(9, 3, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        wanted = ((model(images) - targets) ** 2).sum(dim=1).mean()
    torch.testing.assert_close(training_step(model, optimizer, (images, targets), loss, "float32"), wanted)
    before = float(wanted)
    after = [float(training_step(model, optimizer, (images, targets), loss, "bfloat16")) for _ in range(5)]
    assert after[-1] < before
    assert set(seen) == {(torch.float32, torch.float32)}
