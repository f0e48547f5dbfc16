"""Small real runs: networks that were trained, on brightness and noise, so that records and networks agree."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import sweep
from balancing.data.images import ImageSet
from sweep.analysis.results import Results
from sweep.reports import add_decisions
from sweep.runs.run import Run
from tests.golden.kinds import WEIGHTS

SIZE = 32
_SETTINGS: dict[str, Any] = {"seeds": 2, "epochs": 2, "batch_size": 16, "lr": 0.001, "precision": "float32"}
_FROZEN = {"network": "frozen", "weights": str(WEIGHTS), "lr": 0.03}


@dataclass(frozen=True)
class Small:
    """A finished run of baseline and undersampling, two seeds.

    Args:
        kind: ``whole``, ``frozen`` or ``three classes``.
        images: the run's own.
        cache: where they are read from.
    """

    kind: str
    run: Run
    images: ImageSet
    cache: Path

    @cached_property
    def results(self) -> Results:
        return Results(self.run)


def noisy(n_classes: int, n: int = 240) -> ImageSet:
    """Grey noise, a little brighter in each next class; the second class is the rarest."""
    rng = np.random.default_rng(0)
    shares = np.array([3, 1, 2][:n_classes])
    labels = rng.choice(n_classes, n, p=shares / shares.sum())
    pixels = np.clip(rng.normal(90 + 20 * labels[:, None, None], 60, (n, SIZE, SIZE)), 0, 255)
    shade = rng.normal(0, 12, n)[:, None, None]  # by which some are told wrong
    given = np.clip(pixels + shade, 0, 255).astype(np.uint8)
    return ImageSet.from_arrays(given, labels, patients=np.arange(n) // 2)


def small_run(folder: Path, kind: str = "whole", decisions: Sequence[str] = ()) -> Small:
    """Trains it in ``folder``."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("BALANCING_ACT_CACHE", str(folder / "cache"))
        images = noisy(3 if kind == "three classes" else 2)
        own = _FROZEN if kind == "frozen" else {}
        names = ["baseline", "undersampling"]
        made = sweep.compare(images, names, executor="local", out=folder / "run", **_SETTINGS | own)
        run = Run(made.path)
        if decisions:
            add_decisions(run, [f"baseline+{name}" for name in (*decisions, "em_prior")])
    return Small(kind, run, images, folder / "cache")


def own_run(run: Run, folder: Path) -> Run:
    """A copy that may be changed."""
    return Run(Path(shutil.copytree(run.path, folder / "copy")))


def as_files(pixels: np.ndarray, folder: Path) -> list[Path]:
    """Each of (N, S, S) uint8 pixels as a PNG of exactly that size, by number."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{number:04}.png" for number in range(len(pixels))]
    for path, image in zip(paths, pixels, strict=True):
        Image.fromarray(image).save(path)
    return paths
