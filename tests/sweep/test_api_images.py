"""What was given is what trains: an image set that was changed after it was read is refused, or said."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from balancing.data.images import ImageSet
from balancing.errors import UserError
from sweep.api import _config

N = 120


@pytest.fixture
def images() -> ImageSet:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (N, 16, 16), dtype=np.uint8)
    return ImageSet.from_arrays(pixels, np.arange(N) % 3 // 2, patients=np.arange(N) // 2)


def changed(images: ImageSet, what: str) -> ImageSet:
    changes: dict[str, Any] = {
        "labels": {"labels": 1 - images.labels},
        "class names": {"class_names": images.class_names[::-1]},
        "pixels": {"pixels": np.array(images.pixels)[::-1]},
        "fewer": {
            name: getattr(images, name)[: N // 2]
            for name in ("pixels", "labels", "names", "splits", "patients", "sha256")
        },
    }
    return replace(images, **changes[what])


@pytest.mark.parametrize("what", ["labels", "class names", "pixels", "fewer"])
def test_an_image_set_that_was_changed_is_refused(images: ImageSet, what: str) -> None:
    with pytest.raises(UserError, match="make it anew by"):
        _config(changed(images, what), None, "quick", {})
    assert _config(images, None, "quick", {}).data.source == images.source


def test_a_files_way_of_reading_does_not_override_a_given_image_set(images: ImageSet, tmp_path: Path) -> None:
    file = tmp_path / "own.yaml"
    file.write_text("data: {patient_pattern: '^(.)', skip_bad: true}\ntrain: {weights: none}\n")
    config = _config(images, None, str(file), {})
    assert (config.data.patient_pattern, config.data.skip_bad) == (None, False)
