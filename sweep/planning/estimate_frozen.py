"""What a sweep of heads on a frozen network will cost: one pass of all images and the heads, measured on a few."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

from sweep.planning.bundles import cost_of, groups_of
from sweep.planning.prepare import SweepInputs
from sweep.runs.spec import TrialSpec
from sweep.runs.trial_folder import TrialFolder
from sweep.training.frozen.extract import body_of, vectors_of
from sweep.training.hardware import on_device
from sweep.training.inputs import SplitImages
from sweep.training.many.fitting import fits
from sweep.training.many.rows import Standard
from sweep.training.many.together import train_together
from sweep.training.trial import Trial
from sweep.training.vectors import Vectors

_IMAGES = 16
_EPOCHS = 4
# Seconds that a trial's records take, on an idle disk.
_RECORDS = 0.05


@dataclass(frozen=True)
class FrozenCost:
    """What was measured, and what follows.

    Args:
        images_per_second: of the pass through the body.
        epochs_per_second: of one head on all rows, in plain training.
        images_seconds: of the pass of all images.
        heads_seconds: of all heads, one after the other, with their records.
    """

    images_per_second: float
    epochs_per_second: float
    images_seconds: float
    heads_seconds: float


def estimate_frozen(specs: Sequence[TrialSpec], inputs: SweepInputs, device: torch.device) -> FrozenCost:
    """The cost of a frozen network's sweep, from a few images and a few epochs measured here.

    Args:
        specs: its trials.
        device: where a trial would train.
    """
    assert inputs.start is not None
    images, split, spec = inputs.images, inputs.split, specs[0]
    some = on_device(np.ascontiguousarray(images.pixels[: _IMAGES + 1]), torch.device("cpu"))
    body = body_of(spec, inputs.start)
    vectors_of(body, some[:1], spec, torch.device("cpu"))  # what a first pass prepares
    began = time.perf_counter()
    vectors = vectors_of(body, some[1:], spec, torch.device("cpu"))
    images_per_second = max(1, len(some) - 1) / (time.perf_counter() - began)
    # Which numbers the vectors hold changes no time.
    drawn = np.random.default_rng(0).normal(size=(len(images), vectors.shape[1])).astype(np.float32)
    view = SplitImages(images.pixels, images.labels, images.class_names, split.train, split.validation, split.test)
    view = replace(view, vectors=Vectors.of(drawn, split.train))
    groups = groups_of(specs, {each.trial_id for each in specs}, images.n_classes)
    plain = replace(spec, technique="baseline", parameters={}, components={}, epochs=_EPOCHS)
    epochs_per_second = _heads(plain, len(groups[0].planned), view, device)
    seen = len(images) + spec.views * len(split.train)
    return FrozenCost(
        images_per_second,
        epochs_per_second,
        images_seconds=seen / images_per_second,
        heads_seconds=sum(cost_of(group) for group in groups) / epochs_per_second + _RECORDS * len(specs),
    )


def _heads(spec: TrialSpec, seeds: int, images: SplitImages, device: torch.device) -> float:
    """Epochs a second of one head: of plain training, among as many as there are seeds where they train at once."""
    with TemporaryDirectory(prefix="sweep-plan-") as name:
        if not fits(spec) or spec.batch_size < len(images.train):
            trial = Trial(spec, images, TrialFolder(Path(name) / "one"), device=device, held=True)
            trial.restore()
            trial.epoch()
            began = time.perf_counter()
            trial.epoch()
            return 1 / (time.perf_counter() - began)
        specs = [replace(spec, seed=seed) for seed in range(seeds)]
        folders = {each.trial_id: TrialFolder(Path(name) / each.trial_id) for each in specs}
        clock = [0.0]
        train_together(
            specs, folders, images, Standard.of(images, device), check=lambda: clock.append(time.perf_counter())
        )
        return seeds * (_EPOCHS - 1) / (clock[-1] - clock[1])
