"""The audit: planted faults are found, each with its severity and files; the real X-rays' known facts too."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from balancing.data.images import ImageSet, load_images
from balancing.data.splits import Split, make_split
from balancing.quality import duplicates
from balancing.quality.audit import Audit, Finding, audit
from balancing.quality.duplicates import (
    LEAST_CORRELATION,
    exact_groups,
    grouped,
    near_pairs,
    perceptual_hash,
    thumbnails,
)
from sweep.cli.audit_view import audit_view
from sweep.report.context import ReportContext
from sweep.report.sections.data import data_section
from tests.sweep.fake_run import fake_images, fake_split


def audited(found: Audit | None) -> ReportContext:
    """A run of which the audit alone is known."""
    return ReportContext(SimpleNamespace(audit=lambda: found))  # type: ignore[arg-type]


@pytest.fixture
def images(tmp_path: Path) -> ImageSet:
    """240 + 480 images of noise, blurred so that they have something coarse, one patient each."""
    found = fake_images(tmp_path / "images", per_class=(240, 480), size=48)
    rng = np.random.default_rng(1)
    coarse = rng.integers(0, 256, (len(found), 8, 8), dtype=np.uint8).repeat(6, axis=1).repeat(6, axis=2)
    return replace(found, pixels=coarse, patients=np.array([f"p{i}" for i in range(len(found))]))


def found_in(images: ImageSet, split: Split | None = None) -> dict[str, list[Finding]]:
    named: dict[str, list[Finding]] = {}
    for finding in audit(images, split or fake_split(images)).findings:
        named.setdefault(finding.check, []).append(finding)
    return named


def changed(values: np.ndarray, rows: Any, new: Any) -> np.ndarray:
    copy = values.copy()
    copy[rows] = new
    return copy


def test_clean_data_has_no_fault(images: ImageSet) -> None:
    assert set(found_in(images)) == {"split_by_images"}


def named(images: ImageSet, row: int) -> str:
    return f"{images.splits[row]}/{images.names[row]}"


def test_a_patient_in_training_and_test_is_a_leak(images: ImageSet) -> None:
    split = fake_split(images)
    torn = [split.train[0], split.test[0]]
    found = found_in(replace(images, patients=changed(images.patients, torn, "torn")), split)
    (finding,) = found["patients_across_splits"]
    assert finding.severity == "leak"
    assert "1 patient has images both in train and in test" in finding.title
    assert finding.files == (tuple(named(images, row) for row in sorted(torn)),)


def test_what_networks_are_chosen_by_must_share_nothing_with_the_test_either(images: ImageSet) -> None:
    split = fake_split(images)
    torn = [split.validation[0], split.test[0]]
    found = found_in(replace(images, patients=changed(images.patients, torn, "torn")), split)
    assert [f.severity for f in found["patients_across_splits"]] == ["leak"]


def test_a_patient_in_training_and_validation_spoils_the_choice_not_the_test(images: ImageSet) -> None:
    split = fake_split(images)
    torn = [split.train[0], split.validation[0]]
    found = found_in(replace(images, patients=changed(images.patients, torn, "torn")), split)
    assert [f.severity for f in found["patients_across_splits"]] == ["warning"]


def test_byte_identical_images(images: ImageSet) -> None:
    split = fake_split(images)
    digests = changed(images.sha256, [split.train[0], split.test[1]], "a" * 64)
    digests = changed(digests, [split.train[2], split.train[3]], "b" * 64)
    digests = changed(digests, [split.validation[0], split.validation[-1]], "c" * 64)  # of both classes
    found = found_in(replace(images, sha256=digests), split)
    assert [f.severity for f in found["duplicates_across_splits"]] == ["leak"]
    assert found["duplicates"][0].values == {"groups": 2, "train": 1, "validation": 1, "test": 0}
    assert [f.severity for f in found["label_conflicts"]] == ["warning"]


def test_another_file_of_the_same_picture_is_found(images: ImageSet) -> None:
    split = fake_split(images)
    first, second = int(split.train[0]), int(split.test[0])
    brighter = np.clip(images.pixels[first] * 0.8 + 20 + np.random.default_rng(0).normal(0, 3, (48, 48)), 0, 255)
    found = found_in(replace(images, pixels=changed(images.pixels, second, brighter.astype(np.uint8))), split)
    (finding,) = found["near_duplicates_across_splits"]
    assert finding.severity == "warning"
    assert finding.files == (tuple(named(images, row) for row in sorted((first, second))),)


def test_where_all_images_look_alike_memory_stays_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duplicates, "_CANDIDATES", 7)
    rng = np.random.default_rng(0)
    frames = np.clip(rng.integers(0, 256, (1, 32, 32)) + rng.normal(0, 1, (40, 32, 32)), 0, 255).astype(np.uint8)
    assert len(duplicates.near_pairs(duplicates.thumbnails(frames))) == 40 * 39 // 2


def test_too_few_unknown_constant(images: ImageSet) -> None:
    split = fake_split(images)
    few = Split(split.train, split.validation[:70], split.test[:0])
    blank = changed(images.pixels, [3, 5], 7)
    found = found_in(replace(images, patients=None, pixels=blank), few)
    assert {(f.values["part"], f.values["class"]) for f in found["few_images"] if f.values} >= {
        ("test", "NORMAL"),
        ("test", "PNEUMONIA"),
    }
    assert found["patients_unknown"][0].severity == "warning"
    assert found["constant"][0].files == ((named(images, 3),), (named(images, 5),))
    assert "near_duplicates" not in found, "blank images are no copies of each other"


def test_few_patients_are_counted_as_patients_not_as_images(images: ImageSet) -> None:
    split = fake_split(images)
    assert "few_patients" not in found_in(images, split)
    patients = np.asarray(images.patients).copy()
    own = split.test[images.labels[split.test] == 0]
    patients[own] = [f"t{i % 3}" for i in range(len(own))]  # 60 images of three patients
    few = replace(images, patients=patients)
    found = found_in(few, split)
    assert "few_images" not in found
    (one,) = found["few_patients"]
    assert one.values == {"part": "test", "class": "NORMAL", "patients": 3, "known": True}
    assert one.title.startswith("Class NORMAL has 3 patients in test: with fewer than 5 of a class no verdict")
    whole = audit(few, split)
    assert whole.patients["per_class"]["test"] == [3, 120]
    console = Console(file=io.StringIO(), width=200)
    console.print(*audit_view(whole))
    assert "Patients in test: 3 NORMAL, 120 PNEUMONIA." in console.file.getvalue()  # type: ignore[attr-defined]
    assert "Test holds patients of NORMAL: 3, PNEUMONIA: 120." in str(data_section(audited(whole)).blocks)
    unknown = audit(replace(images, patients=None), Split(split.train, split.validation, split.test[[0, -1]]))
    titles = [finding.title for finding in unknown.findings if finding.check == "few_patients"]
    assert titles[0].startswith("Class NORMAL has 1 image in test")


def test_a_split_by_images_alone_is_counted(images: ImageSet) -> None:
    pairs = np.array([f"p{i // 2}" for i in range(len(images))])
    found = found_in(replace(images, patients=pairs))["split_by_images"][0]
    # A pair stays together with chance 1/4 + 1/16 + 1/16 = 3/8 in parts of a half, a quarter and a quarter.
    assert found.values is not None
    assert found.values["patients"] == pytest.approx(360 * 5 / 8, rel=0.15)


def test_as_json_and_back(images: ImageSet) -> None:
    found = audit(replace(images, patients=None), fake_split(images))
    assert Audit.from_dict(json.loads(json.dumps(found.to_dict()))) == found


def test_hashes_and_thumbnails() -> None:
    rng = np.random.default_rng(0)
    grey = rng.integers(0, 256, (5, 40, 50), dtype=np.uint8)
    small = thumbnails(grey)
    assert np.linalg.norm(small, axis=1) == pytest.approx(1, abs=1e-5)
    assert small.mean(axis=1) == pytest.approx(0, abs=1e-6)
    np.testing.assert_array_equal(small, thumbnails(grey, block=2))
    np.testing.assert_allclose(thumbnails(np.repeat(grey[..., None], 3, axis=3)), small, atol=1e-6)
    far = np.bitwise_count(perceptual_hash(small) ^ perceptual_hash(thumbnails((grey // 2 + 10).astype(np.uint8))))
    assert far.max() <= 2, "darker and flatter, it is still the same picture"
    assert near_pairs(np.concatenate([small, small[:2]])).tolist() == [[0, 5], [1, 6]]


def test_near_pairs_are_those_of_all_pairs() -> None:
    """With a hash that lets everything through, blocks give what the correlation of all pairs gives."""
    rng = np.random.default_rng(2)
    base = rng.normal(size=(6, 1024))
    points = np.concatenate([base + rng.normal(0, s, (6, 1024)) for s in (0, 0.02, 0.3)]).astype(np.float32)
    points -= points.mean(axis=1, keepdims=True)
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    alike = np.triu(points @ points.T >= LEAST_CORRELATION, 1)
    found = {tuple(pair) for pair in near_pairs(points, block=5).tolist()}
    assert found <= set(zip(*(axis.tolist() for axis in np.nonzero(alike)), strict=True))
    assert {(i, i + 6) for i in range(6)} <= found


def test_groups_join_through_others() -> None:
    groups = grouped(np.array([[4, 7], [1, 2], [7, 9], [2, 3]]))
    assert [group.tolist() for group in groups] == [[1, 2, 3], [4, 7, 9]]
    assert [g.tolist() for g in exact_groups(np.array(["a", "b", "a", "c", "b"]))] == [[0, 2], [1, 4]]


def test_what_people_see(images: ImageSet) -> None:
    names = changed(images.names.astype(object), 0, "[red]<b>x</b>.png")
    digests = changed(images.sha256, [0, 1], "a" * 64)
    found = audit(replace(images, names=names, sha256=digests), fake_split(images))
    console = Console(width=200, record=True, file=io.StringIO())
    for part in audit_view(found):
        console.print(part)
    text = console.export_text()
    assert "[red]<b>x</b>.png" in text
    assert "1 group of byte-identical images" in text
    section = data_section(audited(found))
    assert section.name == "data"
    assert isinstance(section.values, dict)
    assert json.dumps(section.values)
    assert data_section(audited(None)).blocks


def test_the_real_chest_x_rays(chest_xray_dir: Path, tmp_path: Path) -> None:
    images = load_images(str(chest_xray_dir), image_size=64, cache_dir=tmp_path)
    split = make_split(images)
    found = audit(images, split)
    assert not found.leaks
    of_check = {finding.check: finding for finding in found.findings}
    assert "patients_across_splits" not in of_check
    assert "near_duplicates" not in of_check
    assert len(of_check["duplicates"].files) == 30
    where = [{name.split("/")[0] for name in group} for group in of_check["duplicates"].files]
    assert sorted(part for parts in where for part in parts) == ["test"] * 6 + ["train"] * 24
    assert of_check["split_by_images"].values is not None
    assert of_check["split_by_images"].values["patients"] > 200
    # The official splits themselves share no patient either.
    parts = {part: set(images.patients[images.splits == part].tolist()) for part in set(images.splits.tolist())}  # type: ignore[index]
    assert not parts["train"] & parts["test"]
    assert not parts["validation"] & (parts["train"] | parts["test"])
