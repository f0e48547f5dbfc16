"""Small trials: images of 16 pixels a side and few of them; the network is the real one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from balancing.components.techniques import get_technique
from sweep.runs.spec import TrialSpec
from sweep.runs.trial_folder import TrialFolder
from sweep.training import trial
from sweep.training.inputs import SplitImages
from sweep.training.network import State, restore
from sweep.training.trial import Report, Trial

CPU = torch.device("cpu")
SIZE = 16
# What an epoch says about the computer, not about the trial.
CLOCKS = ("seconds", "images_per_second")


def make_images(
    *, train: tuple[int, ...] = (14, 8), held_out: int = 3, colour: bool = False, seed: int = 0, signal: int = 0
) -> SplitImages:
    """Noise, brighter by ``signal`` in each next class; parts are shuffled among each other.

    Args:
        train: training images of each class.
        held_out: images of each class in validation, and in test.
    """
    rng = np.random.default_rng(seed)
    n_classes = len(train)
    counts = [count + 2 * held_out for count in train]
    labels = np.repeat(np.arange(n_classes), counts)
    parts = np.concatenate([np.repeat([0, 1, 2], [count, held_out, held_out]) for count in train])
    order = rng.permutation(len(labels))
    labels, parts = labels[order], parts[order]
    shape = (len(labels), SIZE, SIZE, 3) if colour else (len(labels), SIZE, SIZE)
    low = signal * labels.reshape(-1, *[1] * (len(shape) - 1))
    pixels = (low + rng.integers(0, 256 - signal * (n_classes - 1), size=shape)).astype(np.uint8)
    rows = [np.flatnonzero(parts == part) for part in range(3)]
    names = tuple(f"class-{label}" for label in range(n_classes))
    return SplitImages(pixels, labels.astype(np.int64), names, *rows)


def make_spec(technique: str = "baseline", **options: Any) -> TrialSpec:
    values: dict[str, Any] = {"lr": 1e-3, "epochs": 2, "seed": 3, "batch_size": 8, "image_size": SIZE}
    parameters = {"k_neighbors": 3} if "smote" in technique else {}
    values["components"] = get_technique(technique).components
    return TrialSpec(technique, parameters=parameters, **{**values, **options})


def run_trial(
    spec: TrialSpec,
    images: SplitImages,
    folder: TrialFolder,
    *,
    start: State | None = None,
    report: Report = lambda epoch: None,
    resume_seconds: float = 30.0,
) -> str:
    return Trial(spec, images, folder, device=CPU, start=start).run(report, resume_seconds)


def numbers_of(folder: TrialFolder) -> list[dict[str, Any]]:
    """The epochs without what the clock says."""
    return [{k: v for k, v in epoch.items() if k not in CLOCKS} for epoch in folder.epochs()]


def weights_of(folder: TrialFolder) -> dict[str, torch.Tensor]:
    return restore(folder.best)[0].state_dict()


def assert_same_weights(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> None:
    assert a.keys() == b.keys()
    for name in a:
        assert torch.equal(a[name], b[name]), name


def assert_same_trial(a: TrialFolder, b: TrialFolder) -> None:
    """Bitwise: epochs, best epoch, its network and its predictions."""
    assert numbers_of(a) == numbers_of(b)
    assert a.status()["status"] == b.status()["status"]
    assert a.status()["best_epoch"] == b.status()["best_epoch"]
    assert_same_weights(weights_of(a), weights_of(b))
    assert a.predictions("validation").equals(b.predictions("validation"))


class Interrupted(Exception):
    pass


def interrupt_after(last: int) -> Any:
    def report(numbers: dict[str, Any]) -> None:
        if numbers["epoch"] == last:
            raise Interrupted

    return report


def poisoned(images: SplitImages, part: str) -> SplitImages:
    """The same images, but for one part: garbage pixels and labels that no class has."""
    pixels, labels = images.pixels.copy(), images.labels.copy()
    rows = images.part(part)
    pixels[rows] = 255 - pixels[rows][:, ::-1]
    labels[rows] = -(10**6)
    return replace(images, pixels=pixels, labels=labels)


def scripted(monkeypatch: pytest.MonkeyPatch, values: list[float]) -> None:
    """Makes the metric of epoch e say values[e - 1]."""
    real, left = trial.evaluate, iter(values)
    monkeypatch.setattr(trial, "evaluate", lambda *given: {**real(*given), "balanced_accuracy": next(left)})
