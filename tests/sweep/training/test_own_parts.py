"""Losses with values of their own, steps of their own, and heads of cosines: trained, kept, restored."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from balancing.components.axes import Phase, Stage, TrainingContext
from balancing.components.decorators import loss, optimizer, schedule
from balancing.components.losses.cross_entropy import cross_entropy
from balancing.errors import UserError
from sweep.runs.trial_folder import TrialFolder
from sweep.training.inputs import SplitImages, to_input
from sweep.training.method import method_of
from sweep.training.network import new_model, restore
from sweep.training.networks.heads import Cosines
from sweep.training.predict import predict, predict_part
from sweep.training.step import training_step
from sweep.training.trial import Trial
from tests.balancing.components.registered import keep_registry
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


class Shifted(nn.Module):
    """Cross-entropy of logits that are shifted by values that train."""

    def __init__(self, n_classes: int):
        super().__init__()
        self.shift = nn.Parameter(torch.zeros(n_classes))

    def forward(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return cross_entropy(logits + self.shift, targets)


@pytest.fixture
def images() -> SplitImages:
    return make_images(train=(14, 8), signal=20)


@pytest.fixture
def own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Components with what no component of the package may have yet."""
    keep_registry(monkeypatch)

    @loss(label="Shifted", reference="here")
    def shifted(context: TrainingContext) -> Any:
        """Shifts that train."""
        return Shifted(context.n_classes)

    @loss(label="Angles", reference="here", head="cosine")
    def angles(context: TrainingContext) -> Any:
        """Cross-entropy of twelve times the cosines."""

        def scaled(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
            assert float(logits.detach().abs().max()) <= 1 + 1e-6
            return cross_entropy(12 * logits, targets)

        scaled.scale = 12.0  # type: ignore[attr-defined]
        return scaled

    @schedule(label="Half plain", reference="here")
    def half_plain(context: TrainingContext) -> Any:
        """Cross-entropy first."""
        return Stage(0.5, Phase(weighted=False), kept=False), Stage(0.5)


def test_values_of_a_loss_train_with_the_network_and_do_not_decay(
    own: None, images: SplitImages, folder: TrialFolder
) -> None:
    trial = Trial(make_spec("shifted", weight_decay=0.5), images, folder, device=CPU)
    trial.restore()
    module = trial.method.module()
    assert isinstance(module, Shifted)
    assert trial.method.parts(1)[0].loss is module
    assert [group["weight_decay"] for group in trial.optimizer.param_groups] == [0.5, 0.0]
    trial.epoch()
    assert (module.shift != 0).all()
    assert len(trial.optimizer.state) == len(list(trial.network.parameters())) + 1


@pytest.mark.parametrize("name", ["shifted", "half_plain+shifted"])
def test_values_of_a_loss_go_on_where_they_were(name: str, own: None, images: SplitImages, folder: TrialFolder) -> None:
    spec, whole = make_spec(name, epochs=4), TrialFolder(folder.path.parent / "whole")
    assert run_trial(spec, images, whole, resume_seconds=0) == "done"
    for epoch in (1, 3):
        interrupted = TrialFolder(folder.path / str(epoch))
        with pytest.raises(Interrupted):
            run_trial(spec, images, interrupted, report=interrupt_after(epoch), resume_seconds=0)
        assert run_trial(spec, images, interrupted, resume_seconds=0) == "done"
        assert_same_trial(interrupted, whole)


def test_a_start_anew_begins_the_losss_values_anew(own: None, images: SplitImages, folder: TrialFolder) -> None:
    trial = Trial(make_spec("shifted"), images, folder, device=CPU)
    trial.restore()
    trial.epoch()
    trial.save()
    folder.last.write_bytes(folder.last.read_bytes()[:-1000])
    trial.restore()
    assert trial.progress.epochs == []
    module = trial.method.module()
    assert isinstance(module, Shifted)
    assert module.shift.tolist() == [0.0, 0.0]


def test_a_cosine_head_gives_cosines_in_training_and_scaled_ones_after_it() -> None:
    model = new_model(3, 5, head="cosine")
    assert set(model.state_dict()) == set(new_model(3, 5).state_dict()) - {"fc.bias"}
    features = torch.randn(4, 512, generator=torch.Generator().manual_seed(0))
    a, w = features.numpy(), model.fc.weight.detach().numpy()
    wanted = (a @ w.T) / np.linalg.norm(a, axis=1)[:, None] / np.linalg.norm(w, axis=1)
    np.testing.assert_allclose(model.head(features).detach(), wanted, atol=1e-6)
    model.scale = 30.0
    np.testing.assert_allclose(model.head(features).detach(), wanted, atol=1e-6)
    np.testing.assert_allclose(model.eval().head(features).detach(), 30 * wanted, atol=1e-4)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = model.train().head(features)
    assert found.dtype == torch.float32
    np.testing.assert_allclose(found.detach(), wanted, atol=1e-6)


def test_several_heads_do_not_share_a_loss_that_trains(own: None, images: SplitImages) -> None:
    with pytest.raises(UserError, match="'shifted.easy_ensemble' trains several heads, but its loss has values that"):
        method_of(make_spec("shifted+easy_ensemble"), images).parts(1)


def test_the_body_begins_as_with_a_linear_head() -> None:
    one, other = new_model(2, 5).state_dict(), new_model(2, 5, head="cosine").state_dict()
    assert all(torch.equal(one[name], other[name]) for name in other if not name.startswith("fc."))


@pytest.mark.parametrize("name", ["angles", "half_plain+angles"])
def test_a_network_of_cosines_trains_is_kept_restored_and_predicts_as_it_was_validated(
    name: str, own: None, images: SplitImages, folder: TrialFolder
) -> None:
    spec = make_spec(name)
    assert run_trial(spec, images, folder) == "done"
    network, facts = restore(folder.best)
    assert isinstance(network.fc, Cosines)
    assert (facts["head"], facts["scale"], network.scale) == ("cosine", 12.0, 12.0)
    table = folder.predictions("validation")
    found = predict(network, torch.from_numpy(images.pixels), images.validation, spec, CPU)
    np.testing.assert_array_equal(table[["p_0", "p_1"]].to_numpy(), found)
    with torch.no_grad():
        pixels = to_input(torch.from_numpy(images.pixels[images.validation]), 0.5, 0.5)
        cosines = Cosines.forward(network.fc, network.features(pixels))
    np.testing.assert_allclose(table[["logit_0", "logit_1"]].to_numpy(), 12 * cosines, rtol=1e-4, atol=1e-5)
    predict_part(folder, images, "test", CPU)
    assert len(folder.predictions("test")) == len(images.test)


def test_a_new_head_of_cosines_is_one_again() -> None:
    model = new_model(2, 0, head="cosine")
    before = model.fc.weight.detach().clone()
    model.renew_head(3, 1)
    assert isinstance(model.fc, Cosines)
    assert not torch.equal(model.fc.weight, before)


def test_cross_entropy_of_a_scaled_loss_is_scaled_too(own: None, images: SplitImages) -> None:
    method = method_of(make_spec("half_plain+angles"), images)
    logits, targets = torch.tensor([[0.3, -0.2]]), torch.eye(2)[:1]
    for epoch in (1, 2):
        found = method.parts(epoch)[0].loss(logits, targets)
        torch.testing.assert_close(found, cross_entropy(12 * logits, targets))


def test_a_networks_usual_head_is_recorded_by_nothing(images: SplitImages, folder: TrialFolder) -> None:
    assert run_trial(make_spec(epochs=1), images, folder) == "done"
    assert {"head", "scale"} & set(restore(folder.best)[1]) == set()


def net() -> nn.Module:
    torch.manual_seed(0)
    layers = nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 2)
    return nn.Sequential(*layers)


BATCH = (torch.randn(8, 3, 8, 8, generator=torch.Generator().manual_seed(1)), torch.eye(2)[torch.arange(8) % 2])


def test_batch_norm_statistics_are_those_of_the_first_pass_alone() -> None:
    def thrice(optimizer: torch.optim.Optimizer, losses: Any, targets: torch.Tensor) -> torch.Tensor:
        means = []
        for _ in range(3):
            optimizer.zero_grad()
            mean = losses().mean()
            mean.backward()
            optimizer.step()  # so that the passes differ
            means.append(mean.detach())
        assert len({float(mean) for mean in means}) == 3
        return means[0]

    plain, own = net(), net()
    for model, step in ((plain, None), (own, thrice)):
        training_step(model, torch.optim.SGD(model.parameters(), lr=0.5), BATCH, cross_entropy, "float32", step)
    for name in ("running_mean", "running_var", "num_batches_tracked"):
        assert torch.equal(plain[1].get_buffer(name), own[1].get_buffer(name)), name
    assert own[1].track_running_stats


def test_a_technique_takes_its_own_step(own: None, images: SplitImages, folder: TrialFolder) -> None:
    asked = []

    @optimizer(label="Backwards", reference="here")
    def backwards(context: TrainingContext) -> Any:
        """No step at all."""
        asked.append(context.class_counts.tolist())

        def step(optimizer: torch.optim.Optimizer, losses: Any, targets: torch.Tensor) -> torch.Tensor:
            return losses().mean().detach()

        return step

    trial = Trial(make_spec("undersampling+backwards"), images, folder, device=CPU)
    trial.restore()
    before = trial.network.fc.weight.detach().clone()
    trial.epoch()
    assert torch.equal(trial.network.fc.weight, before)
    assert asked == [[8, 8]]


def test_sam_trains_and_goes_on_where_it_was(images: SplitImages, folder: TrialFolder) -> None:
    spec, whole = make_spec("sam", parameters={"rho": 0.05}), TrialFolder(folder.path.parent / "whole")
    assert run_trial(spec, images, whole) == "done"
    with pytest.raises(Interrupted):
        run_trial(spec, images, folder, report=interrupt_after(1), resume_seconds=0)
    assert run_trial(spec, images, folder) == "done"
    assert_same_trial(folder, whole)
    plain = TrialFolder(folder.path.parent / "plain")
    run_trial(make_spec(), images, plain)
    assert numbers_of(plain)[1]["train_loss"] != numbers_of(whole)[1]["train_loss"]
