"""How bright the images are: their mean and contrast, hardly any grey levels, dark or bright sets."""

from __future__ import annotations

import numpy as np
from PIL import Image

from balancing.data.images import ImageSet
from balancing.quality.findings import Finding

# Twelve bits cut to eight leave 16 levels; resizing smooths others into far more, in images of this many pixels.
FEW_LEVELS, _PIXELS = 32, 1_024
# A set is dark where the brightest hundredth of most images stays below a quarter, bright where the darkest lies above
# three quarters: the black around a picture or the white around cells plays no part.
_DARK, _BRIGHT = 64, 191


def histograms(pixels: np.ndarray) -> np.ndarray:
    """(N, 256) int64: pixels of each level in each image, all channels together; reads image by image."""
    counts = np.empty((len(pixels), 256), dtype=np.int64)
    for row, image in enumerate(pixels):
        counts[row] = np.reshape(Image.fromarray(image).histogram(), (-1, 256)).sum(axis=0)
    return counts


def mean_and_contrast(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(N,) mean level and (N,) standard deviation of images with so many pixels of each level, (N, 256)."""
    levels, total = np.arange(256), counts.sum(axis=1)
    mean = counts @ levels / total
    return mean, np.sqrt(np.maximum(counts @ levels**2 / total - mean**2, 0))


def brightness(images: ImageSet, counts: np.ndarray) -> list[Finding]:
    """What the distribution of grey levels tells.

    Args:
        counts: (N, 256) as ``histograms`` gives them.
    """
    return [*_few_levels(images, counts), *_dark_or_bright(images, counts)]


def _files(images: ImageSet, rows: np.ndarray) -> tuple[tuple[str, ...], ...]:
    return tuple((f"{images.splits[row]}/{images.names[row]}",) for row in rows)


def _few_levels(images: ImageSet, counts: np.ndarray) -> list[Finding]:
    levels = (counts > 0).sum(axis=1)
    rows = np.flatnonzero((levels > 1) & (levels <= FEW_LEVELS))  # one level is a finding of its own
    if not len(rows) or images.pixels[0].size < _PIXELS:
        return []
    return [
        Finding(
            "few_grey_levels",
            "warning",
            f"{len(rows):,} of {len(images):,} images have at most {FEW_LEVELS} of 256 grey levels, "
            f"{int(np.median(levels[rows]))} in the median.",
            "Greys were lost on the way, as when 12 bits in a file of 16 are cut to 8: write the files anew from the "
            "originals; drawings and masks are no radiographs.",
            _files(images, rows),
            {"images": len(rows), "median_levels": float(np.median(levels[rows]))},
        )
    ]


def _dark_or_bright(images: ImageSet, counts: np.ndarray) -> list[Finding]:
    below = counts.cumsum(axis=1) / counts.sum(axis=1, keepdims=True)
    darkest, brightest = (below >= 0.01).argmax(axis=1), (below >= 0.99).argmax(axis=1)
    found = []
    for word, extreme, rows in (
        ("dark", f"99 % of their pixels are below {_DARK} of 255", np.flatnonzero(brightest < _DARK)),
        ("bright", f"99 % of their pixels are above {_BRIGHT} of 255", np.flatnonzero(darkest > _BRIGHT)),
    ):
        if len(rows):
            most = len(rows) > len(images) / 2
            found.append(
                Finding(
                    "dark_or_bright",
                    "warning" if most else "note",
                    f"{len(rows):,} of {len(images):,} images are {word}: {extreme}.",
                    "Look whether the files' grey values were scaled rightly" + ("." if most else "; keep what is."),
                    () if most else _files(images, rows),
                    {"kind": word, "images": len(rows)},
                )
            )
    return found
