"""A run of nine images, without trials."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from balancing.data.images import BadImage, ImageSet
from balancing.data.splits import Split
from balancing.metrics import evaluate
from sweep.config.config import Config
from sweep.runs.run import Run

SPLIT = Split(np.array([0, 2, 4, 6]), np.array([1, 5]), np.array([3, 7]))


def image_set(patients: bool = True) -> ImageSet:
    n = 9  # row 8 is in no part
    labels = np.array([0, 0, 1, 1, 1, 1, 0, 0, 1])
    return ImageSet(
        pixels=np.zeros((n, 4, 4), dtype=np.uint8),
        labels=labels,
        class_names=("NORMAL", "PNEUMONIA"),
        splits=np.array(["train"] * 5 + ["validation"] + ["test"] * 3),
        names=np.array([f"röntgen-{i}.png" for i in range(n)]),
        patients=np.array([f"p{i // 2}" for i in range(n)]) if patients else None,
        sha256=np.array([f"{i:064x}" for i in range(n)]),
        widths=np.full(n, 10),
        heights=np.full(n, 10),
        channels=np.ones(n, dtype=np.int64),
        masks_path=None,
        source="some/where",
        fingerprint="f" * 64,
        pixels_path=Path("pixels.npy"),
        bad=(BadImage("torn.png", "cut off"),),
    )


def make_run(path: Path, **other: Any) -> Run:
    options = {
        "config_yaml": Config().to_yaml(),
        "images": image_set(),
        "split": SPLIT,
        "positive": 1,
        "notes": ["a note"],
    }
    return Run.create(path, **{**options, **other})


def epoch_numbers(epoch: int, value: float, labels: np.ndarray | None = None) -> dict[str, Any]:
    labels = np.array([0, 1]) if labels is None else labels
    numbers = evaluate(labels, np.eye(2)[labels], 1)
    speed = {"train_loss": 0.5, "images": 4, "images_per_second": 10.0 * epoch, "seconds": 2.0}
    return {"epoch": epoch, **numbers, **speed, "recall": value}
