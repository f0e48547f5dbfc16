"""Margins by class: pytorch-metric-learning's CosFace for equal counts, the paper's margins, mixed targets."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from balancing.components.axes import TrainingContext
from balancing.components.losses.cross_entropy import cross_entropy
from balancing.components.losses.ldam import ldam, margins_of
from balancing.components.registry import COMPONENTS
from tests.balancing.components.losses.batches import mixed
from tests.balancing.components.losses.recorded import ORACLES

COUNTS = np.array([1600, 16, 100])
CONTEXT = TrainingContext(COUNTS)


def cosines() -> torch.Tensor:
    return (torch.randn(32, 3, generator=torch.Generator().manual_seed(0))).tanh()


def test_equal_counts_are_pytorch_metric_learnings_cosface() -> None:
    recorded = ORACLES["cosines"]
    features, head = torch.tensor(recorded["features"]), torch.tensor(recorded["head"])
    given = functional.normalize(features, dim=1) @ functional.normalize(head, dim=0)
    loss = ldam(TrainingContext(np.array([9, 9, 9, 9])), max_margin=recorded["margin"], scale=recorded["scale"])
    losses = loss(given, torch.eye(4)[torch.tensor(recorded["labels"])])
    torch.testing.assert_close(losses, torch.tensor(recorded["losses"]), rtol=1e-5, atol=1e-4)


def test_margins_go_by_the_fourth_root_and_the_rarest_has_the_largest() -> None:
    # 16 images: .5; 1600, a hundred times as many: .5 / 100^(1/4).
    np.testing.assert_allclose(margins_of(COUNTS, 0.5), [0.5 / 10**0.5, 0.5, 0.5 * (16 / 100) ** 0.25], rtol=1e-12)


def test_each_row_has_the_margin_of_its_class() -> None:
    labels = torch.arange(32) % 3
    targets = torch.eye(3)[labels]
    margins = torch.tensor(margins_of(COUNTS, 0.5), dtype=torch.float32)
    wanted = functional.cross_entropy(30 * (cosines() - margins * targets), labels, reduction="none")
    ours = ldam(CONTEXT, max_margin=0.5, scale=30.0)(cosines(), targets)
    torch.testing.assert_close(ours, wanted, rtol=1e-5, atol=1e-5)


def test_of_mixed_targets_the_losses_are_mixed() -> None:
    loss = ldam(CONTEXT, max_margin=0.5, scale=30.0)
    pure = torch.stack([loss(cosines(), torch.eye(3)[label].expand(32, 3)) for label in range(3)], dim=1)
    torch.testing.assert_close(loss(cosines(), mixed()), (mixed() * pure).sum(dim=1))


def test_without_margins_it_is_cross_entropy_of_scaled_cosines() -> None:
    ours = ldam(CONTEXT, max_margin=0.0, scale=16.0)(cosines(), mixed())
    torch.testing.assert_close(ours, cross_entropy(16 * cosines(), mixed()), rtol=1e-5, atol=1e-6)


def test_it_wants_a_head_of_cosines_and_says_their_scale() -> None:
    component = COMPONENTS.get("ldam")
    assert component is not None
    assert component.head == "cosine"
    loss = component.build(CONTEXT, scale=20)
    assert loss.scale == 20.0


@pytest.mark.parametrize(
    ("plan", "counted"),
    [([1600, 1600, 1600], COUNTS), ([16, 16, 16], [16, 16, 16]), ([572, 572, 572], COUNTS), (COUNTS, COUNTS)],
    ids=["repeated rows are no new images", "images left out", "drawn anew with equal shares", "as they are"],
)
def test_margins_go_by_how_many_different_images_train(plan: list[int], counted: list[int]) -> None:
    found = ldam(TrainingContext(np.array(plan), split_counts=COUNTS), max_margin=0.5, scale=30.0)
    wanted = ldam(TrainingContext(np.array(counted)), max_margin=0.5, scale=30.0)
    assert torch.equal(found(cosines(), mixed()), wanted(cosines(), mixed()))
