"""The operations of TrivialAugment and RandAugment on a batch: another operation and magnitude for each image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from balancing.components.augmentations import intensity
from balancing.components.augmentations.warp import identities, warp

if TYPE_CHECKING:
    import torch

OPERATIONS = (
    "identity",
    "shear_x",
    "shear_y",
    "translate_x",
    "translate_y",
    "rotate",
    "brightness",
    "colour",
    "contrast",
    "sharpness",
    "posterize",
    "solarize",
    "autocontrast",
    "equalize",
)
_MOVING = OPERATIONS[1:6]
_BLENDING = {
    "brightness": intensity.brightness,
    "colour": intensity.colour,
    "contrast": intensity.contrast,
    "sharpness": intensity.sharpness,
}
BINS = 31


@dataclass(frozen=True)
class Reach:
    """How far operations go at magnitude 1, either way.

    Args:
        shear: pixels across for each pixel down.
        translate: share of the image's side.
        rotate: degrees.
        blend: of the factors of brightness, colour, contrast and sharpness from 1.
        bits: that posterize leaves away, of 8.
    """

    shear: float
    translate: float
    rotate: float
    blend: float
    bits: int


@dataclass(frozen=True)
class Chosen:
    """What happens to each image of a batch; all on the CPU.

    Args:
        operation: (B,) int64, of ``OPERATIONS``.
        magnitude: (B,) float64 in [0, 1].
        sign: (B,) float64, -1 or 1.
        happens: (B,) bool; of operations that have no magnitude.
    """

    operation: torch.Tensor
    magnitude: torch.Tensor
    sign: torch.Tensor
    happens: torch.Tensor


def choose(n: int, strength: float, generator: torch.Generator, magnitude: float | None = None) -> Chosen:
    """An operation for each of n images, all equally likely.

    Args:
        n: images.
        strength: in (0, 1]; magnitudes are scaled by it, and operations without one happen so often.
        generator: the source of all draws: 4 n numbers.
        magnitude: in [0, 1], of all; None draws each from 31 equally spaced ones.
    """
    import torch  # takes seconds, and whoever lists components needs none of it

    draws = torch.rand(4, n, generator=generator, dtype=torch.float64)
    drawn = (draws[1] * BINS).floor() / (BINS - 1) if magnitude is None else torch.full_like(draws[1], magnitude)
    return Chosen(
        (draws[0] * len(OPERATIONS)).long(),
        drawn * strength,
        torch.where(draws[2] < 0.5, -1.0, 1.0).double(),
        draws[3] < strength,
    )


def operate(images: torch.Tensor, chosen: Chosen, reach: Reach) -> torch.Tensor:
    """Each image changed by its operation.

    Args:
        images: (B, 1 or 3, H, W) floating point in 0..255, any device.
    Returns:
        (B, C, H, W), same dtype and device; a new tensor.
    """
    import torch

    changed = images.clone()
    moving = torch.isin(chosen.operation, torch.tensor([OPERATIONS.index(name) for name in _MOVING]))
    groups = {"move": moving} | {
        name: chosen.operation == number for number, name in enumerate(OPERATIONS) if name not in ("identity", *_MOVING)
    }
    for name in ("autocontrast", "equalize"):
        groups[name] &= chosen.happens
    for name, members in groups.items():
        rows = members.nonzero().flatten()
        if not len(rows):
            continue
        there = rows.to(images.device)
        changed[there] = _operated(name, images[there], _of(chosen, rows), reach)
    return changed


def _of(chosen: Chosen, rows: torch.Tensor) -> Chosen:
    return Chosen(*(each[rows] for each in (chosen.operation, chosen.magnitude, chosen.sign, chosen.happens)))


def _operated(name: str, images: torch.Tensor, chosen: Chosen, reach: Reach) -> torch.Tensor:
    """Images that all have one operation, or one of those that move, in which case the name is ``move``."""
    if name == "move":
        return warp(images, _maps(chosen, reach, images.shape[2], images.shape[3]))
    if name in _BLENDING:
        return _BLENDING[name](images, 1 + reach.blend * chosen.magnitude * chosen.sign)
    if name == "posterize":
        return intensity.posterize(images, 8 - (reach.bits * chosen.magnitude).round())
    if name == "solarize":
        return intensity.solarize(images, 256 * (1 - chosen.magnitude))
    return intensity.autocontrast(images) if name == "autocontrast" else intensity.equalize(images)


def _maps(chosen: Chosen, reach: Reach, height: int, width: int) -> torch.Tensor:
    """(B, 2, 3) float64: see ``warp``. Shears keep the upper or the left edge, as Pillow's, the others the centre."""
    import torch

    maps, value = identities(len(chosen.operation)), chosen.magnitude * chosen.sign
    shear, angle = reach.shear * value, (reach.rotate * value).deg2rad()

    def put(name: str, row: int, column: int, values: torch.Tensor) -> None:
        which = chosen.operation == OPERATIONS.index(name)
        maps[:, row, column] = torch.where(which, values, maps[:, row, column])

    put("shear_x", 0, 1, shear)
    put("shear_x", 0, 2, shear * height / 2)
    put("shear_y", 1, 0, shear)
    put("shear_y", 1, 2, shear * width / 2)
    put("translate_x", 0, 2, -reach.translate * value * width)
    put("translate_y", 1, 2, -reach.translate * value * height)
    put("rotate", 0, 0, angle.cos())
    put("rotate", 0, 1, -angle.sin())
    put("rotate", 1, 0, angle.sin())
    put("rotate", 1, 1, angle.cos())
    return maps
