"""The phantom's images as they were recorded, on any processor.

A drawing is float32, then rounded to 256 greys. Where its brightness lies all but halfway between two greys, the last
bits decide, and those hang on which of numpy's kernels the processor can run: of the 300 drawings of 32 pixels a side,
one pixel differs between AVX2 and AVX512, of those of 48 pixels one too. ``data/halfway.json`` holds, by size, every
pixel whose brightness lies within ``NEAR`` of halfway (kernels move it by 0.00015 at most), the grey that it had where
the runs were recorded, and the fingerprint of all. Every other pixel must be what is drawn here.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from balancing.data.cache import content_fingerprint
from balancing.data.images import load_images
from balancing.data.phantom import CLASS_NAMES, Phantom
from tests.golden.compare import recorded

IMAGES = 300  # of every golden run
SIZES = (32, 48)
NEAR = 0.001  # grey levels


def fingerprint(pixels: np.ndarray) -> str:
    """Of (300, S, S) uint8 drawings, as a run records it."""
    sha256 = hashlib.sha256(pixels.tobytes()).hexdigest()
    return content_fingerprint(pixels.shape, sha256, CLASS_NAMES, Phantom(IMAGES, pixels.shape[1]).labels)


def halfway(size: int) -> dict[str, Any]:
    """What ``record`` keeps of the drawings made here."""
    levels: list[np.ndarray] = []
    with pytest.MonkeyPatch.context() as patch:
        rounded = np.round
        patch.setattr(np, "round", lambda values: levels.append(values) or rounded(values))
        pixels = np.stack(list(Phantom(IMAGES, size).images()))
    places = np.flatnonzero(np.abs(np.stack(levels).astype(float) % 1 - 0.5) < NEAR)
    return {
        "fingerprint": fingerprint(pixels),
        "places": places.tolist(),
        "greys": pixels.flat[places].tolist(),
    }


def drawn_as_recorded(size: int) -> np.ndarray:
    """(300, size, size) uint8.

    Raises:
        AssertionError: the drawing is another, by more than the last bits.
    """
    kept = recorded("halfway")[str(size)]
    pixels = np.stack(list(Phantom(IMAGES, size).images()))
    off = pixels.flat[kept["places"]].astype(int) - kept["greys"]
    assert np.abs(off).max() <= 1, "the phantom's drawing has changed"
    pixels.flat[kept["places"]] = kept["greys"]
    assert fingerprint(pixels) == kept["fingerprint"], "the phantom's drawing has changed"
    return pixels


def fill(cache: Path) -> Path:
    """Puts the recorded drawings into a cache of decoded images, where sweeps find them in place of their own."""
    for size in SIZES:
        pixels = drawn_as_recorded(size)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Phantom, "images", lambda self, pixels=pixels: iter(pixels))
            load_images("phantom", image_size=size, phantom_images=IMAGES, cache_dir=cache)
    return cache
