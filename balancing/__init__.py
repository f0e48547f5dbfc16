"""What changes the balance of a training set: images, splits, plans, techniques, augmentation.

Knows nothing of Ray and nothing of the sweep. The public names are imported when they are first used, so
``import balancing`` loads no torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from balancing import metrics
    from balancing.components.plans import TrainingPlan
    from balancing.components.techniques import get_technique, techniques
    from balancing.data.images import ImageSet, load_images
    from balancing.data.look import look_at
    from balancing.data.splits import Split, make_split
    from balancing.errors import UserError
    from balancing.resampling import resample

__all__ = [
    "ImageSet",
    "Split",
    "TrainingPlan",
    "UserError",
    "get_technique",
    "load_images",
    "look_at",
    "make_split",
    "metrics",
    "resample",
    "techniques",
]

_HOME = {
    "ImageSet": "balancing.data.images",
    "Split": "balancing.data.splits",
    "TrainingPlan": "balancing.components.plans",
    "UserError": "balancing.errors",
    "get_technique": "balancing.components.techniques",
    "load_images": "balancing.data.images",
    "look_at": "balancing.data.look",
    "make_split": "balancing.data.splits",
    "resample": "balancing.resampling",
    "techniques": "balancing.components.techniques",
}


def __getattr__(name: str) -> Any:
    if name == "metrics":
        return import_module("balancing.metrics")
    if name not in _HOME:
        raise AttributeError(f"module 'balancing' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
