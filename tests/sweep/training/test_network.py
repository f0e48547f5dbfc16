"""ResNet18's beginnings: from a seed, from ImageNet, from a file; and what is refused."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torchvision.models import resnet18

from sweep.training.network import new_model

State = dict[str, torch.Tensor]


def same(a: Any, b: Any) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def test_equal_seeds_give_equal_weights_and_others_do_not() -> None:
    one, again, other = new_model(2, 7), new_model(2, 7), new_model(2, 8)
    assert same(one.state_dict(), again.state_dict())
    assert not torch.equal(one.conv1.weight, other.conv1.weight)  # type: ignore[arg-type, union-attr]
    assert not torch.equal(one.fc.weight, other.fc.weight)  # type: ignore[arg-type, union-attr]


def test_it_is_torchvisions_resnet18_by_name_start_and_output() -> None:
    model = new_model(3, 11)
    torch.manual_seed(11)
    theirs = resnet18(weights=None, num_classes=3)
    assert list(model.state_dict()) == list(theirs.state_dict())
    assert same(model.state_dict(), theirs.state_dict())
    images = torch.randn(4, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    for training in (True, False):
        assert torch.equal(model.train(training)(images), theirs.train(training)(images))


def test_its_output_is_its_heads_of_its_features() -> None:
    model = new_model(3, 0).eval()
    images = torch.randn(5, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        features = model.features(images)
        assert features.shape == (5, 512)
        assert torch.equal(model.head(features), model(images))


@pytest.mark.parametrize(("size", "fields"), [(32, 1), (64, 2), (224, 7)])
def test_it_names_its_last_block_and_how_fine_that_sees(size: int, fields: int) -> None:
    model, seen = new_model(2, 0).eval(), []
    model.get_submodule(model.last_block).register_forward_hook(lambda module, given, out: seen.append(out))
    with torch.inference_mode():
        features = model.features(torch.rand(1, 3, size, size))
    assert seen[0].shape == (1, features.shape[1], fields, fields)
    assert torch.equal(seen[0].mean(dim=(2, 3)), features)
    assert fields == -(-size // model.field)


def test_what_does_not_train_is_left_alone_and_trains_again_when_asked() -> None:
    model = new_model(2, 0)
    model.train_parts("head")
    assert [name for name, p in model.named_parameters() if p.requires_grad] == ["fc.weight", "fc.bias"]
    assert not any(module.training for module in model.modules() if isinstance(module, nn.BatchNorm2d))
    model.train_parts("all")
    assert all(p.requires_grad for p in model.parameters())
    assert all(module.training for module in model.modules())


@pytest.mark.parametrize("n_classes", [2, 5])
def test_the_head_has_a_unit_for_each_class(n_classes: int) -> None:
    model = new_model(n_classes, 0).eval()
    with torch.inference_mode():
        assert model(torch.zeros(1, 3, 32, 32)).shape == (1, n_classes)


def test_the_global_generators_are_left_as_they_were() -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()
    new_model(2, 0)
    assert torch.equal(torch.get_rng_state(), before[0])
    np.testing.assert_array_equal(np.random.get_state()[1], before[1])
    assert random.getstate() == before[2]


def test_global_seeds_do_not_reach_the_weights() -> None:
    torch.manual_seed(1)
    one = new_model(2, 0).state_dict()
    torch.manual_seed(2)
    assert same(new_model(2, 0).state_dict(), one)
