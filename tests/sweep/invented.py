"""Results of plain arrays with known truth: techniques that are better, alike, shifted, or too noisy to tell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from sweep.analysis.results import Results


class Skill(NamedTuple):
    """How a technique differs from the baseline.

    Args:
        better: of the distance between the classes' mean logits.
        shift: of all logits towards the positive class: decisions move, ranks don't.
        spread: standard deviation of ``better`` over seeds.
        sharper: logits times this: probabilities change, decisions and ranks don't.
    """

    better: float = 0.0
    shift: float = 0.0
    spread: float = 0.02
    sharper: float = 1.0


def _probabilities(logits: np.ndarray) -> np.ndarray:
    positive = 1 / (1 + np.exp(-logits))
    return np.stack([1 - positive, positive], axis=1)


def invented(
    skills: Mapping[str, Skill], *, seeds: int = 5, per_class: int = 300, noise: float = 0.3, tilt: float = 0.0
) -> Results:
    """Two classes, one image a patient; every network reads an image alike but for ``noise`` of its own.

    Args:
        skills: of techniques beside the baseline.
        per_class: test images of each class; half as many validate.
        tilt: of the baseline's logits, and so of all: below 0 the positive class is called too rarely.
    """
    rng = np.random.default_rng(0)
    parts = {"test": np.repeat([0, 1], per_class), "validation": np.repeat([0, 1], per_class // 2)}
    shared = {part: rng.normal(0, 1, len(labels)) for part, labels in parts.items()}
    found: dict[str, dict[str, np.ndarray]] = {"test": {}, "validation": {}}
    for technique, skill in {"baseline": Skill(), **skills}.items():
        gains = rng.normal(skill.better, skill.spread, seeds)
        for part, labels in parts.items():
            own = [
                (1 + gain) * (2 * labels - 1) + shared[part] + noise * rng.normal(0, 1, len(labels)) + tilt
                for gain in gains
            ]
            found[part][technique] = np.stack([_probabilities(skill.sharper * (z + skill.shift)) for z in own])
    return Results.from_predictions(
        parts["test"],
        found["test"],
        class_names=("well", "ill"),
        positive="ill",
        validation=(parts["validation"], found["validation"]),
    )
