"""Maps of every network: what autograd gives on the whole, from image to answer, is what is drawn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from balancing.components.axes import Head
from sweep.analysis.figures.cams import cam_plot
from sweep.analysis.maps.cases import case_maps
from sweep.analysis.maps.methods import CAM_METHODS, class_activation_maps
from sweep.analysis.maps.networks import block_in_words
from sweep.analysis.results import Results
from sweep.training.network import new_model
from sweep.training.networks.head_network import HeadNetwork, Joined
from tests.sweep.fake_run import fake_images, fake_run

SIZE, SEEDS, TARGETS = 64, [5, 6], [2, 0]
# Of torchcam's SmoothGradCAM++: its passes, and the spread of their noise.
PASSES, SPREAD = 4, 0.3


def pictures() -> torch.Tensor:
    return torch.randn(2, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(3))


def joined(head: Head = "linear", hidden: int = 0, body: str = "resnet18") -> Joined:
    below = new_model(1, 2, architecture=body).eval()
    generator = torch.Generator().manual_seed(4)
    width = below.fc.in_features
    mean, std = torch.rand(width, generator=generator), 0.5 + torch.rand(width, generator=generator)
    torch.manual_seed(6)
    top = HeadNetwork(mean, std, 3, head, hidden)
    if head == "scaled":
        with torch.no_grad():
            top.fc.scales.copy_(torch.tensor([0.5, 2.0, 1.5]))  # type: ignore[union-attr, operator]
    top.scale = 7.0 if head == "cosine" else 1.0
    return Joined(below, top).eval()


def by_autograd(
    model: nn.Module, images: torch.Tensor, targets: list[int], seeds: list[int], method: str
) -> np.ndarray:
    """The maps by their formulas alone: activations of the last block, and the answer's gradients there."""
    shown: list[torch.Tensor] = []
    handle = model.get_submodule(model.last_block).register_forward_hook(  # type: ignore[arg-type]
        lambda module, given, out: shown.append(out)
    )

    def seen(image: torch.Tensor, target: int) -> tuple[torch.Tensor, torch.Tensor]:
        score = model(image.requires_grad_())[0, target]
        block = shown.pop()
        return block.detach()[0].clone(), torch.autograd.grad(score, block)[0][0]

    found = []
    for image, target, seed in zip(images, targets, seeds, strict=True):
        fields, gradient = seen(image[None].clone(), target)
        if method == "gradcam":
            coarse = (gradient.mean(dim=(1, 2), keepdim=True) * fields).sum(dim=0)
        elif method == "layercam":
            coarse = (torch.relu(gradient) * fields).sum(dim=0)
        else:
            torch.manual_seed(seed)
            noisy = [seen(image[None] + torch.normal(0.0, SPREAD, (1, *image.shape)), target) for _ in range(PASSES)]
            second = sum(g**2 for _, g in noisy) / PASSES
            third = sum(g**3 for _, g in noisy) / PASSES
            alpha = second / (2 * second + (third * fields).sum(dim=(1, 2), keepdim=True) + 1e-8)
            fields, gradient = noisy[-1]
            coarse = ((alpha * torch.relu(gradient)).sum(dim=(1, 2), keepdim=True) * fields).sum(dim=0)
        coarse = torch.relu(coarse)
        coarse = (coarse - coarse.min()) / (coarse.max() - coarse.min() + 1e-8)
        fine = nn.functional.interpolate(coarse[None, None], size=(SIZE, SIZE), mode="bilinear", align_corners=False)
        found.append(fine[0, 0].clamp(0, 1).numpy())
    handle.remove()
    return np.stack(found)


@pytest.mark.parametrize("method", CAM_METHODS)
@pytest.mark.parametrize(
    ("head", "hidden"), [("linear", 0), ("linear", 9), ("cosine", 0), ("cosine", 9), ("scaled", 0)]
)
def test_maps_of_a_frozen_network_are_those_of_the_whole(head: Head, hidden: int, method: str) -> None:
    model = joined(head, hidden)
    found = class_activation_maps(model, pictures(), TARGETS, SEEDS, method)
    np.testing.assert_allclose(found, by_autograd(model, pictures(), TARGETS, SEEDS, method), atol=2e-3)
    assert found.max() > 0.9, "something is drawn"
    assert found.std(axis=(1, 2)).max() > 0


@pytest.mark.parametrize("method", CAM_METHODS)
@pytest.mark.parametrize("name", ["densenet121", "mobilenet_v3_small", "efficientnet_lite0"])
def test_maps_of_other_networks_are_those_of_autograd(name: str, method: str) -> None:
    model = new_model(3, 1, architecture=name).eval()
    found = class_activation_maps(model, pictures(), TARGETS, SEEDS, method)
    np.testing.assert_allclose(found, by_autograd(model, pictures(), TARGETS, SEEDS, method), atol=2e-3)
    behind = joined(body=name)
    given = class_activation_maps(behind, pictures(), TARGETS, SEEDS, method)
    np.testing.assert_allclose(given, by_autograd(behind, pictures(), TARGETS, SEEDS, method), atol=2e-3)


@pytest.mark.parametrize(
    ("block", "name", "words"),
    [
        ("layer4", "resnet18", "the last block (layer4) of ResNet18"),
        ("body.layer4", "resnet18", "the last block (layer4) of ResNet18"),
        ("body.features", "densenet121", "the last block (features) of DenseNet-121"),
        ("body.body.features", "densenet121", "the last block (features) of DenseNet-121"),
        ("body.permute", "swin_t", "the last block, normalised (permute) of Swin Transformer t"),
    ],
)
def test_a_block_has_its_own_name(block: str, name: str, words: str) -> None:
    assert block_in_words(block, name) == words


def test_the_caption_names_the_network_that_was_looked_through(tmp_path: Path) -> None:
    images = fake_images(tmp_path, size=64)
    run = fake_run(tmp_path / "run", images, techniques=("baseline",), checkpoints=1)
    found = case_maps(Results(run), images, method="gradcam")
    assert found is not None
    assert "Grad-CAM on the last block (layer4) of ResNet18, of each" in cam_plot(found, run.class_names).caption
