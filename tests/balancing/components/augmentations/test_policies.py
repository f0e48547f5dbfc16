"""The film policy, TrivialAugment and RandAugment: their draws, and what they leave as it is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2 import functional as theirs

import balancing.components.augmentations.film as film_module
from balancing.components.augmentations import intensity
from balancing.components.augmentations.film import film, moved
from balancing.components.augmentations.operations import choose, operate
from balancing.components.augmentations.rand_augment import REACH, rand_augment
from balancing.components.augmentations.trivial_augment import WIDE, trivial_augment
from balancing.components.axes import TrainingContext


def context(strength: float) -> TrainingContext:
    return TrainingContext(np.array([5, 5]), strength=strength)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def images(n: int = 6, channels: int = 1, size: tuple[int, int] = (31, 40)) -> torch.Tensor:
    return 255 * torch.rand(n, channels, *size, generator=generator(7))


def test_films_are_shifted_and_zoomed_as_torchvision_does() -> None:
    batch, (height, width) = images(3), (31, 40)
    shift_x, shift_y, zoom = (torch.tensor(each).double() for each in ([0.1, -0.05, 0], [0, 0.1, -0.1], [1, 0.9, 1.1]))
    for found, image, x, y, size in zip(
        moved(batch, shift_x, shift_y, zoom), batch, shift_x, shift_y, zoom, strict=True
    ):
        wanted = theirs.affine(
            image[None],
            angle=0.0,
            translate=[float(x) * width, float(y) * height],
            scale=float(size),
            shear=[0.0, 0.0],
            interpolation=InterpolationMode.BILINEAR,
        )[0]
        torch.testing.assert_close(found, wanted, rtol=0, atol=0.05)


@pytest.mark.parametrize("strength", [0.4, 1.0])
def test_a_film_varies_within_its_stated_maxima(strength: float, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, Any] = {}

    def record(name: str, result: Any) -> Any:
        def recorded(batch: torch.Tensor, *values: torch.Tensor) -> torch.Tensor:
            seen[name] = values
            return result(batch)

        return recorded

    monkeypatch.setattr(film_module, "moved", record("moved", lambda batch: batch))
    monkeypatch.setattr(intensity, "brightness", record("brightness", lambda batch: batch))
    monkeypatch.setattr(intensity, "contrast", record("contrast", lambda batch: batch))
    grey = torch.full((2000, 1, 8, 8), 128.0)
    noise = film(context(strength))(grey, generator()) - 128
    for values, centre, most in (
        (seen["moved"][0], 0, 0.1),
        (seen["moved"][1], 0, 0.1),
        (seen["moved"][2], 1, 0.1),
        (seen["brightness"][0], 1, 0.2),
        (seen["contrast"][0], 1, 0.2),
    ):
        assert (values - centre).abs().max() <= most * strength
        assert (values - centre).abs().max() > 0.98 * most * strength
        assert values.mean() == pytest.approx(centre, abs=0.05 * most)
    spread = noise.flatten(1).std(dim=1)
    assert spread.mean() == pytest.approx(2.5 * strength, rel=0.05)
    assert spread.max() < 1.4 * 5 * strength


def test_half_the_strength_goes_half_as_far(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    monkeypatch.setattr(film_module, "moved", lambda batch, *values: (seen.append(values), batch)[1])
    for strength in (0.5, 1.0):
        film(context(strength))(images(), generator(3))
    torch.testing.assert_close(2 * seen[0][0], seen[1][0])
    torch.testing.assert_close(2 * (seen[0][2] - 1), seen[1][2] - 1)


@pytest.mark.parametrize("build", [film, trivial_augment], ids=["film", "TrivialAugment"])
def test_grey_images_and_the_same_in_three_channels_stay_the_same(build: Any) -> None:
    grey = images()
    changed = build(context(1.0))(grey, generator(2))
    colour = build(context(1.0))(grey.repeat(1, 3, 1, 1), generator(2))
    torch.testing.assert_close(colour, changed.repeat(1, 3, 1, 1), rtol=0, atol=0.05)


def test_trivial_augment_is_one_drawn_operation_an_image() -> None:
    batch = images(20, 3)
    chosen = choose(20, 0.7, generator(4))
    assert torch.equal(trivial_augment(context(0.7))(batch, generator(4)), operate(batch, chosen, WIDE))


def test_rand_augment_is_several_of_one_magnitude_one_after_the_other() -> None:
    batch, draws = images(20, 3), generator(4)
    wanted = batch
    for _ in range(3):
        wanted = operate(wanted, choose(20, 0.7, draws, magnitude=0.3), REACH)
    found = rand_augment(context(0.7), operations=3, magnitude=9)(batch, generator(4))
    assert torch.equal(found, wanted)
    assert not torch.equal(found, rand_augment(context(0.7), operations=2, magnitude=9)(batch, generator(4)))


@pytest.mark.parametrize("build", [film, trivial_augment], ids=["film", "TrivialAugment"])
def test_autocast_changes_nothing(build: Any) -> None:
    batch = images(30)
    wanted = build(context(1.0))(batch, generator(1))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(build(context(1.0))(batch, generator(1)), wanted)
