"""A run's own images: whether these are they, and whether they are drawings."""

from __future__ import annotations

from typing import TYPE_CHECKING

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


def is_phantom(run: Results) -> bool:
    """Whether the run's images are the built-in drawings; not told of plain arrays."""
    if not run.is_of_run:
        return False
    source = str(run.info["data"]["source"])
    return source.split(":")[0].split("@")[0] == "phantom"
