"""Affine maps of a batch, one an image, sampled once."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def warp(images_BCHW: torch.Tensor, inverse_B23: torch.Tensor) -> torch.Tensor:
    """Each image moved by its map, bilinearly; 0 where it does not reach.

    Args:
        images_BCHW: (B, C, H, W) floating point.
        inverse_B23: (B, 2, 3): where the pixel at (x, y), from the centre and in pixels, comes from: two rows of
            factors of x, y and 1, for x and y; any device.
    Returns:
        (B, C, H, W), same dtype and device.
    """
    import torch  # takes seconds, and whoever lists components needs none of it
    from torch.nn.functional import grid_sample

    device, (height, width) = images_BCHW.device, images_BCHW.shape[2:]
    # Half precision can't tell neighbouring places apart. Elementwise, since autocast would do a product in bfloat16.
    dtype = torch.promote_types(images_BCHW.dtype, torch.float32)
    factors = inverse_B23.to(device, dtype)[..., None, None]
    x = torch.arange(width, device=device, dtype=dtype) - (width - 1) / 2
    y = (torch.arange(height, device=device, dtype=dtype) - (height - 1) / 2)[:, None]
    came = factors[:, :, 0] * x + factors[:, :, 1] * y + factors[:, :, 2]
    grid_BHW2 = torch.stack([came[:, 0] * (2 / width), came[:, 1] * (2 / height)], dim=-1)
    return grid_sample(images_BCHW.to(dtype), grid_BHW2, padding_mode="zeros", align_corners=False).to(images_BCHW)


def identities(n: int) -> torch.Tensor:
    """(n, 2, 3) float64: maps that move nothing."""
    import torch

    return torch.eye(2, 3, dtype=torch.float64).repeat(n, 1, 1)
