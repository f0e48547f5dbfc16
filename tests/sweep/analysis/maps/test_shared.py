"""Techniques behind one frozen body: numbers are those of each by itself, to the bit, and the body looks once."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from sweep.analysis.maps.methods import CAM_METHODS, class_activation_maps
from sweep.analysis.maps.randomisation import randomised
from sweep.analysis.maps.shared import Kept, Shared, shared
from sweep.training.network import new_model
from sweep.training.networks.base import Network
from sweep.training.networks.head_network import HeadNetwork, Joined

IMAGES = torch.randn(3, 3, 64, 64, generator=torch.Generator().manual_seed(0))


def body(seed: int = 0, architecture: str = "resnet18") -> Network:
    torch.manual_seed(seed)
    return new_model(1, seed, architecture=architecture).eval()


def behind(network: Network, seed: int) -> Joined:
    torch.manual_seed(seed)
    with torch.no_grad():
        width = network.features(IMAGES).shape[1]
    return Joined(network, HeadNetwork(torch.rand(width), torch.rand(width) + 0.5, 2)).eval()


def passes(network: nn.Module, size: int = 64) -> list[int]:
    """How many images of that size went in, one number a pass."""
    seen: list[int] = []
    first = next(module for module in network.modules() if isinstance(module, nn.Conv2d))
    first.register_forward_pre_hook(
        lambda module, given: seen.append(len(given[0])) if len(given[0][0][0]) == size else None
    )
    return seen


@pytest.mark.parametrize("method", list(CAM_METHODS))
@pytest.mark.parametrize("architecture", ["resnet18", "efficientnet_lite0"])
def test_maps_are_those_of_each_by_itself(method: str, architecture: str) -> None:
    kept, one = Kept(), body(architecture=architecture)
    for seed in (1, 2):
        model = behind(one, seed)
        given = (IMAGES, [0, 1, 1], [5, 6, 7], method)
        assert np.array_equal(class_activation_maps(shared(model, kept), *given), class_activation_maps(model, *given))


def test_probabilities_are_those_of_each_by_itself_and_the_body_looks_once() -> None:
    kept, one = Kept(), body()
    models = [behind(one, seed) for seed in (1, 2, 3)]
    with torch.inference_mode():
        known = [model(IMAGES) for model in models]
        seen = passes(one)
        found = [shared(model, kept)(IMAGES) for model in models]
    assert all(torch.equal(*pair) for pair in zip(found, known, strict=True))
    assert len({tuple(each.flatten().tolist()) for each in found}) == 3
    assert seen == [3]


def test_for_maps_too_the_body_looks_once_at_each_noisy_copy() -> None:
    kept, one = Kept(), body()
    seen = passes(one)
    for seed in (1, 2, 3):
        class_activation_maps(shared(behind(one, seed), kept), IMAGES[:2], [0, 1], [5, 6])
    assert sum(seen) == 2 * 5 + 3 * 3  # and what ``behind`` asked of it


def test_another_body_and_other_bytes_are_told_apart() -> None:
    kept = Kept()
    one, other = (behind(body(seed), 1) for seed in (0, 1))
    with torch.inference_mode():
        for model in (one, other, behind(randomised(one.body, 3), 1)):
            for images in (IMAGES, -IMAGES, IMAGES.reshape(3, 3, 32, 128)):
                assert torch.equal(shared(model, kept)(images), model(images))


def test_a_network_of_its_own_stays_as_it_is() -> None:
    network = body()
    assert shared(network, Kept()) is network
    assert isinstance(shared(behind(network, 1), Kept()), Shared)
