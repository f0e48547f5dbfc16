"""A one-class trial: its centre and loss against loops written by hand, what it learns, and what becomes of it."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from balancing.metrics import auroc
from sweep.runs.trial_folder import TrialFolder
from sweep.training import trial as room
from sweep.training.centre import LEAST, set_centre
from sweep.training.inputs import to_input
from sweep.training.method import method_of
from sweep.training.network import ResNet18, new_model, restore
from sweep.training.networks.distances import Distances
from sweep.training.order import stream
from sweep.training.predict import predict_part, predictions_of
from sweep.training.trial import Trial
from tests.sweep.training.small import (
    CPU,
    Interrupted,
    assert_same_trial,
    interrupt_after,
    make_images,
    make_spec,
    run_trial,
    weights_of,
)


def svdd(**options: Any) -> Any:
    return make_spec("deep_svdd", metric="auroc", **options)


def folder_in(path: Path) -> TrialFolder:
    return TrialFolder(path)


def head_of(network: nn.Module) -> Distances:
    assert isinstance(network, ResNet18)
    assert isinstance(network.fc, Distances)
    return network.fc


def test_the_head_gives_squared_distances_in_training_and_their_logarithms_after() -> None:
    torch.manual_seed(0)
    head, features = Distances(5, 3), torch.randn(4, 5)
    head.centre.copy_(torch.tensor([0.5, -0.25, 1.0]))
    head.start.fill_(2.0)
    weight, rows = head.weight.detach().numpy().astype(float), features.numpy().astype(float)
    squared = np.array([sum((weight[d] @ row - c) ** 2 for d, c in enumerate([0.5, -0.25, 1.0])) for row in rows])
    for far in (0, 1):
        head.far.fill_(far)
        trained = head.train()(features).detach().numpy()
        np.testing.assert_allclose(trained[:, far] - trained[:, 1 - far], squared, rtol=1e-5)
        used = head.eval()(features).detach().numpy()
        np.testing.assert_allclose(used[:, far] - used[:, 1 - far], np.log(squared / 2), rtol=1e-4)
        chances = torch.from_numpy(used).softmax(dim=1)[:, far].numpy()
        np.testing.assert_allclose(chances, squared / (squared + 2), rtol=1e-5)


def test_the_centre_is_the_mean_of_the_first_pass_away_from_0_and_no_statistic_moves() -> None:
    images, spec = make_images(train=(21, 6)), svdd()  # 21: a last batch of 5
    network = new_model(2, 0, head="distance")
    before = copy.deepcopy(network)
    plan = method_of(spec, images).plan(1)
    set_centre(network, torch.from_numpy(images.pixels), plan, spec, CPU)
    found = []
    for start in range(0, len(plan.base), 8):
        part = to_input(torch.from_numpy(images.pixels[plan.base[start : start + 8]]), spec.mean, spec.std)
        found += [before.fc.weight @ row for row in before.train().features(part)]
    mean = torch.stack(found).mean(dim=0)
    expected = torch.tensor([max(abs(m), LEAST) * (-1 if m < 0 else 1) for m in mean.tolist()])
    head = head_of(network)
    torch.testing.assert_close(head.centre, expected)
    assert (head.centre.abs() >= LEAST).all()
    far = torch.stack([(row - expected).square().sum() for row in found]).mean()
    torch.testing.assert_close(head.start, far.detach())
    assert int(head.far) == 1
    fresh = new_model(2, 0, head="distance").state_dict()
    assert all(torch.equal(value, fresh[name]) for name, value in network.state_dict().items() if "bn" in name)


def test_an_epoch_is_the_objective_by_hand(tmp_path: Path) -> None:
    """Adam on the mean squared distance of the majority's images from the centre that stays where it was."""
    images, spec = make_images(train=(16, 6)), svdd(epochs=1, budget="steps")
    trial = Trial(spec, images, folder_in(tmp_path / "trial"), device=CPU)
    trial.restore()
    network = copy.deepcopy(trial.network)
    head = head_of(network)
    centre = head.centre.clone()
    weights = [p for p in network.parameters() if p.requires_grad]
    adam = torch.optim.Adam(weights, lr=spec.lr)
    told = trial.epoch()
    losses = []
    network.train()
    (part,) = trial.method.parts(1)
    order = stream(len(part.plan), spec.seed, part.start, part.rows).numpy()
    assert set(images.labels[part.plan.base]) == {0}
    for start in range(0, len(order), spec.batch_size):
        rows = part.plan.base[order[start : start + spec.batch_size]]
        x = network.features(to_input(torch.from_numpy(images.pixels[rows]), spec.mean, spec.std))
        mean = ((x @ head.weight.T - centre) ** 2).sum(dim=1).mean()
        adam.zero_grad()
        mean.backward()
        adam.step()
        losses += [float(mean.detach())] * len(rows)
    assert told["train_loss"] == pytest.approx(np.mean(losses), rel=1e-4)
    assert told["images"] == 22  # as many steps as the baseline's
    torch.testing.assert_close(head_of(trial.network).weight, head.weight, rtol=1e-3, atol=1e-5)
    assert torch.equal(head_of(trial.network).centre, centre)
    norms = [module for module in trial.network.modules() if isinstance(module, nn.BatchNorm2d)]
    assert all(bool((norm.weight == 1).all() and (norm.bias == 0).all()) for norm in norms)
    assert [name for name, value in told.items() if value != value] == [
        *("loss", "recall", "specificity", "precision", "f1", "balanced_accuracy", "tp", "tn", "fp", "fn"),
    ]


def test_images_of_the_other_class_come_to_lie_far(tmp_path: Path) -> None:
    """Noise trains; noise that is brighter, of which a new network knows nothing, has the higher scores after it."""
    images, spec = make_images(train=(60, 12), held_out=15, signal=90), svdd(epochs=6)
    folder = folder_in(tmp_path / "trial")
    assert run_trial(spec, images, folder) == "done"
    areas = [epoch["auroc"] for epoch in folder.epochs()]
    assert areas[0] < 0.5
    network, facts = restore(folder.best)
    assert facts["head"] == "distance"
    found = predictions_of(network, torch.from_numpy(images.pixels), images, "test", spec, CPU)
    assert auroc(found.labels == 1, found.probabilities[:, 1]) > 0.95


def test_an_interrupted_trial_goes_on_as_if_nothing_had_been_and_its_test_predictions_are_of_its_centre(
    tmp_path: Path,
) -> None:
    images, spec = make_images(train=(12, 5)), svdd(epochs=2)
    whole, cut = folder_in(tmp_path / "whole"), folder_in(tmp_path / "cut")
    run_trial(spec, images, whole)
    with pytest.raises(Interrupted):
        run_trial(spec, images, cut, report=interrupt_after(1), resume_seconds=0)
    assert run_trial(spec, images, cut) == "done"
    assert_same_trial(whole, cut)
    assert weights_of(cut)["fc.centre"].abs().min() >= LEAST
    assert whole.status()["plan_counts"] == [12, 0]
    predict_part(cut, images, "test", CPU)
    table = cut.predictions("test")
    network, _ = restore(cut.best)
    again = predictions_of(network, torch.from_numpy(images.pixels), images, "test", spec, CPU)
    np.testing.assert_array_equal(table["p_1"].to_numpy(), again.probabilities[:, 1])


def test_a_network_that_sends_all_images_to_one_point_has_diverged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def collapsed(network: ResNet18, *rest: Any) -> None:
        set_centre(network, *rest)
        network.fc.weight.data.zero_()

    monkeypatch.setattr(room, "set_centre", collapsed)
    folder = folder_in(tmp_path / "trial")
    assert run_trial(svdd(lr=1e-12), make_images(), folder) == "diverged"
    assert folder.status()["error"] == (
        "all images lie at one distance from the centre after epoch 1; a lower learning rate than 1e-12 may help"
    )


def test_pretrained_weights_lose_the_shifts_of_their_batch_norm() -> None:
    start = {name: value + 0.5 for name, value in new_model(2, 0).state_dict().items() if not name.startswith("fc.")}
    network = new_model(2, 1, start, head="distance")
    assert float(network.bn1.bias.abs().max()) == 0
    assert torch.equal(network.conv1.weight, start["conv1.weight"])
    assert not network.bn1.weight.requires_grad
    network.train_parts("all")
    assert not network.bn1.bias.requires_grad
    assert network.conv1.weight.requires_grad
