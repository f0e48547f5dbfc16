"""Augmentation of a whole batch on its device, with one dial from 0 (off) to 1 (the study's strength)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from balancing.components.axes import Augment, TrainingContext
from balancing.components.decorators import augmentation

if TYPE_CHECKING:
    import torch

MAX_ANGLE = 15.0  # degrees at strength 1, either way
MAX_FLIP_PROBABILITY = 0.5  # at strength 1


@augmentation(label="Rotation and flip", reference="Shorten & Khoshgoftaar, Journal of Big Data 6:60, 2019")
def rotate_flip(context: TrainingContext) -> Augment:
    """Each image rotated by up to 15 degrees and flipped left-right at random, as strongly as the strength says."""
    return partial(_augment, context.strength)


def _augment(strength: float, images_BCHW: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    return augment(images_BCHW, strength, generator)


def augment(images_BCHW: torch.Tensor, strength: float, generator: torch.Generator) -> torch.Tensor:
    """Each image rotated about its centre by a random angle and flipped left-right at random.

    The angle is uniform in +-15 * strength degrees; a flip has probability 0.5 * strength. Corners that the rotation
    uncovers become 0, so augment before normalising, while 0 is black.

    Args:
        images_BCHW: (B, C, H, W) floating point, any scale in which 0 is black; any device.
        strength: in [0, 1]; 0 returns the input itself and draws nothing.
        generator: the source of all draws, made on its device: B angles, then B flips.
    Returns:
        (B, C, H, W), same dtype and device.
    Raises:
        ValueError: strength lies outside [0, 1], or images are not four-dimensional floating point.
    Reference: Shorten & Khoshgoftaar, Journal of Big Data 6:60, 2019.
    """
    if not 0.0 <= strength <= 1.0:
        raise ValueError(f"augmentation strength must lie in 0..1, but is {strength}")
    if strength == 0:
        return images_BCHW
    import torch  # takes seconds, and whoever lists components needs none of it

    draws = torch.rand(2, len(images_BCHW), generator=generator, device=generator.device)
    angles = (2 * draws[0] - 1) * (MAX_ANGLE * strength)
    flips = draws[1] < MAX_FLIP_PROBABILITY * strength
    return rotate_and_flip(images_BCHW, angles, flips)


def rotate_and_flip(images_BCHW: torch.Tensor, angles: torch.Tensor, flips: torch.Tensor) -> torch.Tensor:
    """Each image rotated by its angle about its centre, then mirrored left-right where its flip says so.

    One bilinear sampling for both; an angle of 0 leaves pixels exactly as they are.

    Args:
        images_BCHW: (B, C, H, W) floating point.
        angles: (B,) degrees, counter-clockwise; any device.
        flips: (B,) bool; any device.
    Returns:
        (B, C, H, W), same dtype and device; 0 where the rotated image does not reach.
    Raises:
        ValueError: images are not four-dimensional floating point.
    """
    import torch
    from torch.nn.functional import grid_sample

    if images_BCHW.dim() != 4 or not images_BCHW.is_floating_point():
        raise ValueError(
            f"images must be (B, C, H, W) floating point, but are {tuple(images_BCHW.shape)} {images_BCHW.dtype}"
        )
    device, height, width = images_BCHW.device, images_BCHW.shape[2], images_BCHW.shape[3]
    # Half precision cannot tell neighbouring places apart, so places and sampling are at least float32.
    dtype = torch.promote_types(images_BCHW.dtype, torch.float32)
    angles_B11 = angles.to(device, dtype).deg2rad()[:, None, None]
    flips_B = flips.to(device)
    mirror_B11 = torch.where(flips_B, -1.0, 1.0).to(dtype)[:, None, None]

    # Where each output pixel comes from. In pixels from the centre the map is a rotation (after the mirror);
    # grid_sample wants it in half-widths and half-heights. Elementwise, since autocast would do a matrix product
    # in bfloat16.
    x_B1W = (torch.arange(width, device=device, dtype=dtype) - (width - 1) / 2) * mirror_B11
    y_H1 = (torch.arange(height, device=device, dtype=dtype) - (height - 1) / 2)[:, None]
    cos, sin = angles_B11.cos(), angles_B11.sin()
    grid_BHW2 = torch.stack(
        [(x_B1W * cos - y_H1 * sin) * (2 / width), (x_B1W * sin + y_H1 * cos) * (2 / height)],
        dim=-1,
    )
    turned = grid_sample(images_BCHW.to(dtype), grid_BHW2, mode="bilinear", padding_mode="zeros", align_corners=False)

    still = (angles_B11 == 0)[..., None]
    unturned = torch.where(flips_B[:, None, None, None], images_BCHW.flip(-1), images_BCHW)
    return torch.where(still, unturned, turned.to(images_BCHW.dtype))
