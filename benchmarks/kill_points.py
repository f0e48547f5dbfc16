"""Kills a trial at each rename and each removal of a file, goes on, and compares the end with the undisturbed trial's.

    python -m benchmarks.kill_points

The code of the trial is the product's; the network is a small one and the images are noise, so that hundreds of kills
take minutes. Half of the trials are killed once more while they go on. Needs no Ray.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from torch import nn

from benchmarks.common import show
from sweep.runs.spec import TrialSpec
from sweep.runs.trial_folder import TrialFolder
from sweep.training import checkpoints, trial
from sweep.training.checkpoints import network_fault
from sweep.training.inputs import SplitImages
from sweep.training.network import Trained
from sweep.training.trial import Trial

EPOCHS = 5


class Killed(BaseException):
    """Nothing in the product catches it; what its ``finally`` blocks would still do to files is refused."""


class Small(nn.Module):
    """In place of ResNet18."""

    draws = False

    def __init__(self) -> None:
        super().__init__()
        self.seen, self.decided = nn.Conv2d(3, 4, 3, stride=4), nn.Linear(4, 2)

    def train_parts(self, trained: Trained, **more: Any) -> None:
        self.train()

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.decided(self.seen(images).relu().mean((2, 3)))
        return found


def small(spec: TrialSpec, *given: Any) -> nn.Module:
    """As ``sweep.training.network.new_network``."""
    torch.manual_seed(spec.seed)
    return Small()


class Kills:
    """Counts renames and removals of files, and kills at one of them."""

    def __init__(self, at: int | None):
        self.at, self.count = at, 0

    def around(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*given: Any, **more: Any) -> Any:
            if self.at is not None and self.count >= self.at:
                raise Killed
            self.count += 1
            return real(*given, **more)

        return counted


def noise() -> SplitImages:
    rng = np.random.default_rng(0)
    labels = (np.arange(60) % 2).astype(np.int64)
    pixels = (rng.integers(0, 200, (60, 16, 16)) + 20 * labels[:, None, None]).astype(np.uint8)
    return SplitImages(pixels, labels, ("a", "b"), np.arange(30), np.arange(30, 50), np.arange(50, 60))


def attempt(folder: TrialFolder, spec: TrialSpec, every: int, at: int | None = None) -> int:
    """Trains from where the folder says, killed before its ``at``-th rename or removal; returns how many there were."""
    kills, save = Kills(at), checkpoints.save_last

    def save_last(folder: TrialFolder, model: Any, optimizer: Any, progress: Any, loss: Any) -> None:
        if len(progress.epochs) % every == 0:
            save(folder, model, optimizer, progress, loss)

    with ExitStack() as stack:
        for target, name, value in (
            (trial, "new_network", small),
            (trial, "save_last", save_last),
            (os, "replace", kills.around(os.replace)),
            (Path, "unlink", kills.around(Path.unlink)),
        ):
            stack.enter_context(patch.object(target, name, value))
        stack.enter_context(suppress(Killed))
        Trial(spec, noise(), folder, device=torch.device("cpu")).run(resume_seconds=0)
    return kills.count


def told(folder: TrialFolder) -> tuple[Any, ...]:
    """All that a trial's folder tells of it, but for times."""
    status = folder.status()
    epochs = [{k: v for k, v in e.items() if k not in ("seconds", "images_per_second")} for e in folder.epochs()]
    predictions = folder.predictions("validation").to_numpy().tolist()
    return status["status"], status["best_epoch"], epochs, predictions, folder.fault(), network_fault(folder)


def kill_everywhere(seed: int, every: int) -> tuple[int, int]:
    """Kills at each place, and how many of the trials ended otherwise than the undisturbed one."""
    spec = TrialSpec("baseline", 3e-2, EPOCHS, seed, batch_size=8, image_size=16)
    rng, other = np.random.default_rng([seed, every]), 0
    with tempfile.TemporaryDirectory() as work:
        whole = TrialFolder(Path(work) / "whole")
        places = attempt(whole, spec, every)
        for place in range(places):
            folder = TrialFolder(Path(work) / str(place))
            attempt(folder, spec, every, place)
            if place % 2:
                attempt(folder, spec, every, int(rng.integers(12)))
            if folder.fault():
                attempt(folder, spec, every)
            other += told(folder) != told(whole)
    return places, other


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--every", default="1,2,4", help="epochs between two files to go on from")
    given = parser.parse_args(arguments)
    torch.set_num_threads(1)
    rows = []
    for every in map(int, given.every.split(",")):
        found = [kill_everywhere(seed, every) for seed in range(given.seeds)]
        rows.append([every, sum(places for places, _ in found), sum(other for _, other in found)])
    show(
        f"A trial of {EPOCHS} epochs killed at each rename and removal of a file; of each of {given.seeds} seeds",
        ["epochs between two files to go on from", "kills", "ended otherwise than undisturbed"],
        rows,
    )


if __name__ == "__main__":
    main()
