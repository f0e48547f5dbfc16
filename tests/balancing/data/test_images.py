"""load_images as a whole: the phantom, what a word means, the positive class, and what is imported."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from balancing.data.images import load_images
from balancing.data.phantom import Phantom
from balancing.data.splits import make_split
from balancing.errors import UserError


def test_the_phantom_through_the_cache(tmp_path: Path) -> None:
    images = load_images("phantom", image_size=24, phantom_images=96, phantom_seed=5, cache_dir=tmp_path)
    phantom = Phantom(96, 24, 5)
    np.testing.assert_array_equal(images.pixels, np.stack(list(phantom.images())))
    assert images.masks_path is not None
    masks = np.load(images.masks_path, mmap_mode="r")
    np.testing.assert_array_equal(masks, np.stack(list(phantom.masks())))
    assert images.class_names == ("clear", "lesion")
    assert images.patients is not None
    assert images.patients.tolist() == phantom.patients
    assert images.names.tolist() == phantom.names
    assert "drawings, not patients" in images.notes[0]
    other = load_images("phantom", image_size=24, phantom_images=96, phantom_seed=6, cache_dir=tmp_path)
    assert other.fingerprint != images.fingerprint


def test_the_phantoms_own_splits_are_used() -> None:
    images = load_images("phantom", image_size=16)
    split = make_split(images)
    for name, rows in (("train", split.train), ("validation", split.validation), ("test", split.test)):
        np.testing.assert_array_equal(rows, np.flatnonzero(images.splits == name))
    assert not any("Leak" in note for note in split.notes)


@pytest.mark.parametrize(
    ("source", "options", "sentence"),
    [
        ("./nothing", {}, r"no such path: \./nothing \(looked in "),
        ("~/no/such/folder", {}, "no such path"),
        ("a/b/c", {}, "no such path"),
        ("xrays.zip", {}, "no such path"),
        ("folder/", {}, "no such path"),
        ("C:\\xrays", {}, "no such path"),
        ("two words", {}, "is neither 'phantom', nor a path that exists, nor a Hub id such as"),
        ("", {}, "is neither 'phantom', nor a path"),
        ("a/b@", {}, "is neither 'phantom', nor a path"),
        ("a/b@c@d", {}, "is neither 'phantom', nor a path"),
        ("a/b@c d", {}, "is neither 'phantom', nor a path"),
        (os.devnull, {}, "is a device, a pipe or a socket"),
        ("phantm", {}, "unknown data 'phantm'; did you mean 'phantom'"),
        ("phantom", {"image_size": 4}, r"image_size must be a whole number in 8\.\.2048, but is 4"),
        ("phantom", {"image_size": 64.0}, "image_size must be a whole number"),
        ("phantom", {"phantom_images": 5}, "phantom_images must be a whole number of at least 48, but is 5"),
        ("phantom", {"label_column": "x"}, "the phantom has no columns, but --label-column x was given; remove it"),
    ],
)
def test_what_is_no_data(source: str, options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        load_images(source, **options)


def test_importing_loads_no_framework() -> None:
    """The data side stands alone: nothing heavy before it is needed."""
    program = (
        "import sys, balancing.data.images, balancing.data.splits\n"
        "balancing.data.images.load_images('phantom', image_size=16, phantom_images=48)\n"
        "heavy = {'ray', 'datasets', 'pydantic', 'torch', 'sweep', 'huggingface_hub'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("source", [None, 5, b"phantom"])
def test_what_is_no_source_is_refused(source: Any) -> None:
    with pytest.raises(UserError, match="source must be 'phantom', a path or a Hub id"):
        load_images(source)
