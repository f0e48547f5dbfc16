"""A look at a source says what a run would read, and decodes a few images alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from balancing.data import look as looking
from balancing.data.images import load_images
from balancing.data.look import look_at
from balancing.errors import UserError
from tests.balancing.samples import class_folders, encoded, noise, write_files
from tests.balancing.shapes_of_files import dicom


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_files(tmp_path / "data", class_folders(per_class=6, splits=("train", "test")))


def test_it_agrees_with_what_is_read(folder: Path, tmp_path: Path) -> None:
    found = look_at(folder, size=16)
    images = load_images(folder, image_size=16, cache_dir=tmp_path / "cache")
    assert found.class_names == images.class_names
    assert found.n_images == len(images) == 24
    for part, counts in found.counts.items():
        assert counts == np.bincount(images.labels[images.splits == part], minlength=2).tolist()
    assert found.positive == 1
    assert found.patients is None
    assert [one.class_name for one in found.examples] == ["NORMAL"] * 4 + ["PNEUMONIA"] * 4
    for one in found.examples:
        row = np.flatnonzero((images.names == one.name) & (images.splits == one.split))
        assert one.pixels is not None
        assert (one.pixels == images.pixels[row[0]]).all()


def test_only_the_examples_are_decoded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    real = looking.decode

    def counted(*arguments: object) -> object:
        seen.append(arguments)
        return real(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(looking, "decode", counted)
    look_at(folder, per_class=2)
    assert len(seen) == 4


def test_an_unreadable_example_says_why_and_greys_of_12_bits_are_seen(tmp_path: Path) -> None:
    twelve = encoded(noise(0).astype(np.uint16) * 16)
    files = {f"normal/{i}.png": twelve for i in range(2)} | {"tumour/a.png": b"", "tumour/b.png": twelve}
    found = look_at(write_files(tmp_path, files))
    broken = next(one for one in found.examples if one.pixels is None)
    assert (broken.class_name, broken.reason) == ("tumour", "it is empty: 0 bytes")
    good = next(one for one in found.examples if one.pixels is not None)
    assert good.pixels is not None
    assert good.pixels.max() > 200


def test_doubt_about_the_positive_class_is_said_and_other_mistakes_are_refused(tmp_path: Path) -> None:
    write_files(tmp_path, {f"{name}/{i}.png": encoded(noise(i)) for name in ("left", "right") for i in range(3)})
    found = look_at(tmp_path)
    assert found.positive is None
    assert found.positive_note.startswith("To be settled before a run: which class is positive can't be told")
    with pytest.raises(UserError, match="--resize can't be 'stretch'"):
        look_at(tmp_path, resize="stretch")


def test_dicom_files_promise_their_patients(tmp_path: Path) -> None:
    files = {f"{name}/IM{i}": dicom(f"{name}{i}") for name in ("normal", "ill") for i in range(3)}
    found = look_at(write_files(tmp_path, files))
    assert found.patients is None
    assert "PatientID tells patients apart" in found.patients_note
    assert "would tell" in look_at(tmp_path, patient_column="none").patients_note
