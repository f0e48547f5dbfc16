"""Activation maps: right place, right range, repeatable; and the cases they are shown on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from balancing.data.masks import as_masks, masks_of
from balancing.errors import UserError
from sweep.analysis.figures.cams import cam_plot, case_in_words, outcome
from sweep.analysis.figures.style import png
from sweep.analysis.maps.cases import MOST_CASES, case_maps, choose_cases
from sweep.analysis.maps.methods import CAM_METHODS, class_activation_map, class_activation_maps
from sweep.analysis.maps.networks import Network, networks
from sweep.analysis.results import Results
from sweep.training.network import new_model
from tests.sweep.fake_run import SIX, fake_images, fake_run


class Bright(nn.Module):
    """Decides for class 1 by brightness anywhere; its last block is the brightness itself, at a quarter of the size."""

    last_block = "layer4"

    def __init__(self) -> None:
        super().__init__()
        self.layer4 = nn.AvgPool2d(4)
        self.fc = nn.Linear(3, 2, bias=False)
        self.fc.weight.data = torch.tensor([[-1.0, -1.0, -1.0], [1.0, 1.0, 1.0]])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.fc(torch.relu(self.layer4(x)).mean(dim=(2, 3)))
        return out


@pytest.mark.parametrize("method", CAM_METHODS)
def test_a_map_lies_where_the_evidence_is(method: str) -> None:
    image = torch.full((3, 64, 64), -1.0)
    image[:, 8:20, 40:52] = 4.0
    heat = class_activation_map(Bright(), image, 1, method=method)
    assert heat.shape == (64, 64)
    assert heat.dtype == np.float32
    assert 0 <= heat.min() <= heat.max() <= 1
    row, column = np.unravel_index(heat.argmax(), heat.shape)
    assert 8 <= row < 20
    assert 40 <= column < 52
    assert heat[8:20, 40:52].sum() > 0.5 * heat.sum()


def test_a_map_repeats_and_leaves_no_trace() -> None:
    model = new_model(2, 0).train()
    image = torch.randn(1, 3, 96, 96, generator=torch.Generator().manual_seed(0))
    state = torch.random.get_rng_state()
    statistics = {name: value.clone() for name, value in model.state_dict().items()}
    first = class_activation_map(model, image, 1, seed=3)
    with torch.no_grad():
        second = class_activation_map(model, image[0], 1, seed=3)
    assert np.array_equal(first, second)
    assert not np.array_equal(first, class_activation_map(model, image, 1, seed=4))
    assert torch.equal(torch.random.get_rng_state(), state)
    assert model.training
    assert all(torch.equal(value, statistics[name]) for name, value in model.state_dict().items())
    assert not model.layer4._forward_hooks
    assert all(parameter.grad is None for parameter in model.parameters())


@pytest.mark.parametrize("method", ["gradcam", "layercam"])
def test_maps_of_a_batch_against_their_formula(method: str) -> None:
    """ResNet's head is linear in the mean of the last block, so its gradient there is the head's weight."""
    model = new_model(3, 1).eval()
    images = torch.randn(18, 3, 96, 96, generator=torch.Generator().manual_seed(1))  # more than one batch
    targets = [0, 1, 2] * 6
    found = class_activation_maps(model, images, targets, [0] * 18, method)
    with torch.no_grad():
        x = model.maxpool(model.relu(model.bn1(model.conv1(images))))
        fields = model.layer4(model.layer3(model.layer2(model.layer1(x))))
        weights = model.fc.weight[targets][:, :, None, None]
        if method == "gradcam":
            coarse = torch.relu((weights * fields).sum(dim=1))
        else:
            coarse = (torch.relu(weights) * fields).sum(dim=1)
        coarse = coarse - coarse.amin(dim=(1, 2), keepdim=True)
        coarse = coarse / coarse.amax(dim=(1, 2), keepdim=True).clamp_min(1e-8)
        expected = nn.functional.interpolate(coarse[:, None], size=(96, 96), mode="bilinear", align_corners=False)[:, 0]
    np.testing.assert_allclose(found, expected.numpy(), atol=2e-4)
    alone = class_activation_map(model, images[17], targets[17], method=method)
    np.testing.assert_allclose(found[17], alone, atol=1e-4)


def test_several_smooth_maps_are_those_of_each_alone() -> None:
    model = new_model(2, 0)
    images = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    found = class_activation_maps(model, images, [0, 1], [5, 6])
    for i in range(2):
        assert np.array_equal(found[i], class_activation_map(model, images[i], i, seed=5 + i))
    assert class_activation_maps(model, images[:0], [], []).shape == (0, 64, 64)


def test_an_unknown_method_is_refused() -> None:
    with pytest.raises(UserError, match="unknown activation map method 'grad-cam'; did you mean 'gradcam'"):
        class_activation_map(Bright(), torch.zeros(3, 8, 8), 0, method="grad-cam")


def test_one_image_at_a_time() -> None:
    with pytest.raises(ValueError, match="one image at a time, but 2"):
        class_activation_map(Bright(), torch.zeros(2, 3, 8, 8), 0)


def test_cases_are_sure_unsure_and_wrong_in_each_class() -> None:
    rows = np.array([10, 11, 12, 13, 14])
    labels = np.array([0, 0, 0, 1, 1])
    first = np.array([0.1, 0.4, 0.9, 0.9, 0.6])  # of class 1
    second = np.array([0.2, 0.9, 0.8, 0.8, 0.6])
    tested = {
        name: (rows, labels, np.stack([1 - p, p], axis=1)) for name, p in (("baseline", first), ("smote", second))
    }
    cases = choose_cases(tested)
    assert [(case.row, case.label, case_in_words(case, 2)) for case in cases] == [
        (10, 0, "sure, all right"),
        (11, 0, "unsure, 1 of 2 wrong"),
        (12, 0, "all wrong"),
        (13, 1, "sure, all right"),
        (14, 1, "unsure, all right"),
    ]
    assert cases == choose_cases(tested)
    alone = choose_cases({"baseline": tested["baseline"]})
    words = [case_in_words(case, 1) for case in alone]
    assert words == ["sure, right", "unsure, right", "wrong", "sure, right", "unsure, right"]


@pytest.mark.parametrize(("classes", "each"), [(3, 3), (4, 2), (9, 1), (12, 1)])
def test_many_classes_have_fewer_cases_each(classes: int, each: int) -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(classes), 30)
    probabilities = rng.dirichlet(np.ones(classes), len(labels))
    cases = choose_cases({"baseline": (np.arange(len(labels)), labels, probabilities)})
    counts = np.bincount([case.label for case in cases], minlength=classes)
    assert set(counts[:MOST_CASES]) == {each}
    assert len(cases) <= MOST_CASES
    assert len({case.row for case in cases}) == len(cases)
    assert all(labels[case.row] == case.label for case in cases)


def test_outcomes_in_words() -> None:
    names = ["NORMAL", "PNEUMONIA"]
    assert outcome(np.array([0.07, 0.93]), 1, names) == "PNEUMONIA .93, correct"
    assert outcome(np.array([0.07, 0.93]), 0, names) == "PNEUMONIA .93, wrong"
    assert outcome(np.array([0.0, 1.0]), None, names) == "PNEUMONIA 1.00"


def test_grid_holds_every_technique_that_kept_its_network(tmp_path: Path) -> None:
    images = fake_images(tmp_path / "images", size=40, masks=True, source="phantom")
    run = fake_run(tmp_path / "run", images, techniques=SIX[:3], lrs=(0.001,), checkpoints=2, failing=False)
    found = case_maps(Results(run), images)
    assert found is not None
    assert found.missing == 1
    plot = cam_plot(found, run.class_names, masks_of(images))
    titles = [axes.get_title() for axes in plot.figure.axes]
    assert sum("Baseline" in t for t in titles) == sum("Undersampling" in t for t in titles) == 1
    assert not any("Oversampling" in t for t in titles)
    assert "1 technique(s) are missing" in plot.caption
    assert "2 x 2 fields" in plot.caption
    assert "drawn lesion" in plot.caption
    assert sum("sure" in t for t in titles) >= 2
    assert any("correct" in t or "wrong" in t for t in titles)
    assert png(plot.figure, 40).startswith(b"\x89PNG")
    masks = as_masks(np.ones((len(images), 40, 40), dtype=bool), "the lung")
    by_gradcam = case_maps(Results(run), images, method="gradcam")
    assert by_gradcam is not None
    other = cam_plot(by_gradcam, run.class_names, masks)
    assert other.caption.startswith("Grad-CAM on the last block")
    assert "The outline is the lung." in other.caption
    with pytest.raises(UserError, match="unknown activation map method"):
        case_maps(Results(run), images, method="nothing")


def test_a_network_predicts_as_training_did_and_finds_its_rows(tmp_path: Path) -> None:
    images = fake_images(tmp_path / "images", size=32)
    run = fake_run(tmp_path / "run", images, techniques=SIX[:1], lrs=(0.001,), checkpoints=1, failing=False)
    (network,) = networks(Results(run))
    assert isinstance(network, Network)
    some = network.rows[[5, 2, 9]]
    np.testing.assert_array_equal(network.of_rows(some), network.probabilities[[5, 2, 9]])
    pixels = images.pixels[some]
    with torch.no_grad():
        expected = network.model(network.inputs(pixels)).softmax(dim=1).numpy()
    np.testing.assert_allclose(network.predict(pixels), expected, atol=1e-5)
    np.testing.assert_allclose(network.inputs(pixels)[:, 0], (pixels / 255 - 0.5) / 0.5, atol=1e-5)


def test_no_networks_no_maps_and_foreign_images_are_refused(tmp_path: Path) -> None:
    images = fake_images(tmp_path / "images", size=32)
    run = fake_run(tmp_path / "run", images, techniques=SIX[:2], lrs=(0.001,), epochs=1, failing=False)
    assert case_maps(Results(run), images) is None
    with pytest.raises(UserError, match="fingerprint 0000, but the run used ffff"):
        case_maps(Results(run), fake_images(tmp_path / "others", size=32, fingerprint="0000"))
