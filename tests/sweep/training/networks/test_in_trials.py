"""Other networks within a trial: the same numbers after an interruption, and what memory they ask for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from sweep.runs.spec import TrialSpec
from sweep.runs.trial_folder import TrialFolder
from sweep.training.frozen.joining import load_body, save_body
from sweep.training.gpu_memory import explain
from sweep.training.network import new_model
from tests.sweep.training.small import (
    CPU,
    Interrupted,
    assert_same_trial,
    interrupt_after,
    make_images,
    make_spec,
    run_trial,
)


def test_a_network_with_dropout_goes_on_as_if_nothing_had_been(tmp_path: Path) -> None:
    """Whatever torch's global generator says meanwhile."""
    spec, images = make_spec(network="mobilenet_v3_small", epochs=2), make_images()
    straight, again = TrialFolder(tmp_path / "straight"), TrialFolder(tmp_path / "again")
    torch.manual_seed(1)
    assert run_trial(spec, images, straight) == "done"
    torch.manual_seed(2)
    with pytest.raises(Interrupted):
        run_trial(spec, images, again, report=interrupt_after(1), resume_seconds=0)
    torch.rand(3)
    assert run_trial(spec, images, again) == "done"
    assert_same_trial(straight, again)


def test_a_frozen_body_with_the_small_stem_is_read_back(tmp_path: Path) -> None:
    body = new_model(1, 0, stem="small").eval()
    save_body(tmp_path, "frozen:resnet18", {n: v for n, v in body.state_dict().items() if not n.startswith("fc.")})
    images = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        assert torch.equal(load_body(tmp_path).features(images), body.features(images))


@pytest.mark.parametrize(
    ("network", "hidden"), [("mobilenet_v3_small", 0), ("frozen:resnet18", 0), ("frozen:resnet18", 8)]
)
def test_too_small_a_gpu_is_explained_for_the_network_that_trains(network: str, hidden: int) -> None:
    spec = TrialSpec("baseline", lr=0.1, epochs=1, seed=0, image_size=32, network=network, hidden=hidden)
    message = explain(torch.OutOfMemoryError("CUDA"), spec, np.zeros((10, 8, 8), np.uint8), CPU, 1.0)
    assert "a batch of 32 images" in message
    assert "--batch-size 16 should fit" in message
