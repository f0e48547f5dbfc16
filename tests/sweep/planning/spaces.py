"""Search spaces as the tests write them, and the trials they come to."""

from __future__ import annotations

from typing import Any

from balancing.components.named import STUDY
from sweep.config.config import Config, build_config, parse_assignment
from sweep.hyperparameters import HYPERPARAMETERS
from sweep.planning.space import trial_specs
from sweep.runs.spec import TrialSpec

ALL = list(STUDY)
RANGES = (
    "space.lr=1e-4..1e-2",
    "space.epochs=3..10",
    "space.strength=0.1..1",
    "space.batch_size=8..64",
    "space.weight_decay=1e-6..1e-2",
)
SHARED = [shared.name for shared in HYPERPARAMETERS]


def config_of(*assignments: str) -> Config:
    return build_config({}, dict(parse_assignment(text) for text in assignments))


def specs_of(*assignments: str, **fixed: Any) -> list[TrialSpec]:
    return trial_specs(config_of(*assignments), **fixed)
