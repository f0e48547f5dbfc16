"""A GPU that is too small: the pixels' share of it, and what a trial says that ran out of memory."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch

from sweep.runs.spec import TrialSpec
from sweep.training import hardware
from sweep.training.gpu_memory import PREDICTING, bytes_an_image, explain, fitting_batch, noting
from sweep.training.network import new_model

GB = 10**9
CPU, CUDA = torch.device("cpu"), torch.device("cuda")
PIXELS = np.zeros((10, 8, 8), np.uint8)


def spec(**values: object) -> TrialSpec:
    return TrialSpec(**{"technique": "baseline", "lr": 0.1, "epochs": 1, "seed": 0, "image_size": 64, **values})  # type: ignore[arg-type]


@pytest.mark.parametrize("trials", [1, 2, 3, 4, 10])
def test_trials_that_look_at_one_moment_never_take_more_than_half_of_a_gpu_for_pixels(trials: int) -> None:
    share, total = 1 / trials, 80 * GB
    together = sum(hardware.resident_limit(total, total, share) for _ in range(trials))
    assert together <= total / 2 * (1 + 1e-9)
    assert hardware.resident_limit(4 * GB, total, share) <= 2 * GB, "of what others left, half"


def test_pixels_stay_in_main_memory_where_the_share_is_too_small_or_another_was_quicker(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pixels = np.zeros((30, 100), np.uint8)
    monkeypatch.setattr("torch.cuda.mem_get_info", lambda device: (8000, 8000))
    moved = []

    def to(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
        moved.append(device)
        raise torch.OutOfMemoryError("another took it")

    monkeypatch.setattr(torch.Tensor, "to", to)
    assert hardware.on_device(pixels, CUDA, 0.5).device.type == "cpu"
    assert moved == [], "3,000 bytes are more than half of half of 8,000"
    assert hardware.on_device(pixels, CUDA, 1.0).device.type == "cpu"
    assert moved == [CUDA]


@pytest.mark.parametrize("room", [None, 2 * GB, 8 * GB, 80 * GB])
@pytest.mark.parametrize("batch", [4, 24, 32, 1000, 65536])
def test_the_batch_that_is_proposed_is_smaller_and_fits(batch: int, room: int | None) -> None:
    found = fitting_batch(batch, each=30e6, held=1 * GB, room=room)
    assert found is not None
    assert 2 <= found <= batch / 2
    assert found & (found - 1) == 0
    if room is not None:
        assert 1 * GB + found * 30e6 <= room
        assert found == batch // 2 or 2 * found > batch / 2 or 1 * GB + 2 * found * 30e6 > room, (
            "no smaller than need be"
        )


def test_where_nothing_fits_nothing_is_proposed() -> None:
    assert fitting_batch(32, each=1e9, held=0, room=1.5e9) is None
    assert fitting_batch(32, each=1e6, held=3e9, room=2e9) is None
    assert fitting_batch(2, each=1.0, held=0, room=None) is None


def test_an_image_of_a_batch_takes_memory_by_its_pixels_and_its_precision() -> None:
    model = new_model(2, 0)
    small, large = bytes_an_image(model, spec(image_size=32)), bytes_an_image(model, spec(image_size=64))
    assert 3.5 < large / small < 4.5
    assert bytes_an_image(model, spec(precision="bfloat16")) < 0.8 * large
    # The first convolution's output, which its batch normalisation keeps: 64 channels of half the side, 4 bytes each.
    assert large > 64 * 32 * 32 * 4


def test_the_sentence_names_the_batch_the_image_and_what_to_do() -> None:
    message = explain(torch.OutOfMemoryError("CUDA out of memory"), spec(batch_size=48), PIXELS, CPU, 1)
    assert "a batch of 48 images of 64 px" in message
    assert "--batch-size 16 should fit" in message
    assert "not tried again" in message
    assert "\n" not in message
    assert "--gpus-per-trial 1" in explain(torch.OutOfMemoryError(), spec(), PIXELS, CPU, 0.5)


def test_on_a_gpu_it_counts_what_others_leave(monkeypatch: pytest.MonkeyPatch) -> None:
    proposed = []
    for free in (1 * GB, 4 * GB, 16 * GB):
        monkeypatch.setattr("torch.cuda.mem_get_info", lambda device, free=free: (free, 24 * GB))
        monkeypatch.setattr("torch.cuda.memory_reserved", lambda device: GB // 2)
        message = explain(torch.OutOfMemoryError(), spec(batch_size=65536, image_size=128), PIXELS, CUDA, 1)
        assert f"the {free / 1e9 + 0.5:.1f} of 24.0 GB" in message
        proposed.append(int(re.findall(r"--batch-size (\d+)", message)[0]))
    assert proposed[0] < proposed[1] < proposed[2] < 65536


def test_a_smaller_batch_is_not_advised_where_predicting_was_too_much() -> None:
    with pytest.raises(torch.OutOfMemoryError) as caught, noting(f"{PREDICTING} 256 images at once"):
        raise torch.OutOfMemoryError
    message = explain(caught.value, spec(), PIXELS, CPU, 1)
    assert "while it predicted 256 images at once" in message
    assert "--batch-size" not in message
