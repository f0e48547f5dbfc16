"""RandAugment: some operations an image, one after the other, all of one magnitude."""

from __future__ import annotations

from typing import TYPE_CHECKING

from balancing.components.augmentations.operations import BINS, Reach, choose, operate
from balancing.components.axes import Augment, TrainingContext
from balancing.components.decorators import augmentation
from balancing.components.ranges import IntRange

if TYPE_CHECKING:
    import torch

REACH = Reach(shear=0.3, translate=150 / 331, rotate=30.0, blend=0.9, bits=4)


@augmentation(
    label="RandAugment",
    reference="Cubuk et al., NeurIPS 2020",
    operations=IntRange(1, 3, default=2, maximum=14),
    magnitude=IntRange(3, 15, default=9, minimum=1, maximum=BINS - 1),
)
def rand_augment(context: TrainingContext, *, operations: int, magnitude: int) -> Augment:
    """A few of fourteen operations for each image, one after the other, as strong as magnitude and strength say.

    At magnitude 30 and strength 1: shear by 0.3, shift by 150/331 of the side, rotation by 30 degrees, brightness,
    colour, contrast and sharpness by factors of 1 +- 0.9, posterize to 4 bits, solarize all; autocontrast and equalize
    happen with a probability of the strength.

    Args:
        operations: for each image.
        magnitude: of all operations, in thirtieths of the most.
    """

    def change(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        if context.strength == 0:
            return images
        for _ in range(operations):
            chosen = choose(len(images), context.strength, generator, magnitude / (BINS - 1))
            images = operate(images, chosen, REACH)
        return images

    return change
