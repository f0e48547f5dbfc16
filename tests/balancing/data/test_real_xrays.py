"""The real chest X-rays: counts, patients, split, and equality with what ``datasets`` gives."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from balancing.data.images import ImageSet, load_images, resolve_positive
from balancing.data.options import Options
from balancing.data.sources.hub import HubSource
from balancing.data.splits import make_split


@pytest.fixture(scope="module")
def xrays(chest_xray_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> ImageSet:
    cache = tmp_path_factory.mktemp("cache")
    return load_images(str(chest_xray_dir), image_size=32, cache_dir=cache)


def test_counts(xrays: ImageSet) -> None:
    assert xrays.class_names == ("NORMAL", "PNEUMONIA")
    counts = {
        name: np.bincount(xrays.labels[xrays.splits == name]).tolist() for name in ("train", "validation", "test")
    }
    assert counts == {"train": [1341, 3875], "validation": [8, 8], "test": [234, 390]}
    assert xrays.pixels.shape == (5856, 32, 32)
    assert (xrays.widths == 224).all()
    assert (xrays.channels == 3).all()  # equal ones, so stored as one
    assert resolve_positive(xrays.class_names, None)[0] == 1
    assert not xrays.bad


def test_equal_to_datasets(
    xrays: ImageSet, chest_xray_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(tmp_path))
    datasets.disable_progress_bars()
    try:
        source = HubSource(str(chest_xray_dir), None, Options())
        listing = source.listing()
        sha256 = [hashlib.sha256(data).hexdigest() for data in source.contents() if isinstance(data, bytes)]
    finally:
        datasets.enable_progress_bars()
    assert listing.names == xrays.names.tolist()
    assert listing.splits == xrays.splits.tolist()
    assert listing.labels == xrays.labels.tolist()
    assert sha256 == xrays.sha256.tolist()


def test_patients_and_identical_images(xrays: ImageSet) -> None:
    assert xrays.patients is not None
    assert "do not match" not in xrays.notes[-1]
    assert max(np.unique(xrays.patients, return_counts=True)[1]) == 30
    groups, sizes = np.unique(xrays.sha256, return_counts=True)
    repeated = groups[sizes > 1]
    assert len(repeated) == 30
    by_split = [set(xrays.splits[xrays.sha256 == group]) for group in repeated]
    assert sorted(map(tuple, by_split)) == [("test",)] * 6 + [("train",)] * 24


def test_split(xrays: ImageSet) -> None:
    assert xrays.patients is not None
    for seed in range(3):
        split = make_split(xrays, seed=seed)
        np.testing.assert_array_equal(split.test, np.flatnonzero(xrays.splits == "test"))
        assert len(split.train) + len(split.validation) == 5216 + 16
        for ids in (xrays.patients, xrays.sha256):
            assert not np.intersect1d(ids[split.train], ids[split.validation]).size
        wanted = 0.15 * np.array([1349, 3883])
        assert (np.abs(np.bincount(xrays.labels[split.validation]) - wanted) <= 1).all()
        assert split.notes[0].startswith(
            "The official validation split holds 16 images (8 NORMAL, 8 PNEUMONIA), fewer than 50 of each class"
        )
