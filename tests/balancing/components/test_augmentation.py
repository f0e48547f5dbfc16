"""augment against torchvision's rotation, its draws, and what it must leave as it is."""

from __future__ import annotations

import pytest
import torch
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2.functional import rotate

import balancing.components.augmentations.rotate_flip as module
from balancing.components.augmentations.rotate_flip import augment, rotate_and_flip


def images(n: int = 4, channels: int = 1, height: int = 31, width: int = 31, seed: int = 0) -> torch.Tensor:
    return 255 * torch.rand(n, channels, height, width, generator=torch.Generator().manual_seed(seed))


def no_flips(n: int) -> torch.Tensor:
    return torch.zeros(n, dtype=torch.bool)


def draws_of(n: int, strength: float, seed: int, monkeypatch: pytest.MonkeyPatch) -> tuple[torch.Tensor, torch.Tensor]:
    """The angles and flips that augment asks for."""
    seen = []

    def record(batch: torch.Tensor, angles: torch.Tensor, flips: torch.Tensor) -> torch.Tensor:
        seen.append((angles, flips))
        return batch

    monkeypatch.setattr(module, "rotate_and_flip", record)
    augment(images(n, 1, 2, 2), strength, torch.Generator().manual_seed(seed))
    return seen[0]


@pytest.mark.parametrize("size", [(31, 31), (32, 32), (20, 45), (64, 33)], ids=str)
@pytest.mark.parametrize("channels", [1, 3])
def test_rotation_equals_torchvision(size: tuple[int, int], channels: int) -> None:
    angles = torch.tensor([-15.0, -7.3, 0.0, 0.01, 4.0, 15.0, 90.0])
    batch = images(len(angles), channels, *size)
    turned = rotate_and_flip(batch, angles, no_flips(len(angles)))
    for image, angle, ours in zip(batch, angles, turned, strict=True):
        theirs = rotate(image, float(angle), InterpolationMode.BILINEAR)
        # Places are computed in another order, a few 1e-5 pixels apart; neighbours differ by up to 255.
        torch.testing.assert_close(ours, theirs, rtol=0, atol=0.05)


def test_flip_is_exact_and_comes_after_the_rotation() -> None:
    batch = images(4, 3)
    angles, flips = torch.tensor([0.0, 0.0, 10.0, 10.0]), torch.tensor([False, True, False, True])
    changed = rotate_and_flip(batch, angles, flips)
    assert torch.equal(changed[0], batch[0])
    assert torch.equal(changed[1], batch[1].flip(-1))
    mirrored = rotate_and_flip(batch, angles, ~flips).flip(-1)
    torch.testing.assert_close(changed, mirrored, rtol=0, atol=0.02)


def test_what_the_rotation_uncovers_is_black() -> None:
    turned = rotate_and_flip(torch.full((1, 1, 21, 21), 200.0), torch.tensor([15.0]), no_flips(1))
    assert turned[0, 0, 0, 0] == 0
    assert turned[0, 0, 10, 10] == pytest.approx(200)
    assert turned.min() >= 0
    assert turned.max() <= 200.01


def test_strength_0_returns_the_input_and_draws_nothing() -> None:
    generator = torch.Generator().manual_seed(5)
    before, batch = generator.get_state(), images()
    assert augment(batch, 0.0, generator) is batch
    assert torch.equal(generator.get_state(), before)


def test_equal_generators_give_equal_images_and_move_on() -> None:
    batch = images()
    one, other = torch.Generator().manual_seed(5), torch.Generator().manual_seed(5)
    first = augment(batch, 0.7, one)
    assert torch.equal(first, augment(batch, 0.7, other))
    assert not torch.equal(first, augment(batch, 0.7, one))


def test_the_global_generator_and_the_input_are_left_alone() -> None:
    before, batch = torch.get_rng_state(), images()
    kept = batch.clone()
    augment(batch, 1.0, torch.Generator().manual_seed(5))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(batch, kept)


@pytest.mark.parametrize("strength", [0.3, 1.0])
def test_angles_are_uniform_and_flips_a_coin(strength: float, monkeypatch: pytest.MonkeyPatch) -> None:
    n = 20_000
    angles, flips = draws_of(n, strength, 0, monkeypatch)
    reach = 15 * strength
    assert angles.abs().max() <= reach
    # Each quarter of the interval holds a quarter: five standard deviations of a share are 0.016.
    shares = torch.histc(angles, bins=4, min=-reach, max=reach) / n
    torch.testing.assert_close(shares, torch.full((4,), 0.25), rtol=0, atol=0.016)
    assert flips.float().mean() == pytest.approx(0.5 * strength, abs=0.018)
    # Neither tells of the other.
    assert abs(torch.corrcoef(torch.stack([angles, flips.float()]))[0, 1]) < 0.04


def test_half_the_strength_turns_half_as_far(monkeypatch: pytest.MonkeyPatch) -> None:
    """Paired: equal seeds turn the same way at every strength, and a flip at less strength is one at more."""
    weak, weak_flips = draws_of(50, 0.5, 3, monkeypatch)
    strong, strong_flips = draws_of(50, 1.0, 3, monkeypatch)
    torch.testing.assert_close(2 * weak, strong)
    assert (strong_flips | ~weak_flips).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16, torch.float64])
def test_dtype_is_kept_and_places_are_precise(dtype: torch.dtype) -> None:
    batch = images(3, 1, 224, 224).to(dtype)
    augmented = augment(batch, 1.0, torch.Generator().manual_seed(1))
    exact = augment(batch.double(), 1.0, torch.Generator().manual_seed(1))
    assert augmented.dtype == dtype
    # bfloat16 itself rounds values near 255 by up to 0.5.
    atol = {torch.bfloat16: 0.6, torch.float16: 0.2, torch.float32: 0.1, torch.float64: 1e-9}[dtype]
    torch.testing.assert_close(augmented.double(), exact, rtol=0, atol=atol)


def test_autocast_changes_nothing() -> None:
    batch = images(3, 1, 100, 100)
    wanted = augment(batch, 1.0, torch.Generator().manual_seed(1))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(augment(batch, 1.0, torch.Generator().manual_seed(1)), wanted)


def test_equal_channels_stay_equal() -> None:
    """So one channel can be augmented and repeated afterwards."""
    grey = images(4, 1)
    wanted = augment(grey, 1.0, torch.Generator().manual_seed(1))
    colour = augment(grey.repeat(1, 3, 1, 1), 1.0, torch.Generator().manual_seed(1))
    torch.testing.assert_close(colour, wanted.repeat(1, 3, 1, 1), rtol=0, atol=1e-4)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_images_with_generators_on_either_side() -> None:
    batch = images(4, 3)
    on_host = augment(batch, 1.0, torch.Generator().manual_seed(1))
    on_device = augment(batch.cuda(), 1.0, torch.Generator().manual_seed(1))
    torch.testing.assert_close(on_device.cpu(), on_host, rtol=0, atol=0.05)
    assert augment(batch.cuda(), 1.0, torch.Generator("cuda").manual_seed(1)).is_cuda


def test_an_empty_batch_stays_empty() -> None:
    assert augment(images(0), 1.0, torch.Generator()).shape == (0, 1, 31, 31)


def test_mistakes_are_named() -> None:
    for strength in (-0.1, 1.5, float("nan")):
        with pytest.raises(ValueError, match=r"augmentation strength must lie in 0\.\.1, but is"):
            augment(images(), strength, torch.Generator())
    with pytest.raises(ValueError, match=r"floating point, but are \(4, 1, 31, 31\) torch.uint8"):
        augment(images().byte(), 1.0, torch.Generator())
    with pytest.raises(ValueError, match=r"\(B, C, H, W\)"):
        augment(images()[0], 1.0, torch.Generator())
