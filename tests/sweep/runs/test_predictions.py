"""Predictions on disk: probabilities and logits, float32, of older versions too."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sweep.runs.files import DamagedFile
from sweep.runs.predictions import class_values
from sweep.runs.trial_folder import TrialFolder


def test_predictions_come_back_as_float32(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet([1, 1, 1], size=20).astype(np.float32)
    rows, labels = rng.permutation(100)[:20], rng.integers(3, size=20)
    folder = TrialFolder(tmp_path / "t")
    folder.write_predictions("validation", rows, labels, probabilities)
    table = folder.predictions("validation")
    assert list(table.columns)[:5] == ["row", "label", "p_0", "p_1", "p_2"]
    np.testing.assert_array_equal(table["row"], rows)
    np.testing.assert_array_equal(table["label"], labels)
    back = table[["p_0", "p_1", "p_2"]].to_numpy()
    assert back.dtype == np.float32
    np.testing.assert_array_equal(back, probabilities)
    with pytest.raises(FileNotFoundError):
        folder.predictions("test")


def some(n: int = 20, classes: int = 3) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """(rows, labels, probabilities, logits)"""
    rng = np.random.default_rng(0)
    logits = (4 * rng.normal(size=(n, classes))).astype(np.float32)
    return rng.permutation(100)[:n], rng.integers(classes, size=n), softmax(logits), logits


def softmax(logits: np.ndarray) -> np.ndarray:
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("classes", [2, 12])
def test_logits_come_back_beside_their_probabilities(tmp_path: Path, classes: int) -> None:
    rows, labels, probabilities, logits = some(classes=classes)
    folder = TrialFolder(tmp_path / "t")
    folder.write_predictions("test", rows, labels, probabilities, "a-network", logits)
    table = folder.predictions("test")
    names = [f"{prefix}_{label}" for prefix in ("p", "logit") for label in range(classes)]
    assert list(table.columns) == ["row", "label", *names]
    for prefix, wanted in (("p", probabilities), ("logit", logits)):
        found = class_values(table, prefix)
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, wanted)
    assert folder.network_of("test") == "a-network"


def test_where_no_logits_were_kept_logarithms_stand_in_that_give_the_probabilities(tmp_path: Path) -> None:
    rows, labels, probabilities, logits = some()
    probabilities[0] = [1, 0, 0]
    folder = TrialFolder(tmp_path / "t")
    folder.write_predictions("test", rows, labels, probabilities)
    found = class_values(folder.predictions("test"), "logit")
    assert np.isfinite(found).all()
    np.testing.assert_allclose(softmax(found), probabilities, atol=1e-6)
    shift = (found - logits)[1:]
    np.testing.assert_allclose(shift, shift[:, :1].repeat(3, axis=1), atol=1e-4)


@pytest.mark.parametrize(
    "change",
    [
        lambda table: table.drop(columns="logit_1"),
        lambda table: table.drop(columns="p_2"),
        lambda table: table.drop(columns="label"),
        lambda table: table[["row", "label"]],
        lambda table: table.assign(more=1.0),
        lambda table: table.rename(columns={"logit_2": "logit_3"}),
        lambda table: table.assign(logit_0="x"),
        lambda table: table.assign(p_0=1),
        lambda table: table.assign(row=0.5),
    ],
)
def test_other_columns_are_damage(tmp_path: Path, change: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    rows, labels, probabilities, logits = some()
    folder = TrialFolder(tmp_path / "t")
    folder.write_predictions("test", rows, labels, probabilities, "", logits)
    change(folder.predictions("test")).to_parquet(folder.path / "test.parquet")
    with pytest.raises(DamagedFile, match="its columns are no predictions"):
        folder.predictions("test")
