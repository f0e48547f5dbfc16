"""What a trial trains with, epoch by epoch: its technique's composition as functions that keep no state."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial

import torch

from balancing.components.augmentations.rotate_flip import augment
from balancing.components.losses.cross_entropy import cross_entropy
from balancing.components.plans import TrainingPlan
from balancing.components.registry import TrainingData, get_technique
from sweep.runs.spec import TrialSpec
from sweep.training.inputs import SplitImages
from sweep.training.network import Trained
from sweep.training.step import Loss

# (images (B, 1 or 3, H, W) float in 0..255, the epoch's generator) -> the same, augmented.
Augment = Callable[[torch.Tensor, torch.Generator], torch.Tensor]
# (x, the partners' x, targets (B, C), the partners' targets, the epoch's generator) -> (x, targets); x as augmented.
Mix = Callable[
    [torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor, torch.Generator], tuple[torch.Tensor, torch.Tensor]
]


def _all(epoch: int) -> Trained:
    return "all"


@dataclass(frozen=True)
class Method:
    """What a trial trains with; every part follows from the epoch (from 1) alone, so that a resume needs no state.

    Args:
        n_classes: C.
        plan: epoch -> the rows that train.
        loss: epoch -> the loss of each image, with its weighting: ``(logits (B, C), targets (B, C)) -> (B,)``.
        augment: a batch of images, before they are normalised; draws from the generator alone.
        mix: mixes each image of a batch with a partner, a permutation of the batch; None mixes none.
        trained: epoch -> what of the network trains.
    """

    n_classes: int
    plan: Callable[[int], TrainingPlan]
    loss: Callable[[int], Loss]
    augment: Augment
    mix: Mix | None = None
    trained: Callable[[int], Trained] = _all


def method_of(spec: TrialSpec, images: SplitImages) -> Method:
    """The spec's method: one plan for all epochs, cross-entropy, rotation and flips by its strength, the whole network.

    The plan is built when first asked for, and raises UserError where the technique can't work with so few images.
    """
    plan = cache(partial(build_plan, spec, images))
    return Method(
        len(images.class_names),
        plan=lambda epoch: plan(),
        loss=lambda epoch: cross_entropy,
        augment=lambda batch, generator: augment(batch, spec.strength, generator),
    )


def build_plan(spec: TrialSpec, images: SplitImages) -> TrainingPlan:
    """The spec's training plan; it sees training rows only."""
    n_classes = len(images.class_names)
    data = TrainingData(
        images.pixels, images.labels, images.train, n_classes, images.class_names, neighbours=images.neighbours
    )
    return get_technique(spec.technique).build(data, spec.seed, **spec.parameters)
