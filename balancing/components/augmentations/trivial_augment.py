"""TrivialAugment: one operation an image, of a magnitude drawn anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

from balancing.components.augmentations.operations import Reach, choose, operate
from balancing.components.axes import Augment, TrainingContext
from balancing.components.decorators import augmentation

if TYPE_CHECKING:
    import torch

# Of the wide space. The paper shifts by up to 32 pixels, which of ImageNet's 224 is a seventh of the side.
WIDE = Reach(shear=0.99, translate=1 / 7, rotate=135.0, blend=0.99, bits=6)


@augmentation(label="TrivialAugment", reference="Müller & Hutter, ICCV 2021")
def trivial_augment(context: TrainingContext) -> Augment:
    """One of fourteen operations for each image, of a random magnitude up to what the strength says.

    The wide space: identity; shear by up to 0.99, shift by up to 1/7 of the side, rotation by up to 135 degrees;
    brightness, colour, contrast and sharpness by factors of 1 +- 0.99; posterize to 2 bits or more, solarize, and,
    with a probability of the strength, autocontrast and equalize. Made for photographs: it may turn a chest film
    upside down and invert it, which changes what it shows.
    """

    def change(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        if context.strength == 0:
            return images
        return operate(images, choose(len(images), context.strength, generator), WIDE)

    return change
