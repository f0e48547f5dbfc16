"""CutMix against torchvision's boxes, and its targets against the pixels that are left."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torchvision.transforms import v2

import balancing.components.mixers.cutmix as module
from balancing.components.axes import TrainingContext
from balancing.components.mixers.cutmix import box_mask, boxes, cutmix
from balancing.errors import UserError

CONTEXT = TrainingContext(np.array([6, 6]))


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("size", [(28, 28), (17, 40)], ids=str)
def test_boxes_pixels_and_targets_are_torchvisions_at_the_same_draws(
    size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    height, width = size
    images, labels = torch.rand(2, 1, *size, generator=generator()), torch.tensor([0, 1])
    targets, theirs = torch.eye(2)[labels], v2.CutMix(num_classes=2)
    for area, x, y in [(0.25, 5, 3), (0.5, width - 1, height - 1), (0.0, 4, 4), (1.0, width // 2, height // 2)]:
        centre = iter([torch.tensor([x]), torch.tensor([y])])
        with monkeypatch.context() as patched:
            patched.setattr(torch, "randint", lambda *_, centre=centre, **__: next(centre))
            patched.setattr(theirs._dist, "sample", lambda *_, area=area: torch.tensor(1 - area))
            drawn = theirs.make_params([images])
        drawn |= {"labels": labels, "batch_size": 2, "num_classes": 2}
        ours = boxes(torch.tensor([area], dtype=torch.float64), torch.tensor([x]), torch.tensor([y]), size)
        x1, y1, x2, y2 = (int(edge) for edge in drawn["box"])
        assert ours[:, 0].tolist() == [x1, x2, y1, y2]
        pasted = torch.where(box_mask(ours, size), images.roll(1, 0), images)
        assert torch.equal(pasted, theirs.transform(images, drawn))
        share = 1 - box_mask(ours, size).double().mean()
        wanted = theirs.transform(labels, drawn)
        torch.testing.assert_close(share * targets + (1 - share) * targets.roll(1, 0), wanted)


def test_targets_are_the_shares_of_the_pixels() -> None:
    images = torch.zeros(200, 1, 9, 13)
    own, other = torch.tensor([[1.0, 0.0]]).expand(200, 2), torch.tensor([[0.0, 1.0]]).expand(200, 2)
    mixed, targets = cutmix(CONTEXT, alpha=1.0, probability=1.0)(images, images + 1, own, other, generator())
    torch.testing.assert_close(targets[:, 1], mixed.mean(dim=(1, 2, 3)))
    assert set(mixed.unique().tolist()) == {0.0, 1.0}
    assert len(targets[:, 1].unique()) > 30  # a box for each row


@pytest.mark.parametrize("probability", [0.0, 0.3, 1.0])
def test_so_many_rows_are_cut(probability: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "beta", lambda *_: torch.full((4000,), 0.5, dtype=torch.float64))
    images, targets = torch.zeros(4000, 1, 4, 4), torch.eye(2)[torch.arange(4000) % 2]
    mixed, _ = cutmix(CONTEXT, alpha=1.0, probability=probability)(images, images + 1, targets, targets, generator())
    assert (mixed > 0).any(dim=3).any(dim=2).float().mean() == pytest.approx(probability, abs=0.04)


def test_features_are_refused() -> None:
    features, targets = torch.rand(4, 16), torch.eye(2)[[0, 1, 0, 1]]
    with pytest.raises(
        UserError, match=r"cutmix cuts boxes out of images \(B, C, H, W\), but .* \(4, 16\); take mixup"
    ):
        cutmix(CONTEXT, alpha=1.0, probability=1.0)(features, features, targets, targets, generator())
