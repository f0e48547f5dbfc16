"""Image sets that a program holds, as settings by which trials read the same again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from balancing.data.images import ImageSet, Reading, load_images
from balancing.errors import UserError
from sweep.config.sections import DataConfig


def settings_of(images: ImageSet, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration of an image set that was read before: trials and a resume read it again in the same way.

    Raises:
        UserError: it can't be, or settings ask for another reading.
    """
    again = None
    if images.reading is not None:
        again = load_images(images.source, image_size=images.image_size, **images.reading)
    if again is None or not _equal(images, again):
        raise UserError(
            f"the image set is not what {images.source} gives when it is read again, as trials do; make it anew by "
            "balancing.ImageSet.from_arrays(images.pixels, images.labels, patients=..., splits=...)"
        )
    known = sorted(Reading.__optional_keys__)
    usual = {name: DataConfig.model_fields[name].get_default(call_default_factory=True) for name in known}
    reading: dict[str, Any] = {**usual, **(images.reading or {}), "image_size": images.image_size}
    if reading["positive"] is None:
        del reading["positive"]  # no finding that made classes: which one is looked for may still be said
    for name, value in settings.items():
        if name in reading and value != reading[name]:
            raise UserError(f"{name}={value!r} is a matter of how the images are read; give it to load_images")
    return {f"data.{name}": value for name, value in {**reading, "source": images.source}.items()}


def _equal(one: ImageSet, other: ImageSet) -> bool:
    """Whether two image sets train alike; their fingerprints are of when they were read, not of what they hold now."""
    return (
        one.fingerprint == other.fingerprint
        and one.class_names == other.class_names
        and (one.patients is None) == (other.patients is None)
        and all(
            np.array_equal(getattr(one, name), getattr(other, name))
            for name in ("labels", "names", "splits", *(["patients"] if one.patients is not None else []))
        )
        and (_same_file(one.pixels, other.pixels) or np.array_equal(one.pixels, other.pixels))
    )


def _same_file(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether both are one file, mapped for reading alone."""
    mapped = [pixels for pixels in (one, other) if isinstance(pixels, np.memmap) and not pixels.flags.writeable]
    return len(mapped) == 2 and mapped[0].filename == mapped[1].filename and one.shape == other.shape
