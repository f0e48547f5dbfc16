"""A frozen body of random weights, in a run folder of its own, and trials that stand behind it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from balancing.components.plans import TrainingPlan
from sweep.runs.spec import TrialSpec
from sweep.training.frozen.extract import Eye, Looks
from sweep.training.frozen.joining import save_body
from sweep.training.inputs import SplitImages, to_input
from sweep.training.network import new_model
from sweep.training.networks.base import Network
from sweep.training.vectors import Source, Vectors
from tests.sweep.training.small import CPU, make_images, make_spec


def body() -> Network:
    return new_model(1, 5).eval()


def frozen_spec(technique: str = "baseline", **options: Any) -> TrialSpec:
    return make_spec(technique, **{"network": "frozen:resnet18", "weights": "sha256:0", "data": "d", **options})


def eye(pixels: np.ndarray, spec: TrialSpec | None = None) -> Eye:
    return Eye(body(), torch.from_numpy(pixels), spec or frozen_spec(), CPU)


def vectors_of(pixels: np.ndarray) -> np.ndarray:
    """(N, D) float32, by the body alone: of (N, ...) pixels in 0..255, of any type."""
    with torch.inference_mode():
        return body().features(to_input(torch.from_numpy(pixels).float(), 0.5, 0.5)).numpy()


def all_rows(of: Eye, looks: Looks) -> np.ndarray:
    return np.concatenate(list(of.vectors(looks)))


def plan_of(*rows: tuple[int, int, float]) -> TrainingPlan:
    """Of (base, mate, weight) each."""
    base, mate, weight = (np.array(values) for values in zip(*rows, strict=True))
    return TrainingPlan(base, mate, weight.astype(np.float64), np.zeros(len(base), dtype=np.int64))


def images_behind(folder: Path, **options: Any) -> SplitImages:
    """Small images that a frozen body has looked at, whose run folder and store are in ``folder``."""
    images = make_images(**options)
    state = {name: value for name, value in body().state_dict().items() if not name.startswith("fc.")}
    save_body(folder, "frozen:resnet18", state)
    rows = all_rows(eye(images.pixels), Looks.at_all(len(images.pixels)))
    source = Source(str(folder), str(folder / "vectors"))
    return replace(images, vectors=Vectors.of(rows, images.train, source))
