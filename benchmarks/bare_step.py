"""The bare training step, over and over on one batch: what an epoch is measured against."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import torch

from balancing.components.losses.cross_entropy import cross_entropy
from balancing.data.splits import Split, make_split
from benchmarks.common import load
from sweep.training.hardware import evaluation_batch, memory_format
from sweep.training.inputs import SplitImages
from sweep.training.network import new_model
from sweep.training.optimizer import new_optimizer
from sweep.training.step import autocast, training_step

BATCH = 32


def images_and_split(size: int, rows: int | None = None) -> tuple[SplitImages, Split]:
    """The benchmark's images, split as a sweep splits them; ``rows`` keeps the first so many training rows."""
    found = load(size)
    split = make_split(found)
    train = split.train
    if rows is not None:  # evenly, so that both classes stay
        train = train[np.linspace(0, len(train) - 1, min(rows, len(train))).astype(int)]
    view = SplitImages(found.pixels, found.labels, found.class_names, train, split.validation, split.test)
    return view, split


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


def timed(device: torch.device, work: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> float:
    """Seconds of some work by a clock, the device's included."""
    _wait(device)
    began = clock()
    work()
    _wait(device)
    return clock() - began


class Bare:
    """The bare step: one resident batch, nothing else.

    Args:
        size: pixels a side.
        device: where.
        precision: ``float32`` or ``bfloat16``.
        compile_mode: of ``torch.compile``; None runs eagerly.
    """

    def __init__(self, size: int, device: torch.device, precision: str, compile_mode: str | None = None):
        self.device, self.precision = device, precision
        self.layout = memory_format(size, precision, device)
        self.model = new_model(2, 0).to(device).to(memory_format=self.layout)
        self.optimizer = new_optimizer(self.model, 1e-4)
        self.forward = torch.compile(self.model, mode=compile_mode) if compile_mode else self.model
        generator = torch.Generator().manual_seed(0)
        self.batch = self._images(BATCH, size, generator)
        self.evaluated = self._images(evaluation_batch(size, device), size, generator)
        labels = torch.randint(0, 2, (BATCH,), generator=generator)
        self.targets = torch.eye(2)[labels].to(device)

    def _images(self, n: int, size: int, generator: torch.Generator) -> torch.Tensor:
        images = torch.randn(n, 3, size, size, generator=generator)
        return images.contiguous(memory_format=self.layout).to(self.device)

    def train(self, images: int) -> float:
        """Seconds for so many images' worth of steps."""
        self.model.train()

        def work() -> None:
            for _ in range(max(1, images // BATCH)):
                training_step(self.forward, self.optimizer, (self.batch, self.targets), cross_entropy, self.precision)

        return timed(self.device, work) * images / (max(1, images // BATCH) * BATCH)

    def evaluate(self, images: int) -> float:
        """Seconds for so many images' worth of forward passes."""
        self.model.eval()
        n = max(1, round(images / len(self.evaluated)))

        def work() -> None:
            with torch.inference_mode(), autocast(self.device, self.precision):
                for _ in range(n):
                    self.forward(self.evaluated)

        return timed(self.device, work) * images / (n * len(self.evaluated))
