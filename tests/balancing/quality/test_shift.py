"""The test split unlike the training split: said where images of a class differ, and not for class shares alone."""

from __future__ import annotations

from typing import Any

import numpy as np

from balancing.data.images import ImageSet
from balancing.data.splits import Split
from balancing.quality.duplicates import thumbnails
from balancing.quality.findings import Finding
from balancing.quality.properties import Property
from balancing.quality.shift import shift_findings
from tests.balancing.quality.drawn import image_set

RNG = 3


def drawn(seed: int, test: tuple[int, int] = (60, 60), **other: Any) -> tuple[ImageSet, Split]:
    """240 and 120 training images, 60 and 60 in validation, ``test`` of each class; soft noise."""
    rng = np.random.default_rng(seed)
    counts = ((240, 120), (60, 60), test)
    labels = np.concatenate([np.repeat([0, 1], pair) for pair in counts])
    part = np.repeat([0, 1, 2], [sum(pair) for pair in counts])
    soft = rng.integers(60, 200, (len(labels), 8, 8), dtype=np.uint8).repeat(4, axis=1).repeat(4, axis=2)
    return image_set(labels, soft, **other), Split(*(np.flatnonzero(part == one) for one in range(3)))


def findings(images: ImageSet, split: Split, properties: tuple[Property, ...] = ()) -> dict[str, list[Finding]]:
    named: dict[str, list[Finding]] = {}
    for one in shift_findings(images, split, thumbnails(images.pixels), properties, np.random.default_rng(RNG)):
        named.setdefault(one.check, []).append(one)
    return named


def test_parts_that_are_cut_at_random_are_alike() -> None:
    alarms = 0
    for seed in range(8):
        images, split = drawn(seed, test=(60, 30))
        alarms += "split_differs" in findings(images, split)
    assert alarms <= 1


def test_test_images_of_one_class_from_elsewhere() -> None:
    images, split = drawn(0)
    healthy = split.test[images.labels[split.test] == 0]
    pixels = np.array(images.pixels)
    pixels[healthy, :, :12] = pixels[healthy, :, :12] // 2  # another crop
    (found,) = findings(image_set(images.labels, pixels), split)["split_differs"]
    assert found.severity == "warning"
    assert found.title.startswith("Test images differ from training images of the same class: a classifier tells them")
    assert "those of healthy" in found.title
    assert "expect results on test below those on validation" in found.title
    assert found.values is not None
    assert found.values["by_class"]["healthy"][1] > 0.6 > found.values["by_class"]["ill"][1]
    assert found.values["validation"][1] < 0.5 < found.values["validation"][2]


def test_a_property_may_set_them_apart() -> None:
    images, split = drawn(1)
    deep = np.full(len(images), 8.0)
    deep[split.test[::2]] = 16
    assert "split_differs" not in findings(images, split)
    assert "split_differs" in findings(images, split, (Property("bit depth", "file", deep),))


def test_more_spread_sets_them_apart_too() -> None:
    images, split = drawn(2)
    rng = np.random.default_rng(0)
    values = rng.normal(size=len(images))
    values[split.test] *= 6
    assert "split_differs" in findings(images, split, (Property("width", "file", values),))


def test_validation_from_elsewhere_is_said_of_validation() -> None:
    images, split = drawn(3)
    pixels = np.array(images.pixels)
    pixels[split.validation, 8:24] = 90
    (found,) = findings(image_set(images.labels, pixels), split)["split_differs"]
    assert found.title.startswith("Validation images differ")
    assert "expect" not in found.title


def test_class_shares_alone_are_told_as_such() -> None:
    """Classes that look wholly different, in other shares: within a class nothing differs."""
    images, split = drawn(4, test=(20, 120))
    pixels = np.array(images.pixels)
    pixels[images.labels == 1, :8] = 255
    found = findings(image_set(images.labels, pixels), split)
    assert "split_differs" not in found
    (shares,) = found["class_shares_differ"]
    assert shares.severity == "note"
    assert "ill is 86% of the images in test and 38% of those in training and validation (p < 0.001)" in shares.title


def test_shares_are_counted_by_patients() -> None:
    images, split = drawn(5, test=(20, 120))
    patients = np.array([f"p{i}" for i in range(len(images))])
    ill = split.test[images.labels[split.test] == 1]
    patients[ill] = [f"t{i % 12}" for i in range(len(ill))]  # ten images each
    found = findings(image_set(images.labels, np.array(images.pixels), patients=patients), split)
    assert "class_shares_differ" not in found
    assert "split_differs" not in found


def test_a_class_that_test_lacks_or_hardly_has() -> None:
    for count in (0, 4):
        images, split = drawn(6, test=(60, count))
        assert "split_differs" not in findings(images, split)
    images, split = drawn(7)
    assert findings(images, Split(split.train, split.validation, split.test[:0])) == {}
