"""What a sweep of heads is said to cost: the pass of all images and the heads, not the training of the network."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from sweep.config.config import build_config
from sweep.planning import estimate_frozen
from sweep.planning.bundles import cost_of, groups_of
from sweep.planning.estimate import estimate
from sweep.planning.prepare import SweepInputs, prepare
from sweep.training.network import new_model


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, dict[str, object]], SweepInputs]:
    weights = tmp_path_factory.mktemp("weights") / "weights.pt"
    torch.save(new_model(2, 0).state_dict(), weights)
    settings: dict[str, dict[str, object]] = {
        "data": {"source": "phantom", "image_size": 32, "phantom_images": 300},
        "space": {"techniques": ["baseline", "ldam"], "lr": 0.01, "epochs": 7, "seeds": 3, "batch_size": 1024},
        "train": {"network": "frozen", "weights": str(weights), "stem": "imagenet"},
        "resources": {"max_concurrent": 1},
    }
    return settings, prepare(build_config(settings))


def test_seconds_are_those_of_the_pass_and_of_all_heads(
    planned: tuple[dict[str, dict[str, object]], SweepInputs], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, inputs = planned
    config = build_config(settings)
    monkeypatch.setattr(estimate_frozen, "_heads", lambda *given: 10.0)
    before = torch.get_num_threads()
    found = estimate(config, inputs)
    assert torch.get_num_threads() == before
    specs = inputs.specs(config)
    groups = groups_of(specs, {spec.trial_id for spec in specs})
    heads = sum(cost_of(group) for group in groups) / 10.0 + 6 * estimate_frozen._RECORDS
    assert found.seconds == pytest.approx(300 / found.images_per_second + heads)
    assert "once through resnet18, and 10 epochs of heads/s" in found.device


@pytest.mark.parametrize("batch_size", [1024, 32])
def test_a_heads_speed_is_measured_and_nothing_is_left_behind(
    planned: tuple[dict[str, dict[str, object]], SweepInputs],
    batch_size: int,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    settings, inputs = planned
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    found = estimate(build_config(settings, {"space.batch_size": batch_size}), inputs)
    assert 0 < found.seconds < 10_000
    assert not list(tmp_path.iterdir())
