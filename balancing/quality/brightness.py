"""How bright the images are: hardly any grey levels, dark or bright sets, and brightness that gives the class away."""

from __future__ import annotations

import numpy as np
from PIL import Image

from balancing.data.images import ImageSet
from balancing.quality.findings import Finding
from balancing.quality.shortcuts import area_or_half, guessed_by_tree

# Twelve bits cut to eight leave 16 levels; resizing smooths others into far more, in images of this many pixels.
FEW_LEVELS, _PIXELS = 32, 1_024
# A set is dark where the brightest hundredth of most images stays below a quarter, bright where the darkest lies above
# three quarters: the black around a picture or the white around cells plays no part.
_DARK, _BRIGHT = 64, 191
# Diseases change how bright an image is, so only what tells the class nearly alone is a warning.
_LOOK, _TOLD = 0.15, 0.35
_TREE_LOOK, _TREE_TOLD = 0.15, 0.35


def histograms(pixels: np.ndarray) -> np.ndarray:
    """(N, 256) int64: pixels of each level in each image, all channels together; reads image by image."""
    counts = np.empty((len(pixels), 256), dtype=np.int64)
    for row, image in enumerate(pixels):
        counts[row] = np.reshape(Image.fromarray(image).histogram(), (-1, 256)).sum(axis=0)
    return counts


def brightness(images: ImageSet, train: np.ndarray) -> list[Finding]:
    """What the distribution of grey levels tells.

    Args:
        images: all of them are looked at.
        train: rows in which brightness is held against the class.
    """
    counts = histograms(images.pixels)
    return [*_few_levels(images, counts), *_dark_or_bright(images, counts), *_tells_class(images, counts, train)]


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


def _tells_class(images: ImageSet, counts: np.ndarray, train: np.ndarray) -> list[Finding]:
    levels, total = np.arange(256), counts.sum(axis=1)
    mean = counts @ levels / total
    contrast = np.sqrt(np.maximum(counts @ levels**2 / total - mean**2, 0))
    labels = images.labels[train]
    found = []
    for name, values in (("mean brightness", mean[train]), ("contrast (standard deviation)", contrast[train])):
        areas = {
            c: area_or_half(labels == c, values) for c in (range(images.n_classes) if images.n_classes > 2 else [1])
        }
        label, area = max(areas.items(), key=lambda item: abs(item[1] - 0.5))
        facts = {"property": name, "class": images.class_names[label], "auroc": area}
        told = f"tells {images.class_names[label]} from the rest with an AUROC of {max(area, 1 - area):.2f}"
        strong = abs(area - 0.5) > _TOLD
        positive = int((labels == label).sum())
        chance = 3 * np.sqrt((len(labels) + 1) / (12 * max(positive * (len(labels) - positive), 1)))
        if abs(area - 0.5) <= max(_LOOK, chance):
            guessed, error = guessed_by_tree(values, labels, images.n_classes)
            beyond = guessed - 1 / images.n_classes
            if beyond <= max(_TREE_LOOK, 3 * error):
                continue
            facts = {"property": name, "balanced_accuracy": guessed}
            told = (
                f"tells the classes apart with a balanced accuracy of {guessed:.2f} on held-out images "
                f"(guessing: {1 / images.n_classes:.2f})"
            )
            strong = beyond > _TREE_TOLD
        found.append(
            Finding(
                "brightness_tells_class",
                "warning" if strong else "note",
                f"The images' {name} alone {told}.",
                "A disease may do this, and so do another machine or export for one class: look at images of each "
                "class side by side, and hold results against this number.",
                values=facts,
            )
        )
    return found
