"""Before heads train: all images go through the frozen body once."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from sweep.planning.prepare import SweepInputs
from sweep.runs.run import Run
from sweep.training.frozen.extract import body_of, extract
from sweep.training.frozen.joining import save_body
from sweep.training.hardware import on_device
from sweep.training.vectors import Vectors

if TYPE_CHECKING:
    from sweep.config.config import Config


def with_vectors(run: Run, config: Config, inputs: SweepInputs, say: Callable[[str], None]) -> SweepInputs:
    """The inputs with what a frozen body makes of the images; as they are where no body is frozen."""
    if not config.network.frozen:
        return inputs
    assert inputs.start is not None
    path = run.path / "vectors.npy"
    save_body(run.path, config.train.network, inputs.start, run.guard)
    if not path.exists():
        spec = inputs.specs(config)[0]
        say(f"Looking at {len(inputs.images):,} images through {config.network.architecture}, once ...")
        pixels = on_device(inputs.images.pixels, torch.device("cpu"))
        found = extract(body_of(spec, inputs.start), pixels, spec, torch.device("cpu"))
        new = path.with_name(f".{path.name}.{os.getpid()}.00000000")
        with new.open("wb") as file:
            np.save(file, found, allow_pickle=False)
        os.replace(new, path)
    rows = np.load(path, mmap_mode="r", allow_pickle=False)
    return replace(inputs, vectors=Vectors.of(rows, inputs.split.train), vectors_path=path)
