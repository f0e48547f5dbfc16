"""A run's own images: whether these are they, and which of them belong to which part."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from balancing.errors import UserError
from sweep.analysis.results import Results

if TYPE_CHECKING:
    from balancing.data.images import ImageSet


def check_images(run: Results, images: ImageSet) -> None:
    """Raises UserError where the images are not those of the run."""
    expected = run.info["data"]["fingerprint"]
    if images.fingerprint != expected:
        raise UserError(
            f"the images of {images.source} have fingerprint {images.fingerprint}, but the run used {expected}; give "
            f"the run's own data ({run.info['data']['source']}) at its image size"
        )


def part_rows(run: Results, part: str) -> np.ndarray:
    """(n,) int64, the rows of ``train``, ``validation`` or ``test``, in order."""
    split = run.split()
    return split.loc[split["split"] == part, "row"].to_numpy(dtype=np.int64)


def is_phantom(run: Results) -> bool:
    """Whether the run's images are the built-in drawings; not told of plain arrays."""
    if not run.is_of_run:
        return False
    source = str(run.info["data"]["source"])
    return source.split(":")[0].split("@")[0] == "phantom"
