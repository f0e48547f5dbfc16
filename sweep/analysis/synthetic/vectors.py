"""What a run's frozen body makes of its images, read or made again from the run folder alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sweep.analysis.results import Results
from sweep.runs.spec import TrialSpec

if TYPE_CHECKING:
    from balancing.data.images import ImageSet
    from sweep.training.vectors import Vectors


def vectors_of(run: Results, images: ImageSet, spec: TrialSpec) -> Vectors:
    """Those that a trial of the run trained on.

    Args:
        images: the run's own.
        spec: of the trial, behind a frozen body.
    Raises:
        UserError: the run's body is missing or damaged.
    """
    import torch

    from sweep.training.frozen.extract import extract
    from sweep.training.frozen.joining import load_body
    from sweep.training.hardware import on_device
    from sweep.training.vectors import Vectors

    path, cpu = run.path / "vectors.npy", torch.device("cpu")
    if path.is_file():
        rows = np.load(path, mmap_mode="r", allow_pickle=False)
    else:
        rows = extract(load_body(run.path), on_device(images.pixels, cpu), spec, cpu)
    return Vectors.of(rows, run.rows_of("train"))
