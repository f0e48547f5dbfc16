"""Stages that train a part of the head: factors of the classes (LWS), or the head with moving statistics (MiSLAS)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from balancing.components.deciding import DecidedNetwork
from balancing.components.decisions.tau_norm import normalised
from sweep.runs.spec import TrialSpec
from sweep.runs.trial_folder import TrialFolder
from sweep.training.batches import batches_by_part
from sweep.training.inputs import SplitImages
from sweep.training.network import ResNet18, new_model, restore
from sweep.training.networks.heads import Scaled
from sweep.training.predict import predictions_of
from sweep.training.trial import Trial
from tests.sweep.training.small import (
    CPU,
    Interrupted,
    assert_same_trial,
    interrupt_after,
    make_images,
    make_spec,
    numbers_of,
    run_trial,
)

LATE = {"share": 0.5, "lr_factor": 10.0}
MISLAS = {"mixup.alpha": 1.0, "label_aware_smoothing.smooth_head": 0.3, "label_aware_smoothing.smooth_tail": 0.0}


def spec_of(name: str, **more: Any) -> TrialSpec:
    options: dict[str, Any] = {"epochs": 2, "budget": "steps", "batch_size": 15, "parameters": LATE, "optimizer": "sgd"}
    return make_spec(name, **{**options, **more})


@pytest.fixture
def images() -> SplitImages:
    return make_images(train=(20, 10), signal=20)


def begun(spec: TrialSpec, images: SplitImages, folder: TrialFolder) -> Trial:
    """A trial of two epochs that has trained its first stage, which is the first of them."""
    trial = Trial(spec, images, folder, device=CPU)
    trial.restore()
    trial.epoch()
    return trial


def body_of(network: ResNet18) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in network.state_dict().items() if not name.startswith("fc.")}


def statistics_of(state: dict[str, torch.Tensor]) -> set[str]:
    return {name for name in state if "running" in name or "num_batches" in name}


def moved(before: dict[str, torch.Tensor], after: dict[str, torch.Tensor]) -> set[str]:
    return {name for name in before if not torch.equal(before[name], after[name])}


def test_a_scaled_head_is_the_linear_one_until_a_factor_moves() -> None:
    plain, scaled = new_model(3, 5), new_model(3, 5, head="scaled")
    assert moved(dict(plain.state_dict()), dict(scaled.state_dict())) == set()
    features = torch.randn(4, 512, generator=torch.Generator().manual_seed(0))
    assert torch.equal(plain.head(features), scaled.head(features))
    with torch.no_grad():
        scaled.fc.scales.copy_(torch.tensor([0.5, 1.0, 2.0]))
    expected = plain.head(features) * torch.tensor([0.5, 1.0, 2.0])
    torch.testing.assert_close(scaled.head(features), expected)
    scaled.renew_head(1, 1)
    assert scaled.fc.scales.tolist() == [1, 1, 1]


def test_only_factors_train_in_the_last_stage_of_lws(images: SplitImages, folder: TrialFolder) -> None:
    """One step of SGD by hand: the gradient of s_c is the mean of (p_c - y_c) times the logit without its factor."""
    trial = begun(spec_of("lws", batch_size=30), images, folder)
    network = trial.network
    weight, bias, body = network.fc.weight.clone(), network.fc.bias.clone(), body_of(network)
    ((part, batches),) = list(batches_by_part(trial.pixels, trial.method, trial.spec, 2, CPU))
    assert (part.steps, part.plan.class_counts(2).tolist()) == (1, [15, 15])
    ((pixels, targets),) = list(batches)
    with torch.no_grad():
        logits = network.eval()(pixels)
        gradient = ((logits.softmax(dim=1) - targets) * logits).mean(dim=0)
    trial.epoch()
    assert moved(body, body_of(network)) == set()
    assert torch.equal(network.fc.weight, weight)
    assert torch.equal(network.fc.bias, bias)
    expected = 1 - 10 * trial.spec.lr * gradient
    torch.testing.assert_close(network.fc.scales.detach(), expected, rtol=1e-5, atol=1e-7)
    assert not torch.equal(network.fc.scales, torch.ones(2))


def test_before_the_last_stage_lws_is_bit_for_bit_classifier_re_training(
    images: SplitImages, folder: TrialFolder
) -> None:
    crt = begun(spec_of("crt"), images, TrialFolder(folder.path.parent / "crt"))
    lws = begun(spec_of("lws"), images, folder)
    assert numbers_of(crt.folder) == numbers_of(lws.folder)
    assert moved(dict(crt.network.state_dict()), dict(lws.network.state_dict())) == set()


def test_what_is_kept_is_an_ordinary_network_that_answers_the_same_to_the_bit(
    images: SplitImages, folder: TrialFolder
) -> None:
    spec = spec_of("lws")
    assert run_trial(spec, images, folder) == "done"
    network, facts = restore(folder.best)
    assert not isinstance(network.fc, Scaled)
    assert isinstance(network.fc, nn.Linear)
    assert set(network.state_dict()) == set(new_model(2, 0).state_dict())
    assert facts["stage"] == 2
    again = predictions_of(network, torch.from_numpy(images.pixels), images, "validation", spec, CPU)
    table = folder.predictions("validation")
    assert (table[["logit_0", "logit_1"]].to_numpy() == again.logits).all()
    assert torch.equal(torch.from_numpy(again.head), torch.from_numpy(folder.head()))


@pytest.mark.parametrize("name", ["baseline", "lws"])
def test_tau_normalisation_by_the_records_is_that_of_a_network_with_the_normalised_head(
    name: str, images: SplitImages, folder: TrialFolder
) -> None:
    spec = spec_of(name) if name == "lws" else make_spec(name)
    assert run_trial(spec, images, folder) == "done"
    head, table = folder.head(), folder.predictions("validation")
    assert head is not None
    records = normalised(table[["logit_0", "logit_1"]].to_numpy(), DecidedNetwork(*head, positive=1), 0.7)
    network, _ = restore(folder.best)
    with torch.no_grad():
        network.fc.weight /= network.fc.weight.norm(dim=1, keepdim=True) ** 0.7
        network.fc.bias.zero_()
    real = predictions_of(network, torch.from_numpy(images.pixels), images, "validation", spec, CPU)
    np.testing.assert_allclose(records, real.logits, rtol=1e-4, atol=1e-5)


def test_a_head_of_cosines_has_no_norms_on_record(images: SplitImages, folder: TrialFolder) -> None:
    parameters = {"max_margin": 0.5, "scale": 30.0}
    assert run_trial(make_spec("ldam", epochs=1, parameters=parameters), images, folder) == "done"
    assert folder.head() is None


@pytest.mark.parametrize("name", ["lws", "mislas"])
def test_it_goes_on_within_the_last_stage_as_if_nothing_had_been(
    name: str, images: SplitImages, folder: TrialFolder
) -> None:
    named = {f"shifted_bn.{key}": value for key, value in LATE.items()} | MISLAS
    parameters = named if name == "mislas" else LATE
    spec = spec_of(name, epochs=3, parameters=parameters, optimizer="adam")  # 2 steps an epoch: the switch is at step 3
    complete = TrialFolder(folder.path.parent / "whole")
    assert run_trial(spec, images, complete) == "done"
    with pytest.raises(Interrupted):
        run_trial(spec, images, folder, report=interrupt_after(2), resume_seconds=0)
    assert run_trial(spec, images, folder) == "done"
    assert [epoch["stage"] for epoch in numbers_of(folder)] == [1, 2, 2]
    assert_same_trial(folder, complete)
    np.testing.assert_array_equal(folder.head(), complete.head())


def test_statistics_follow_balanced_rows_while_the_body_stays(images: SplitImages, folder: TrialFolder) -> None:
    """A step by hand: features of the batch's own statistics, the head's rate a factor of that of the factors."""
    parameters = {"share": 0.5, "lr_factor": 0.1}
    trial = begun(spec_of("shifted_bn", batch_size=30, parameters=parameters), images, folder)
    network, spec = trial.network, trial.spec
    body, weight, bias = body_of(network), network.fc.weight.clone(), network.fc.bias.clone()
    ((_, batches),) = list(batches_by_part(trial.pixels, trial.method, spec, 2, CPU))
    ((pixels, targets),) = list(batches)
    twin = new_model(2, spec.seed)
    twin.load_state_dict({name: v for name, v in network.state_dict().items() if name != "fc.scales"})
    with torch.no_grad():
        features = twin.train().features(pixels)
        logits = twin.head(features)
    excess = (logits.softmax(dim=1) - targets) / len(targets)
    trial.epoch()
    after = body_of(network)
    assert moved(body, after) == statistics_of(body)
    assert moved({name: after[name] for name in statistics_of(after)}, dict(twin.state_dict())) == set()
    moves = weight - network.fc.weight.detach(), bias - network.fc.bias.detach(), 1 - network.fc.scales.detach()
    expected = 0.1 * excess.T @ features, 0.1 * excess.sum(dim=0), (excess * logits).sum(dim=0)
    for move, gradient in zip(moves, expected, strict=True):
        torch.testing.assert_close(move, spec.lr * gradient, rtol=1e-2, atol=1e-7)
