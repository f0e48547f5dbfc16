"""What a run's frozen body makes of its images: as kept beside them, or made again by the run folder's body."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING

import numpy as np

from sweep.analysis.results import Results
from sweep.runs.folds import whole_path
from sweep.runs.run import Run
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

    from sweep.training.frozen.extract import Eye, Looks, all_cores
    from sweep.training.frozen.joining import load_body
    from sweep.training.frozen.store import key_of, store_of
    from sweep.training.hardware import on_device
    from sweep.training.vectors import Vectors

    kind = "cuda" if torch.cuda.is_available() else "cpu"

    def made() -> Generator[np.ndarray]:
        device = torch.device(kind)
        eye = Eye(load_body(run.path), on_device(images.pixels, device), spec, device)
        with all_cores():
            yield from eye.vectors(Looks.at_all(len(images)))

    store = store_of(images.pixels_path, whole_path(Run(run.path)))  # where trials found them, or left them
    stored = store.opened(key_of(spec, kind), len(images), made)
    return Vectors.of(stored.rows, run.rows_of("train"))
