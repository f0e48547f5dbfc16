"""The resampling benchmark runs, and its comparison finds equal rows equal and others not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from balancing.data.cache import VARIABLE
from benchmarks import common, resampling, resampling_growth, resampling_vectors


@pytest.fixture(autouse=True)
def _small_phantom(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CHEST_XRAY_DIR", raising=False)
    monkeypatch.setenv(VARIABLE, str(tmp_path / "cache"))
    monkeypatch.setattr(resampling, "load", lambda size: common.load(size, phantom_images=300))


@pytest.mark.parametrize("name", resampling.names())
def test_our_rows_are_imbalanced_learn_s(name: str) -> None:
    ours, theirs = resampling.ours(name, 32, None), resampling.theirs(name, 32, None)
    n = len(theirs["rows"])
    assert n > min(ours["counts"])
    assert resampling.identical(ours, theirs) == n
    assert (ours["made"]["rows"] > 0) == (name != "nearmiss")
    other = {**theirs, "rows": [*theirs["rows"][:-1], "another"]}
    assert resampling.identical(ours, other) == n - 1
    assert resampling.identical(ours, {**theirs, "channels_equal": False}) == 0
    assert resampling.identical(ours, {**theirs, "rows": theirs["rows"][:-1]}) == 0


def test_few_rows_are_taken_from_all_of_them() -> None:
    every, few = resampling.training_data(32, None), resampling.training_data(32, 40)
    assert len(few.rows) == 40
    assert np.isin(few.rows, every.rows).all()
    assert (few.class_counts > 5).all()


def test_growth(tmp_path: Path) -> None:
    labels = resampling_growth.write_many(tmp_path / "pixels.npy", 150, 32)
    np.save(tmp_path / "labels.npy", labels)
    pixels = np.load(tmp_path / "pixels.npy")
    assert pixels.shape == (150, 32, 32)
    assert len(np.unique(pixels.reshape(150, -1), axis=0)) == 150
    found = resampling_growth.grown("smote", str(tmp_path), 100)
    assert found["pixels"] == 100 * 32 * 32
    assert found["smallest"] == np.bincount(labels[:100]).min()
    assert found["peak"] >= found["anonymous"] > 0


@pytest.mark.parametrize("name", ["svm_smote", "smote_enn"])
def test_rows_of_vectors_are_imbalanced_learn_s(name: str) -> None:
    found = resampling_vectors.in_turn_of(name, 32, None, 1)
    assert found["equal"] == found["rows"] > found["images"] > 100
    assert len(found["ours"]) == len(found["theirs"]) == 1
