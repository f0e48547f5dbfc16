"""Laws of augmentations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from balancing.components.laws.common import SEED, built, require, untouched_global_state
from balancing.components.registry import Component

if TYPE_CHECKING:
    import torch


def _images(channels: int = 1) -> torch.Tensor:
    import torch

    return 255 * torch.rand(6, channels, 9, 8, generator=_generator(1))


def _generator(seed: int = SEED) -> torch.Generator:
    import torch

    return torch.Generator().manual_seed(seed)


def law_images_stay_images(component: Component) -> None:
    """Shape, dtype and the given batch stay, grey or colour; what comes back is finite and within 0..255."""
    import torch

    for _, augment, said in built(component):
        for channels in (1, 3):
            images = _images(channels)
            kept = images.clone()
            changed = augment(images, _generator())
            require(changed.shape == images.shape, f"{tuple(images.shape)} became {tuple(changed.shape)}: {said}")
            require(changed.dtype == images.dtype, f"{images.dtype} became {changed.dtype}: {said}")
            require(torch.isfinite(changed).all(), f"a value is no number: {said}")
            require(changed.min() > -0.01 and changed.max() < 255.01, f"values leave 0..255: {said}")
            require(torch.equal(images, kept), f"the given batch was changed: {said}")


def law_equal_generators_give_equal_images(component: Component) -> None:
    """All draws come from the generator."""
    import torch

    for _, augment, said in built(component):
        with untouched_global_state():
            once, again = augment(_images(), _generator()), augment(_images(), _generator())
        require(torch.equal(once, again), f"equal generators gave different images: {said}")


def law_no_strength_changes_nothing(component: Component) -> None:
    """At strength 0 images are as they were and nothing is drawn; at strength 1 something changes."""
    import torch

    for context, augment, said in built(component):
        images, generator = _images(), _generator()
        changed = augment(images, generator)
        if context.strength == 0:
            require(torch.equal(changed, images), f"strength 0 changed images: {said}")
            same = torch.equal(generator.get_state(), _generator().get_state())
            require(same, f"strength 0 drew from the generator: {said}")
        elif context.strength == 1:
            require(not torch.equal(changed, images), f"strength 1 changed no image: {said}")


LAWS = (law_images_stay_images, law_equal_generators_give_equal_images, law_no_strength_changes_nothing)
