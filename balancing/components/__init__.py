"""The room for methods: one decorated function in one file of its axis' folder.

What a component's file needs is given here: decorators, ranges, and what its axis hands in and takes back. See
docs/components.md.
"""

from balancing.components.axes import Partnered, Phase, Stage, TrainingContext, TrainingData
from balancing.components.decorators import augmentation, decision, loss, mixer, optimizer, sampler, schedule
from balancing.components.plans import EpochPlans, TrainingPlan
from balancing.components.ranges import Choice, FloatRange, IntRange

__all__ = [
    "Choice",
    "EpochPlans",
    "FloatRange",
    "IntRange",
    "Partnered",
    "Phase",
    "Stage",
    "TrainingContext",
    "TrainingData",
    "TrainingPlan",
    "augmentation",
    "decision",
    "loss",
    "mixer",
    "optimizer",
    "sampler",
    "schedule",
]
