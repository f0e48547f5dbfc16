"""What a trial is: everything that can change its numbers, and the ids that follow from it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

# Labels for people; they change no number of a trial, so they are not part of its id.
_LABELS = ("draw", "seed_index")


@dataclass(frozen=True)
class TrialSpec:
    """One configuration with one seed: all that can change a trial's numbers, and two labels.

    Args:
        technique: name in the registry.
        parameters: the technique's own, complete.
        lr: Adam's learning rate, > 0.
        epochs: >= 1.
        strength: augmentation strength actually used, 0..1.
        batch_size: >= 2.
        seed: of plan, initial head, order and augmentation.
        image_size: pixels a side.
        weights: ``none``, ``imagenet``, or ``sha256:...`` of a local checkpoint.
        metric: the best epoch is the one with the highest of it on validation.
        precision: ``float32`` or ``bfloat16``.
        mean, std: normalisation of pixels in [0, 1].
        positive: index of the positive class; None for more than two classes.
        data: fingerprint of pixels and labels.
        split: fingerprint of the split.
        draw, seed_index: which draw and which seed this is, for people.
    """

    technique: str
    lr: float
    epochs: int
    seed: int
    parameters: Mapping[str, Any] = field(default_factory=dict)
    strength: float = 0.0
    batch_size: int = 32
    image_size: int = 224
    weights: str = "none"
    metric: str = "balanced_accuracy"
    precision: str = "float32"
    mean: float = 0.5
    std: float = 0.5
    positive: int | None = 1
    data: str = ""
    split: str = ""
    draw: int = 0
    seed_index: int = 0

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "parameters": dict(self.parameters)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> TrialSpec:
        known = {f.name for f in fields(cls)}
        return cls(**{name: value for name, value in values.items() if name in known})

    @property
    def trial_id(self) -> str:
        """12 hex digits: a hash of everything that can change this trial's numbers, and of nothing else."""
        return _hash({k: v for k, v in self.to_dict().items() if k not in _LABELS})

    @property
    def configuration_id(self) -> str:
        """8 hex digits: the same for all seeds of one configuration."""
        return _hash({k: v for k, v in self.to_dict().items() if k not in (*_LABELS, "seed")})[:8]


def _hash(values: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:12]
