"""The room for methods: one decorated function in one file of its axis' folder.

What a component's file needs is given here: decorators, ranges, and what its axis hands in and takes back. See
docs/components.md.
"""

from balancing.components.axes import Phase, TrainingContext, TrainingData
from balancing.components.plans import TrainingPlan
from balancing.components.ranges import Choice, FloatRange, IntRange
from balancing.components.registry import augmentation, decision, loss, mixer, sampler, schedule

__all__ = [
    "Choice",
    "FloatRange",
    "IntRange",
    "Phase",
    "TrainingContext",
    "TrainingData",
    "TrainingPlan",
    "augmentation",
    "decision",
    "loss",
    "mixer",
    "sampler",
    "schedule",
]
