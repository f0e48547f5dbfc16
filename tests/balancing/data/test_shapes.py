"""Each shape in which people's data come: read as it is meant, or refused with the option that settles it."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from balancing.data.images import ImageSet, load_images
from balancing.data.positive import resolve_positive
from balancing.data.splits import make_split
from balancing.errors import UserError
from balancing.quality.audit import audit
from tests.balancing import shapes, shapes_of_files
from tests.balancing.shape_cases import CASES, Read, Refused
from tests.balancing.shapes import Shape


@pytest.mark.parametrize(("shape", "wanted"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_a_shape_is_read_as_it_is_meant_or_refused_with_the_option(
    tmp_path: Path, shape: Shape, wanted: Read | Refused
) -> None:
    data = shape(tmp_path / "data")
    if isinstance(wanted, Refused):
        with pytest.raises(UserError, match=f"(?s){wanted.sentence}"):
            make_split(_read(data, tmp_path, wanted.reading))
        return
    images = _read(data, tmp_path, wanted.reading)
    counts = dict(zip(images.class_names, np.bincount(images.labels).tolist(), strict=True))
    if "*" in wanted.counts:  # the name is a layout's
        assert sorted(counts.values()) == sorted(wanted.counts.values())
    else:
        assert counts == dict(wanted.counts)
    found, numbers = np.unique(images.splits, return_counts=True)
    assert dict(zip(found.tolist(), numbers.tolist(), strict=True)) == dict(wanted.splits)
    assert (None if images.patients is None else len(set(images.patients.tolist()))) == wanted.patients
    _check_positive(images, wanted)
    for note in wanted.notes:
        assert any(_found(note, said) for said in images.notes), (note, images.notes)
    make_split(images)


def _read(data: Path, tmp_path: Path, reading: Mapping[str, Any]) -> ImageSet:
    return load_images(data, image_size=16, cache_dir=tmp_path / "cache", **reading)


def _found(pattern: str, text: str) -> bool:
    return re.search(pattern, text) is not None


def _check_positive(images: ImageSet, wanted: Read) -> None:
    counts = np.bincount(images.labels).tolist()
    asked = wanted.reading.get("positive")
    if wanted.positive == "ask":
        with pytest.raises(UserError, match="--positive"):
            resolve_positive(images.class_names, asked, counts=counts, told=images.positive)
        return
    index, _ = resolve_positive(images.class_names, asked, counts=counts, told=images.positive)
    assert (images.class_names[index] if index is not None else "") == wanted.positive


def test_the_patient_in_the_name_of_oct_images_shows_the_leak(tmp_path: Path) -> None:
    images = _read(shapes.oct_patients(tmp_path / "data"), tmp_path, {})
    found = audit(images, make_split(images))
    assert any("patients" in leak.title for leak in found.leaks)


def test_patients_of_whole_numbers_and_of_fractions_are_the_same(tmp_path: Path) -> None:
    images = _read(shapes_of_files.patient_int_and_float(tmp_path / "data"), tmp_path, {"patient_column": "patient_id"})
    assert images.patients is not None
    train, test = (set(images.patients[images.splits == part].tolist()) for part in ("train", "test"))
    assert len(train & test) == 19
    shared = [int(found[1]) for note in make_split(images).notes if (found := re.search(r"Leak: (\d+) patients", note))]
    assert sum(shared) == 19


def test_labels_keep_their_meaning_where_the_order_of_names_differs(tmp_path: Path) -> None:
    images = _read(shapes_of_files.classlabel_order_differs(tmp_path / "data"), tmp_path, {})
    test = images.labels[images.splits == "test"]
    assert {name: int((test == i).sum()) for i, name in enumerate(images.class_names)} == {"MEL": 5, "NV": 15}


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        (shapes_of_files.depth_by_class, ("brightness",)),
        (shapes_of_files.format_and_marker, ("format", "corner")),
    ],
)
def test_the_audit_sees_what_gives_the_class_away(tmp_path: Path, shape: Shape, words: tuple[str, ...]) -> None:
    images = _read(shape(tmp_path / "data"), tmp_path, {})
    said = " ".join(finding.title for finding in audit(images, make_split(images)).findings)
    for word in words:
        assert word in said


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege there")
def test_a_table_may_not_name_files_outside(tmp_path: Path) -> None:
    data = shapes.table_itself(tmp_path / "data")
    (tmp_path / "secret.png").write_bytes((tmp_path / "data" / "img" / "000.png").read_bytes())
    data.write_text(data.read_text().replace("img/000.png", "../secret.png"))
    with pytest.raises(UserError, match="leads out of the data's folder|secret"):
        _read(data, tmp_path, {})
