"""A small run of folds: behind a frozen network, on drawings."""

from __future__ import annotations

from typing import Any

from sweep.config.config import Config, build_config
from tests.golden.kinds import WEIGHTS

K = 3
FILE: dict[str, Any] = {
    "data": {"source": "phantom", "image_size": 32, "phantom_images": 300, "folds": K},
    "space": {
        "techniques": ["baseline", "undersampling", "baseline+threshold"],
        "lr": [0.01, 0.03], "epochs": 2, "seeds": 2, "batch_size": 64,
    },
    "train": {"network": "frozen", "weights": str(WEIGHTS), "resume_seconds": 0},
}  # fmt: skip
TRIALS = 2 * 2 * 2  # of each fold: two techniques that train, two learning rates, two seeds


def folded(**changes: Any) -> Config:
    """FILE with other values, ``section__key``."""
    return build_config(FILE, {key.replace("__", "."): value for key, value in changes.items()})
