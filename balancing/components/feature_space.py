"""``@features`` behind a sampler or a mixer: it works on what the network's body makes of images, not on pixels.

Where a stage trains the head alone, the body no longer changes, so the features of the training images can be made
once, and rows of features sampled, mixed and trained on as rows of pixels are.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from balancing.components.axes import Phase, Schedule

SIGN = "@"
Space = Literal["pixels", "features"]
# The first is what is meant where nothing is written.
SPACES: tuple[Space, ...] = ("pixels", "features")
# Axes whose components may work in either.
PLACED = ("sampler", "mixer")


def placed(stages: Schedule, *, sampler: bool, mixer: bool) -> Schedule:
    """A schedule's stages as they are where components work on features: there alone where a head alone is trained.

    In such a stage a sampler on features takes the place of the drawing that the schedule has of its own; stages that
    train the whole network have the rows as they are in its place. What works on pixels does not work on features.

    Args:
        stages: as the schedule has them.
        sampler, mixer: whether the technique's one works on features.
    """
    return tuple(replace(stage, phase=_placed(stage.phase, sampler, mixer)) for stage in stages)


def still_body(phase: Phase) -> bool:
    """Whether a phase trains the head alone and nothing of the body moves, so that features stay what they are."""
    return phase.trained == "head" and not phase.moving_statistics and phase.scales_lr is None


def _placed(phase: Phase, sampler: bool, mixer: bool) -> Phase:
    if phase.space == "pixels" and not (still_body(phase) and (sampler or mixer)):
        return replace(phase, sampled=phase.sampled and not sampler, mixed=phase.mixed and not mixer)
    sampled = sampler and phase.heads == 1
    power = None if sampled else phase.power
    return replace(phase, space="features", sampled=sampled, power=power, mixed=mixer)
