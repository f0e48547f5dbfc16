"""Operations against torchvision's, image for image with the same parameters."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torchvision.transforms.v2 import InterpolationMode, RandAugment, TrivialAugmentWide
from torchvision.transforms.v2 import functional as theirs

from balancing.components.augmentations import intensity
from balancing.components.augmentations.operations import BINS, OPERATIONS, Chosen, Reach, choose, operate
from balancing.components.augmentations.rand_augment import REACH
from balancing.components.augmentations.trivial_augment import WIDE

SIZE = (33, 40)
MAGNITUDES = (0.0, 0.2, 0.5, 1.0)


def whole_images(n: int, channels: int, size: tuple[int, int] = SIZE) -> torch.Tensor:
    """(n, channels, H, W) float32, whole values in 20..229, rough and smooth."""
    generator = torch.Generator().manual_seed(n)
    rough = torch.rand(n, channels, *size, generator=generator)
    return (20 + 210 * rough * torch.linspace(0.2, 1, size[1])).floor()


def operated(name: str, images: torch.Tensor, magnitude: float, sign: float, reach: Reach) -> torch.Tensor:
    n = len(images)
    operation = torch.full((n,), OPERATIONS.index(name))
    each = torch.full((n,), magnitude, dtype=torch.float64)
    return operate(images, Chosen(operation, each, sign * torch.ones(n).double(), torch.ones(n).bool()), reach)


def moved(image: torch.Tensor, name: str, value: float) -> torch.Tensor:
    """torchvision's, as its TrivialAugment and RandAugment call it, but for the interpolation."""
    if name == "rotate":
        return theirs.rotate(image, value, InterpolationMode.BILINEAR)
    across = name.endswith("x")
    shear = math.degrees(math.atan(value)) if name.startswith("shear") else 0.0
    shift = value if name.startswith("translate") else 0.0
    return theirs.affine(
        image,
        angle=0.0,
        translate=[shift, 0] if across else [0, shift],
        scale=1.0,
        shear=[shear, 0.0] if across else [0.0, shear],
        interpolation=InterpolationMode.BILINEAR,
        center=[0, 0] if name.startswith("shear") else None,
    )


@pytest.mark.parametrize("reach", [WIDE, REACH], ids=["TrivialAugment", "RandAugment"])
@pytest.mark.parametrize("name", ["shear_x", "shear_y", "translate_x", "translate_y", "rotate"])
@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_what_moves_equals_torchvision(name: str, sign: float, reach: Reach) -> None:
    images = whole_images(1, 3)
    for magnitude in MAGNITUDES:
        side = SIZE[1] if name.endswith("x") else SIZE[0]
        most = {"shear": reach.shear, "translate": reach.translate * side, "rotate": reach.rotate}[name.split("_")[0]]
        # Places are computed in another order, a few 1e-5 pixels apart; neighbours differ by up to 210.
        wanted = moved(images, name, sign * magnitude * most)
        torch.testing.assert_close(operated(name, images, magnitude, sign, reach), wanted, rtol=0, atol=0.05)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("sign", [-1.0, 1.0])
@pytest.mark.parametrize(
    ("name", "reference"),
    [
        ("brightness", theirs.adjust_brightness),
        ("colour", theirs.adjust_saturation),
        ("contrast", theirs.adjust_contrast),
        ("sharpness", theirs.adjust_sharpness),
    ],
)
def test_what_blends_equals_torchvision(name: str, reference: Any, sign: float, channels: int) -> None:
    images = whole_images(2, channels)
    for magnitude in MAGNITUDES:
        wanted = 255 * reference(images / 255, 1 + sign * 0.9 * magnitude)
        found = operated(name, images, magnitude, sign, REACH)
        torch.testing.assert_close(found, wanted, rtol=0, atol=0.01)


@pytest.mark.parametrize("channels", [1, 3])
def test_what_maps_values_equals_torchvision(channels: int) -> None:
    images = whole_images(3, channels, (40, 50))
    eight = images.to(torch.uint8)
    for bits in range(1, 9):
        found = intensity.posterize(images, torch.full((3,), bits))
        assert torch.equal(found, theirs.posterize(eight, bits).float())
    for threshold in (0.0, 60.0, 128.0, 255.0):
        found = intensity.solarize(images, torch.full((3,), threshold))
        assert torch.equal(found, theirs.solarize(eight, threshold).float())
    assert torch.equal(intensity.equalize(images), theirs.equalize(eight).float())
    torch.testing.assert_close(intensity.autocontrast(images), 255 * theirs.autocontrast(images / 255))


def test_flat_and_small_images_are_what_torchvision_makes_of_them() -> None:
    flat, small = torch.full((2, 1, 20, 20), 77.0), whole_images(2, 1, (9, 9))
    for images in (flat, small, torch.cat([flat, whole_images(2, 1, (20, 20))])):
        assert torch.equal(intensity.equalize(images), theirs.equalize(images.to(torch.uint8)).float())
        torch.testing.assert_close(intensity.autocontrast(images), 255 * theirs.autocontrast(images / 255))
    tiny = whole_images(1, 1, (2, 5))
    assert torch.equal(intensity.sharpness(tiny, torch.tensor([1.9])), tiny)


@pytest.mark.parametrize("name", sorted(set(OPERATIONS) - {"autocontrast", "equalize"}))
def test_no_magnitude_changes_nothing(name: str) -> None:
    images = whole_images(2, 3)
    images[0, 0, 0, 0] = 255
    torch.testing.assert_close(operated(name, images, 0.0, 1.0, WIDE), images, rtol=0, atol=1e-3)


@pytest.mark.parametrize(("reach", "space"), [(WIDE, TrivialAugmentWide), (REACH, RandAugment)], ids=["TA", "RA"])
def test_ranges_are_torchvisions(reach: Reach, space: type) -> None:
    known = space._AUGMENTATION_SPACE
    assert len(known) == len(OPERATIONS)
    found = {name: known[name][0](BINS, 224, 224) for name in ("ShearX", "TranslateX", "Rotate", "Color", "Posterize")}
    assert found["ShearX"][-1] == pytest.approx(reach.shear)
    assert found["TranslateX"][-1] == pytest.approx(reach.translate * 224)
    assert found["Rotate"][-1] == pytest.approx(reach.rotate)
    assert found["Color"][-1] == pytest.approx(reach.blend)
    ours = 8 - (reach.bits * torch.arange(BINS, dtype=torch.float64) / (BINS - 1)).round().int()
    assert ours.tolist() == found["Posterize"].tolist()


def test_each_image_has_its_own_operation_as_if_alone() -> None:
    images = whole_images(28, 3)
    chosen = Chosen(
        torch.arange(28) % 14,
        torch.linspace(0.1, 1, 28).double(),
        torch.tensor([-1.0, 1.0]).double().repeat(14),
        torch.arange(28) < 20,
    )
    kept, together = images.clone(), operate(images, chosen, WIDE)
    assert torch.equal(images, kept)
    for row in range(28):
        own = Chosen(
            *(each[row : row + 1] for each in (chosen.operation, chosen.magnitude, chosen.sign, chosen.happens))
        )
        torch.testing.assert_close(
            together[row : row + 1], operate(images[row : row + 1], own, WIDE), rtol=0, atol=0.01
        )
    assert torch.equal(together[26], images[26])  # autocontrast that does not happen


def test_choices_are_even_and_scaled_by_strength() -> None:
    chosen = choose(28_000, 0.5, torch.Generator().manual_seed(0))
    shares = torch.bincount(chosen.operation, minlength=14) / 28_000
    torch.testing.assert_close(shares, torch.full((14,), 1 / 14), atol=0.008, rtol=0)
    assert len(chosen.magnitude.unique()) == BINS
    assert chosen.magnitude.max() == 0.5
    assert chosen.magnitude.mean() == pytest.approx(0.25, abs=0.005)
    assert chosen.sign.mean() == pytest.approx(0, abs=0.03)
    assert chosen.happens.float().mean() == pytest.approx(0.5, abs=0.015)
    fixed = choose(10, 0.5, torch.Generator().manual_seed(0), magnitude=0.3)
    torch.testing.assert_close(fixed.magnitude, torch.full((10,), 0.15).double())
    whole = choose(28_000, 1.0, torch.Generator().manual_seed(0))
    torch.testing.assert_close(whole.magnitude, 2 * chosen.magnitude)  # paired
