"""Properties that give the class away: planted ones are told worst first, noise is not told of."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from balancing.data.images import ImageSet
from balancing.data.splits import make_split
from balancing.quality.audit import audit
from balancing.quality.findings import Audit, Shortcut
from balancing.quality.properties import Property, of_files, of_sources
from balancing.quality.shortcuts import severity_of, shortcut_findings, shortcuts
from tests.balancing.quality.drawn import image_set

# Thirty and twelve, as small sets have.
LABELS = (np.arange(42) % 7 < 2).astype(np.int64)
ILL = LABELS == 1


def held(properties: list[Property], labels: np.ndarray = LABELS, **other: Any) -> list[Shortcut]:
    names = ("healthy", "ill", "worse")[: int(labels.max()) + 1]
    given = {"patients": None, "rng": np.random.default_rng(0), **other}
    return shortcuts(properties, labels, names, given["patients"], given["rng"])


def files_of(**columns: Any) -> list[Shortcut]:
    return held(of_files(image_set(LABELS, **columns)))


def test_a_file_format_for_each_class() -> None:
    found = files_of(
        formats=np.where(ILL, "JPEG", "PNG"),
        depths=np.full(42, 8),
        qualities=np.where(ILL, 30.0, np.nan),
    )
    (one,) = found  # quality is that of one class alone, so that it tells nothing; the rest never differ
    assert (one.property, one.class_name, one.auroc) == ("file format", "ill", 1.0)
    (finding,) = shortcut_findings(found)
    assert (finding.check, finding.severity) == ("shortcut", "warning")
    assert "The files' file format alone tells ill from the rest with an AUROC of 1.00 (0.8" in finding.title
    assert finding.values is not None
    assert finding.values["auroc"] == 1.0


def test_quality_and_depth() -> None:
    rng = np.random.default_rng(1)
    found = files_of(
        formats=np.full(42, "JPEG"),
        qualities=np.where(ILL, 60.0, 90.0) + rng.integers(0, 5, 42),
        depths=np.where(ILL, 16, 8),
    )
    assert {one.property for one in found} == {"JPEG quality", "bit depth"}
    assert all(severity_of(one) == "warning" for one in found)


def test_what_is_not_known_is_not_held_against_anyone() -> None:
    empty = np.full(42, "")
    none = files_of(formats=empty, qualities=np.full(42, np.nan), depths=np.full(42, 8))
    assert none == []
    assert files_of() == []
    some = files_of(formats=np.where(np.arange(42) % 2, "", np.where(ILL, "JPEG", "PNG")))
    assert some[0].images == 21


@pytest.mark.parametrize("name", ["channels", "widths"])
def test_a_property_that_no_one_cut_tells_by(name: str) -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], [240, 480])
    ill = labels == 1
    if name == "channels":  # three in some of one class only
        values = np.where(ill & (rng.random(720) < 0.5), 3, 1)
    else:  # both smaller and larger than the others
        values = np.where(ill, rng.choice([500, 1500], 720), 1000)
    found = held(of_files(image_set(labels, **{name: values})), labels)
    assert severity_of(found[0]) == "warning"
    assert found[0].held_out == (name == "widths")
    by_chance = held(of_files(image_set(labels, **{name: rng.permutation(values)})), labels)
    assert not any(map(severity_of, by_chance))


def test_of_many_classes_the_worst_is_named() -> None:
    labels = np.arange(120) % 3
    rng = np.random.default_rng(2)
    sizes = Property("width", "file", np.where(labels == 2, 300.0, 200.0) + rng.integers(0, 9, 120))
    words = Property("file format", "file", np.where(labels == 1, 1.0, 0.0), ordered=False)
    found = {one.property: one for one in held([sizes, words], labels)}
    assert (found["width"].class_name, found["width"].auroc) == ("worse", 1.0)
    assert (found["file format"].class_name, found["file format"].held_out) == ("ill", True)
    (finding,) = shortcut_findings(list(found.values()))
    assert "also" in finding.title
    assert "1.00, " in finding.title, "whom the other one tells, where it is another class"


def test_relabelled_classes_are_told_alike() -> None:
    rng = np.random.default_rng(3)
    one = Property("width", "file", rng.normal(size=42) + ILL)
    there, back = held([one])[0], held([one], 1 - LABELS)[0]
    assert (there.auroc, there.low, there.high) == pytest.approx((back.auroc, back.low, back.high))


def test_many_images_of_a_patient_count_as_one() -> None:
    """Ten patients of 40 images each: a number that is the patient's own tells the class by chance."""
    rng = np.random.default_rng(4)
    patients = np.repeat(np.arange(10), 40)
    labels = (patients >= 5).astype(np.int64)
    told = {"by patients": 0, "by images": 0}
    for _ in range(20):
        one = Property("width", "file", rng.normal(size=10)[patients] + 0.1 * rng.normal(size=400))
        told["by patients"] += severity_of(held([one], labels, patients=patients)[0]) is not None
        told["by images"] += severity_of(held([one], labels)[0]) is not None
    assert told["by patients"] <= 1
    assert told["by images"] > 10


def test_noise_is_not_told_of() -> None:
    """At most one family in twenty by right; see benchmarks/audit_false_alarms.py."""
    rng, above = np.random.default_rng(5), 0
    for _ in range(60):
        numbers = [Property(f"number {i}", "file", rng.normal(size=42)) for i in range(8)]
        words = [Property(f"word {i}", "source", rng.integers(0, 3, 42).astype(float), False) for i in range(4)]
        found = held([*numbers, *words])
        assert not any(severity_of(one) == "warning" for one in found)
        above += any(one.low > 0.5 for one in found)
    assert above <= 6


def folders(paths: list[str], labels: np.ndarray = LABELS, **other: Any) -> list[str]:
    return [one.name for one in of_sources(image_set(labels, paths=np.array(paths), **other))]


def test_folders_that_are_a_source() -> None:
    name = ["healthy", "ill"]
    sites = [f"site{i % 3}" for i in range(42)]
    assert folders([f"{site}/{name[c]}/{i}.png" for i, (site, c) in enumerate(zip(sites, LABELS, strict=True))]) == [
        "source folder"
    ]
    two = [f"{site}/train/{name[c]}/run{i % 2}/{i}.png" for i, (site, c) in enumerate(zip(sites, LABELS, strict=True))]
    assert folders(two) == ["source folder, level 1", "source folder, level 4"]
    assert folders([f"{'ab'[c]}/{name[c]}/{i}.png" for i, c in enumerate(LABELS)]) == ["source folder"]


def test_folders_that_are_none() -> None:
    name = ["Healthy", "ILL "]
    assert folders([f"{name[c]}/{i}.png" for i, c in enumerate(LABELS)]) == []
    splits = np.where(np.arange(42) % 3, "train", "test")
    assert folders([f"{split}_set/{i}.png" for i, split in enumerate(splits)], splits=splits) == []
    assert folders([f"p{i // 2}/{i}.png" for i in range(42)]) == [], "patients"
    assert folders([f"{i}.png" for i in range(42)]) == []
    assert folders([""] * 42) == []
    renamed = [f"{'abc'[i % 2 + c]}/{i}.png" for i, c in enumerate(LABELS)]
    assert folders(renamed) == ["source folder"]
    merged = [f"{'ab'[i % 2] if c else 'n'}/{i}.png" for i, c in enumerate(LABELS)]
    assert folders(merged, reading={"merge": "a+b=ill"}) == []


def test_places_that_have_one_class_each_are_told_of() -> None:
    paths = np.array([f"{'north' if c else 'south'}/{'ill' if c else 'healthy'}/{i}.png" for i, c in enumerate(LABELS)])
    (finding,) = shortcut_findings(held(of_sources(image_set(LABELS, paths=paths))))
    assert finding.severity == "warning"
    assert "source folder" in finding.title


def audited(images: ImageSet) -> Audit:
    return audit(images, make_split(images))


def test_brightness_and_corners_of_pictures() -> None:
    rng = np.random.default_rng(6)
    labels = np.repeat([0, 1], [60, 24])
    pixels = rng.integers(80, 120, (84, 32, 32), dtype=np.uint8)
    plain = audited(image_set(labels, pixels))
    assert not [one for one in plain.findings if one.check in ("shortcut", "brightness_tells_class")]
    marked = pixels.copy()
    marked[labels == 1, 1:4, 1:6] = 250
    (finding,) = [one for one in audited(image_set(labels, marked)).findings if one.check == "shortcut"]
    assert "corner brightness at top left" in finding.title
    assert finding.severity == "warning"
    dark = np.where((labels == 1)[:, None, None], pixels // 4, pixels)
    checks = {one.check: one for one in audited(image_set(labels, dark)).findings}
    assert checks["brightness_tells_class"].severity == "warning"
    assert "mean brightness" in checks["brightness_tells_class"].title


def test_a_number_that_is_not_there_for_enough_patients_is_passed_over() -> None:
    labels = np.array([0] * 20 + [1] * 2)
    assert held([Property("width", "file", labels.astype(float))], labels) == []


def test_the_worst_stands_first_and_thresholds_are_of_the_interval() -> None:
    one = Shortcut("width", "file", "ill", 0.7, 0.6, 0.8, False, 42)
    assert severity_of(one) == "note"
    assert severity_of(replace(one, low=0.66)) == "warning"
    assert severity_of(replace(one, low=0.5)) is None
    assert severity_of(replace(one, auroc=0.99, low=0.56)) == "warning"
    assert severity_of(replace(one, family="brightness", low=0.75)) == "note"
    rng = np.random.default_rng(7)
    weak = Property("weak", "file", rng.normal(size=42) + 0.5 * ILL)
    strong = Property("strong", "edges", rng.normal(size=42) + 3 * ILL)
    assert [found.property for found in held([weak, strong])] == ["strong", "weak"]
