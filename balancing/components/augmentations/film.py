"""A policy for X-ray films: what varies between two films of one patient, and no more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from balancing.components.augmentations import intensity
from balancing.components.augmentations.warp import identities, warp
from balancing.components.axes import Augment, TrainingContext
from balancing.components.decorators import augmentation

if TYPE_CHECKING:
    import torch

# At strength 1, either way.
MAX_SHIFT = 0.1  # of the image's side
MAX_ZOOM = 0.1  # of the size
MAX_BRIGHTNESS = 0.2  # of the factor from 1
MAX_CONTRAST = 0.2  # of the factor from 1
MAX_NOISE = 5.0  # standard deviation, of 255


@augmentation(
    label="Film",
    reference="a policy of this package; review: Garcea et al., Computers in Biology and Medicine 152, 2023",
)
def film(context: TrainingContext) -> Augment:
    """Each X-ray film shifted, zoomed, exposed and made noisy a little, never turned or mirrored.

    At strength 1: shifted by up to 10 % of the side both ways, zoomed by up to 10 %, brightness and contrast by factors
    of 1 +- 0.2, and noise of a standard deviation up to 5 of 255, equal in all channels. All uniform, each image its
    own. The heart stays on its side.
    """

    def change(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        if context.strength == 0:
            return images
        import torch  # takes seconds, and whoever lists components needs none of it

        draws = torch.rand(6, len(images), generator=generator, dtype=torch.float64)
        noise = torch.randn(len(images), 1, *images.shape[2:], generator=generator).to(images.device)
        shift_x, shift_y, zoom, brighter, contrast = context.strength * (2 * draws[:5] - 1)
        changed = moved(images, MAX_SHIFT * shift_x, MAX_SHIFT * shift_y, 1 + MAX_ZOOM * zoom)
        changed = intensity.brightness(changed, 1 + MAX_BRIGHTNESS * brighter)
        changed = intensity.contrast(changed, 1 + MAX_CONTRAST * contrast)
        spread = (MAX_NOISE * context.strength * draws[5]).to(images.device).view(-1, 1, 1, 1)
        return (changed + (spread * noise).to(images)).clamp(0, 255)

    return change


def moved(images: torch.Tensor, shift_x: torch.Tensor, shift_y: torch.Tensor, zoom: torch.Tensor) -> torch.Tensor:
    """Each image zoomed about its centre, then shifted to the right and down; 0 where it does not reach.

    Args:
        images: (B, C, H, W) floating point.
        shift_x, shift_y: (B,), shares of width and height.
        zoom: (B,) > 0; above 1 things become larger.
    """
    maps = identities(len(images)) / zoom.view(-1, 1, 1)
    maps[:, 0, 2] = -shift_x * images.shape[3] / zoom
    maps[:, 1, 2] = -shift_y * images.shape[2] / zoom
    return warp(images, maps)
