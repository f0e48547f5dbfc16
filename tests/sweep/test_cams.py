"""Activation maps: right place, right range, repeatable; and the cases they are shown on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from balancing.errors import UserError
from sweep.analysis.cams import cam_plot, choose_cases, class_activation_map, outcome
from sweep.analysis.figure import png
from sweep.model import new_model
from tests.sweep.fake_run import SIX, fake_images, fake_run


class Bright(nn.Module):
    """Decides for class 1 by brightness anywhere; its last block is the brightness itself, at a quarter of the size."""

    def __init__(self) -> None:
        super().__init__()
        self.layer4 = nn.AvgPool2d(4)
        self.fc = nn.Linear(3, 2, bias=False)
        self.fc.weight.data = torch.tensor([[-1.0, -1.0, -1.0], [1.0, 1.0, 1.0]])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.fc(torch.relu(self.layer4(x)).mean(dim=(2, 3)))
        return out


def test_a_map_lies_where_the_evidence_is() -> None:
    image = torch.full((3, 64, 64), -1.0)
    image[:, 8:20, 40:52] = 4.0
    heat = class_activation_map(Bright(), image, 1)
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


def test_one_image_at_a_time() -> None:
    with pytest.raises(ValueError, match="one image at a time, but 2"):
        class_activation_map(Bright(), torch.zeros(2, 3, 8, 8), 0)


def test_cases_are_the_surest_and_the_most_mistaken_of_each_class() -> None:
    rows = np.array([10, 11, 12, 13, 14])
    labels = np.array([0, 0, 0, 1, 1])
    first = np.array([0.1, 0.4, 0.9, 0.9, 0.6])  # of class 1
    second = np.array([0.2, 0.9, 0.8, 0.8, 0.6])
    tested = {
        name: (rows, labels, np.stack([1 - p, p], axis=1)) for name, p in (("baseline", first), ("smote", second))
    }
    cases = choose_cases(tested)
    assert [(case.row, case.label, case.why) for case in cases] == [
        (10, 0, "all right"),
        (12, 0, "all wrong"),
        (13, 1, "all right"),
        (14, 1, "all right"),
    ]
    assert cases == choose_cases(tested)


def test_outcomes_in_words() -> None:
    names = ["NORMAL", "PNEUMONIA"]
    assert outcome(np.array([0.07, 0.93]), 1, names) == "PNEUMONIA .93, correct"
    assert outcome(np.array([0.07, 0.93]), 0, names) == "PNEUMONIA .93, wrong"
    assert outcome(np.array([0.0, 1.0]), None, names) == "PNEUMONIA 1.00"


def test_grid_holds_every_technique_that_kept_its_network(tmp_path: Path) -> None:
    images = fake_images(tmp_path / "images", size=64, masks=True, source="phantom")
    run = fake_run(tmp_path / "run", images, techniques=SIX[:3], lrs=(0.001,), checkpoints=2, failing=False)
    plot = cam_plot(run, images)
    assert not isinstance(plot, str)
    titles = [axes.get_title() for axes in plot.figure.axes]
    assert sum("Baseline" in t for t in titles) == sum("Undersampling" in t for t in titles) == 1
    assert not any("Oversampling" in t for t in titles)
    assert "1 technique(s) are missing" in plot.caption
    assert "2 x 2 fields" in plot.caption
    assert "drawn lesion" in plot.caption
    assert png(plot.figure, 40).startswith(b"\x89PNG")


def test_no_networks_no_maps_and_foreign_images_are_refused(tmp_path: Path) -> None:
    images = fake_images(tmp_path / "images", size=32)
    run = fake_run(tmp_path / "run", images, techniques=SIX[:2], lrs=(0.001,), epochs=1, failing=False)
    assert str(cam_plot(run, images)).startswith("No class activation maps")
    with pytest.raises(UserError, match="fingerprint 0000, but the run used ffff"):
        cam_plot(run, fake_images(tmp_path / "others", size=32, fingerprint="0000"))
