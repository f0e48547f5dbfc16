"""What a network starts from. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Start:
    """Starting weights, and what goes with them.

    Args:
        state: tensors of the body by their names in ``build``'s networks; None where nothing is pretrained.
        name: for a trial's id: ``none``, ``imagenet`` or ``sha256:...``.
        mean, std: of pixels in [0, 1], as these weights were trained: what ``train.mean: auto`` stands for.
        stem: how a ResNet18 with these weights begins; None where there is no state.
    """

    state: Mapping[str, Any] | None = None
    name: str = "none"
    mean: float | tuple[float, ...] = 0.5
    std: float | tuple[float, ...] = 0.5
    stem: str | None = None
