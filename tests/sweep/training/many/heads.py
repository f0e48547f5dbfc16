"""Heads on a few vectors, trained by ``Trial`` and together."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from balancing.components.techniques import get_technique
from sweep.runs.spec import TrialSpec
from sweep.runs.trial_folder import TrialFolder
from sweep.training.attempt import begin_attempt
from sweep.training.inputs import SplitImages
from sweep.training.many import train_together
from sweep.training.many_rows import Standard
from sweep.training.vectors import Vectors
from tests.sweep.training.small import CPU


def make_vectors(
    *, train: tuple[int, ...] = (60, 25), held_out: int = 9, dimensions: int = 12, seed: int = 0
) -> SplitImages:
    """Classes that lie apart by about their width; the pixels, of which nothing is asked, are black."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(len(train)), np.array(train) + 2 * held_out)
    rng.shuffle(labels)
    centres = rng.normal(size=(len(train), dimensions))
    rows = (centres[labels] * 0.6 + rng.normal(size=(len(labels), dimensions)) * 1.5 + 3).astype(np.float32)
    parts: dict[str, list[int]] = {"validation": [], "test": [], "train": []}
    for label in range(len(train)):
        own = np.flatnonzero(labels == label).tolist()
        parts["validation"] += own[:held_out]
        parts["test"] += own[held_out : 2 * held_out]
        parts["train"] += own[2 * held_out :]
    split = {name: np.sort(np.array(found)) for name, found in parts.items()}
    return SplitImages(
        np.zeros((len(labels), 2, 2), dtype=np.uint8),
        labels.astype(np.int64),
        tuple(f"class {label}" for label in range(len(train))),
        split["train"],
        split["validation"],
        split["test"],
        vectors=Vectors.of(rows, split["train"]),
    )


def specs_of(technique: str, seeds: int = 3, **more: Any) -> list[TrialSpec]:
    """The seeds of one configuration; an epoch is one step on all rows."""
    known = {"lr": 0.05, "epochs": 6, "batch_size": 4096, "network": "frozen:resnet18", "positive": 1, **more}
    parameters = get_technique(technique).complete(known.pop("parameters", {}))
    return [
        TrialSpec(technique=technique, seed=seed + 1, seed_index=seed, parameters=parameters, **known)
        for seed in range(seeds)
    ]


def together(
    specs: Sequence[TrialSpec], images: SplitImages, path: Path, train: Sequence[int] | None = None, **more: Any
) -> dict[int, Any]:
    """Trains some of the planned seeds at once; returns by number how each ended."""
    at = range(len(specs)) if train is None else train
    folders = {specs[number].trial_id: TrialFolder(path / specs[number].trial_id) for number in at}
    for folder in folders.values():
        begin_attempt(folder)
    found = train_together(specs, folders, images, Standard.of(images, CPU), **more)
    return {number: found[specs[number].trial_id] for number in at}
