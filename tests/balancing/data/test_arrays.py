"""Images from arrays: as those of any source, in the cache, with the same fingerprint."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from balancing import ImageSet, load_images, make_split
from balancing.data.images import Reading
from balancing.errors import UserError


def _arrays(colour: bool = False, count: int = 60, size: int = 16) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(int(colour))
    shape = (count, size, size, 3) if colour else (count, size, size)
    return rng.integers(0, 256, size=shape, dtype=np.uint8), np.arange(count) % 2


@pytest.mark.parametrize("colour", [False, True])
def test_pixels_and_labels_stay_as_they_were_and_lie_in_a_file(colour: bool) -> None:
    pixels, labels = _arrays(colour)
    images = ImageSet.from_arrays(pixels, labels, class_names=["well", "ill"])
    np.testing.assert_array_equal(images.pixels, pixels)
    np.testing.assert_array_equal(images.labels, labels)
    np.testing.assert_array_equal(np.load(images.pixels_path), pixels)
    assert (images.class_names, images.image_size, images.kind) == (("well", "ill"), 16, "arrays")
    assert images.patients is None
    assert set(images.splits) == {"train"}


def test_fingerprint_is_that_of_the_same_images_in_a_folder(tmp_path: Path) -> None:
    pixels, labels = _arrays(count=8)
    for row, (image, label) in enumerate(zip(pixels, labels, strict=True)):
        folder = tmp_path / "images" / ("well", "ill")[label]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / f"{row}.png")
    loaded = load_images(str(tmp_path / "images"), image_size=16)
    order = np.argsort(labels != 1, kind="stable")  # "ill" is the first folder
    images = ImageSet.from_arrays(pixels[order], np.array(["well", "ill"])[labels[order]])
    np.testing.assert_array_equal(images.pixels, loaded.pixels)
    assert images.class_names == loaded.class_names
    assert images.fingerprint == loaded.fingerprint


def test_the_same_arrays_are_written_once_and_found_by_their_source() -> None:
    pixels, labels = _arrays()
    patients = [f"p{row // 3}" for row in range(len(labels))]
    images = ImageSet.from_arrays(pixels, labels, patients=patients, names=[f"{row}.png" for row in range(60)])
    again = ImageSet.from_arrays(
        np.asfortranarray(pixels), labels.tolist(), patients=patients, names=list(images.names)
    )
    found = load_images(images.source, image_size=16)
    assert images.pixels_path == again.pixels_path == found.pixels_path
    for name in ("pixels", "labels", "patients", "names", "splits", "sha256"):
        np.testing.assert_array_equal(getattr(found, name), getattr(images, name))
    other = ImageSet.from_arrays(pixels, labels, patients=patients[::-1])
    assert other.pixels_path != images.pixels_path


def test_missing_patients_are_patients_of_their_own_and_no_patient_is_torn() -> None:
    pixels, labels = _arrays()
    patients = np.repeat(np.arange(15.0), 4)
    patients[:2] = np.nan
    images = ImageSet.from_arrays(pixels, labels, patients=patients)
    assert images.patients is not None
    assert len(set(images.patients)) == 17
    split = make_split(images)
    parts = [set(images.patients[rows]) for rows in (split.train, split.validation, split.test)]
    assert not parts[0] & parts[1]
    assert not parts[0] & parts[2]
    assert not parts[1] & parts[2]


def test_given_splits_are_the_sources_own() -> None:
    pixels, labels = _arrays()
    splits = np.repeat(["train", "test"], 30)
    images = ImageSet.from_arrays(pixels, labels, splits=splits)
    np.testing.assert_array_equal(make_split(images).test, np.flatnonzero(splits == "test"))


def test_other_shapes_are_resized_where_a_size_is_given() -> None:
    pixels = _arrays()[0][:, :12]
    with pytest.raises(UserError, match="12 pixels high and 16 wide"):
        ImageSet.from_arrays(pixels, np.arange(60) % 2)
    assert ImageSet.from_arrays(pixels, np.arange(60) % 2, image_size=24).pixels.shape == (60, 24, 24)


def test_a_notebook_shows_counts_and_escapes_names() -> None:
    pixels, labels = _arrays()
    html = ImageSet.from_arrays(pixels, labels, class_names=["<b>", "ill"])._repr_html_()
    assert "<b>" not in html
    assert "&lt;b&gt;" in html
    assert html.count("30") == 2


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"pixels": _arrays()[0] / 255}, "float64"),
        ({"pixels": _arrays()[0].reshape(60, -1)}, "shape"),
        ({"pixels": np.zeros((60, 8, 8, 4), np.uint8)}, "shape"),
        ({"pixels": np.zeros((60, 4, 4), np.uint8)}, "8..2048"),
        ({"labels": np.zeros(59, int)}, "one value for each of the 60"),
        ({"labels": np.linspace(0, 1, 60)}, "whole numbers or class names"),
        ({"labels": np.zeros(60, int)}, "at least two classes"),
        ({"labels": [0, "a"] * 30}, "all numbers or all words, but hold 0 and 'a'"),
        ({"labels": np.arange(60) % 3, "class_names": ["a", "b"]}, r"0\.\.1, but one is 2"),
        ({"patients": ["a"]}, "patients must hold one value"),
        ({"class_names": "ab"}, "class_names must be a list of names"),
        ({"class_names": 2}, "class_names must be a list of names"),
        ({"splits": ["train"] * 59 + ["tests"]}, "did you mean 'test'"),
    ],
)
def test_mistakes_are_one_sentence(change: dict[str, object], sentence: str) -> None:
    pixels, labels = _arrays()
    with pytest.raises(UserError, match=sentence) as caught:
        ImageSet.from_arrays(**{"pixels": pixels, "labels": labels, **change})  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("size", "reading"), [(24, {}), (16, {"label_column": "x"})])
def test_what_the_cache_does_not_hold_is_asked_for(size: int, reading: Reading) -> None:
    images = ImageSet.from_arrays(*_arrays())
    with pytest.raises(UserError, match="from_arrays|label-column"):
        load_images(images.source, image_size=size, **reading)


@pytest.mark.parametrize("missing", [None, float("nan"), " "])
def test_a_missing_label_in_a_list_is_no_class(missing: object) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (60, 16, 16), dtype=np.uint8)
    labels = [*(["a", "b"] * 29), "a", missing]
    with pytest.raises(UserError, match="label"):
        ImageSet.from_arrays(pixels, labels)
    words = ImageSet.from_arrays(pixels, [*labels[:-1], "b"])
    numbers = ImageSet.from_arrays(pixels, list(np.arange(60) % 2), class_names=["a", "b"])
    assert words.class_names == numbers.class_names
    np.testing.assert_array_equal(words.labels, numbers.labels)


def test_a_numpy_number_is_a_size() -> None:
    pixels, labels = _arrays()
    sizes = [ImageSet.from_arrays(pixels, labels, image_size=size).fingerprint for size in (16, np.int64(16))]
    assert sizes[0] == sizes[1]


@pytest.mark.parametrize("name", ["pixels", "labels", "patients", "names", "splits"])
def test_rows_of_different_lengths_are_one_sentence(name: str) -> None:
    pixels, labels = _arrays()
    ragged = [[np.zeros((2, 3)), np.zeros((2, 4))], [[1, 2], [3]]]
    for wrong in ragged:
        with pytest.raises(UserError, match=f"^{name} must") as caught:
            ImageSet.from_arrays(**{"pixels": pixels, "labels": labels, name: wrong})  # type: ignore[arg-type]
        assert "\n" not in str(caught.value)
