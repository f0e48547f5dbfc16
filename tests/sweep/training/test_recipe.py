"""The recipe besides the technique: optimizer, learning rate step by step, normalisation by channel, small stem."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from sweep.runs.spec import TrialSpec
from sweep.runs.trial_folder import TrialFolder
from sweep.training import epoch as room
from sweep.training.inputs import SplitImages, to_input
from sweep.training.network import field_of, new_model, restore
from sweep.training.optimizer import is_constant, lr_factor, new_optimizer
from sweep.training.predict import predict
from sweep.training.trial import Trial
from tests.sweep.training.small import (
    CPU,
    Interrupted,
    assert_same_trial,
    interrupt_after,
    make_images,
    make_spec,
    run_trial,
)


@pytest.fixture
def images() -> SplitImages:
    return make_images(train=(14, 8), signal=20)


def stepped(kind: str, lr: float, decay: float, gradients: list[torch.Tensor]) -> torch.Tensor:
    weight = torch.nn.Parameter(torch.arange(6.0).reshape(2, 3))
    optimizer = new_optimizer(torch.nn.ParameterList([weight]), lr, decay, kind=kind)
    for gradient in gradients:
        weight.grad = gradient.clone()
        optimizer.step()
    return weight.detach()


def test_sgd_has_momentum_and_an_l2_penalty() -> None:
    generator = torch.Generator().manual_seed(0)
    gradients = [torch.randn(2, 3, generator=generator) for _ in range(3)]
    weight, speed = torch.arange(6.0).reshape(2, 3), torch.zeros(2, 3)
    for gradient in gradients:
        speed = 0.9 * speed + gradient + 0.1 * weight
        weight = weight - 0.01 * speed
    torch.testing.assert_close(stepped("sgd", 0.01, 0.1, gradients), weight)


def test_adamw_decays_weights_beside_the_gradient_and_adam_within_it() -> None:
    gradient, start = torch.full((2, 3), 2.0), torch.arange(6.0).reshape(2, 3)
    # The first step is lr times the gradient's sign.
    torch.testing.assert_close(stepped("adamw", 0.01, 0.1, [gradient]), start * (1 - 0.01 * 0.1) - 0.01)
    torch.testing.assert_close(stepped("adam", 0.01, 0.1, [gradient]), start - 0.01)


def factors(spec: TrialSpec, steps: int) -> list[float]:
    return [lr_factor(spec, epoch, step, steps) for epoch in range(1, spec.epochs + 1) for step in range(steps)]


def test_a_learning_rate_rises_evenly_and_then_falls_by_half_a_cosine() -> None:
    spec = make_spec(epochs=2, lr_schedule="cosine", warmup=0.2)
    found = factors(spec, 10)
    assert found[:4] == pytest.approx([0.25, 0.5, 0.75, 1.0])
    assert found[4:] == pytest.approx([(1 + np.cos(np.pi * place / 16)) / 2 for place in range(16)])
    assert all(0 < factor <= 1 for factor in found)
    assert factors(replace(spec, warmup=0.0), 10)[10] == pytest.approx(0.5)
    risen = factors(replace(spec, lr_schedule="constant"), 10)
    assert risen == pytest.approx([0.25, 0.5, 0.75, *[1.0] * 17])
    assert factors(make_spec(warmup=0.03), 5)[0] == 1.0, "a rise shorter than a step is none"


def test_the_first_recipe_has_one_learning_rate() -> None:
    assert is_constant(make_spec())
    assert not is_constant(make_spec(warmup=0.1))
    assert not is_constant(make_spec(lr_schedule="cosine"))


def test_each_step_has_the_learning_rate_of_its_place(
    images: SplitImages, folder: TrialFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, seen = room.training_step, []

    def noted(network: Any, optimizer: Any, *rest: Any) -> torch.Tensor:
        seen.append(optimizer.param_groups[0]["lr"])
        return real(network, optimizer, *rest)

    monkeypatch.setattr(room, "training_step", noted)
    spec = make_spec(epochs=2, lr_schedule="cosine", warmup=0.25)
    assert run_trial(spec, images, folder) == "done"
    assert seen == pytest.approx([1e-3 * factor for factor in factors(spec, 3)])


@pytest.mark.parametrize("more", [{"optimizer": "sgd"}, {"optimizer": "adamw", "lr_schedule": "cosine", "warmup": 0.4}])
def test_other_recipes_go_on_where_they_were(more: dict[str, Any], images: SplitImages, folder: TrialFolder) -> None:
    spec, whole = make_spec(epochs=3, **more), TrialFolder(folder.path.parent / "whole")
    assert run_trial(spec, images, whole) == "done"
    with pytest.raises(Interrupted):
        run_trial(spec, images, folder, report=interrupt_after(2), resume_seconds=0)
    assert run_trial(spec, images, folder, resume_seconds=0) == "done"
    assert_same_trial(folder, whole)


@pytest.mark.parametrize("colour", [False, True])
def test_channels_may_be_normalised_each_by_its_own_numbers(colour: bool) -> None:
    shape = (2, 4, 4, 3) if colour else (2, 4, 4)
    pixels = torch.from_numpy(np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8))
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    found = to_input(pixels, mean, std)
    assert found.shape == (2, 3, 4, 4)
    for channel in range(3):
        alone = to_input(pixels, mean[channel], std[channel])[:, channel]
        torch.testing.assert_close(found[:, channel], alone)
    same = to_input(pixels, (0.5, 0.5, 0.5), 0.25)
    torch.testing.assert_close(same, to_input(pixels, 0.5, 0.25))


def test_a_small_stem_keeps_small_images_large() -> None:
    model, seen = new_model(2, 0, stem="small").eval(), []
    assert model.field == field_of("small") == 8
    model.get_submodule(model.last_block).register_forward_hook(lambda module, given, out: seen.append(out.shape[-2:]))
    for size, fields in ((28, 4), (32, 4), (48, 6)):
        model(torch.zeros(1, 3, size, size))
        assert seen.pop() == (fields, fields)
        assert fields == -(-size // model.field)
    usual, small = new_model(2, 0).state_dict(), model.state_dict()
    assert usual.keys() == small.keys()
    assert [name for name in usual if usual[name].shape != small[name].shape] == ["conv1.weight"]
    # As He et al. begin a convolution: a standard deviation of sqrt(2 / (64 * 3 * 3)).
    assert float(small["conv1.weight"].std()) == pytest.approx((2 / 576) ** 0.5, rel=0.1)


def test_a_small_stem_trains_and_is_restored_as_it_was(images: SplitImages, folder: TrialFolder) -> None:
    spec = make_spec(stem="small", epochs=1, mean=(0.5, 0.4, 0.3))
    trial = Trial(spec, images, folder, device=CPU)
    assert trial.run() == "done"
    network, facts = restore(folder.best)
    assert (network.field, facts["stem"], TrialSpec.from_dict(facts["spec"])) == (8, "small", spec)
    found = predict(network, torch.from_numpy(images.pixels), images.validation, spec, CPU)
    np.testing.assert_array_equal(folder.predictions("validation")[["p_0", "p_1"]].to_numpy(), found)
