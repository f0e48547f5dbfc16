"""Operations on the intensities of a batch in 0..255, one factor an image, as torchvision has them for one image."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

_LUMA = (0.2989, 0.587, 0.114)


def _blend(images: torch.Tensor, others: torch.Tensor | float, factor_B: torch.Tensor) -> torch.Tensor:
    """factor * images + (1 - factor) * others, within 0..255; a factor of 1 leaves images as they are, bit for bit."""
    factor = factor_B.to(images).view(-1, 1, 1, 1)
    return (images + (1 - factor) * (others - images)).clamp(0, 255)


def grey(images: torch.Tensor) -> torch.Tensor:
    """(B, 1, H, W) luminance of (B, 1 or 3, H, W) images."""
    if images.shape[1] == 1:
        return images
    red, green, blue = images.unbind(dim=1)
    return (_LUMA[0] * red + _LUMA[1] * green + _LUMA[2] * blue)[:, None]


def brightness(images: torch.Tensor, factor_B: torch.Tensor) -> torch.Tensor:
    """Each image times its factor, >= 0."""
    return _blend(images, 0.0, factor_B)


def contrast(images: torch.Tensor, factor_B: torch.Tensor) -> torch.Tensor:
    """Each image's distances from its mean luminance times its factor, >= 0."""
    return _blend(images, grey(images).mean(dim=(1, 2, 3), keepdim=True), factor_B)


def colour(images: torch.Tensor, factor_B: torch.Tensor) -> torch.Tensor:
    """Each image's distances from its own grey times its factor, >= 0; grey images stay."""
    return images if images.shape[1] == 1 else _blend(images, grey(images), factor_B)


def sharpness(images: torch.Tensor, factor_B: torch.Tensor) -> torch.Tensor:
    """Each image's distances from itself smoothed times its factor, >= 0; the border stays."""
    if min(images.shape[2:]) <= 2:
        return images
    rows = images[:, :, :-2] + images[:, :, 1:-1] + images[:, :, 2:]
    inner = images[:, :, 1:-1, 1:-1]
    smoothed = images.clone()
    smoothed[:, :, 1:-1, 1:-1] = (rows[..., :-2] + rows[..., 1:-1] + rows[..., 2:] + 4 * inner) / 13
    return _blend(images, smoothed, factor_B)


def posterize(images: torch.Tensor, bits_B: torch.Tensor) -> torch.Tensor:
    """Each image with its so many highest bits alone, 0..8; 8 leaves it as it is."""
    import torch

    bits = bits_B.to(images).view(-1, 1, 1, 1)
    step = 2 ** (8 - bits)
    return torch.where(bits == 8, images, (images / step).floor() * step)


def solarize(images: torch.Tensor, threshold_B: torch.Tensor) -> torch.Tensor:
    """Each image with all values from its threshold on inverted."""
    import torch

    return torch.where(images >= threshold_B.to(images).view(-1, 1, 1, 1), 255 - images, images)


def autocontrast(images: torch.Tensor) -> torch.Tensor:
    """Each channel stretched from its least and greatest value to 0..255; one of equal values stays."""
    import torch

    low, high = images.amin(dim=(2, 3), keepdim=True), images.amax(dim=(2, 3), keepdim=True)
    flat = low == high
    stretched = (images - low) * (255 / torch.where(flat, 255.0, high - low).to(images))
    return torch.where(flat, images, stretched).clamp(0, 255)


def equalize(images: torch.Tensor) -> torch.Tensor:
    """Each channel by the table that spreads its values evenly over 0..255, as Pillow makes it from whole values.

    Returns:
        Whole values; a channel with too few pixels off its greatest value (less than 255) stays as it is.
    """
    import torch

    batch, channels, height, width = images.shape
    values = images.clamp(0, 255).long().flatten(0, 1).flatten(1)  # (BC, HW)
    of_channel = 256 * torch.arange(batch * channels, device=images.device)[:, None]
    counts = torch.bincount((values + of_channel).flatten(), minlength=256 * batch * channels).view(-1, 256)
    largest = counts.gather(1, values.amax(dim=1, keepdim=True))
    step = (height * width - largest) // 255
    below = counts.cumsum(dim=1) - counts
    table = ((below + step // 2) // step.clamp(min=1)).clamp(max=255)
    found = table.gather(1, values).view(images.shape).to(images.dtype)
    return torch.where((step == 0).view(batch, channels, 1, 1), images, found)
