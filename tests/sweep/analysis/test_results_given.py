"""Plain arrays are taken for what they are: probabilities or logits, known patients or unknown ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from balancing.errors import UserError
from sweep.analysis.results import Results

N = 60
LABELS = np.arange(N) % 3


def probabilities(seeds: int = 2, classes: int = 3) -> np.ndarray:
    raw = np.random.default_rng(0).random((seeds, N, classes)) + 0.05
    return raw / raw.sum(axis=2, keepdims=True)


def given(predictions: np.ndarray, **more: Any) -> Results:
    return Results.from_predictions(LABELS % predictions.shape[2], {"baseline": predictions}, **more)


def test_a_rounding_error_above_one_makes_no_logits_of_probabilities() -> None:
    exact = probabilities()
    exact[1, 0] = [1.0, 0.0, 0.0]
    rounded = exact.copy()
    rounded[1, 0] = [1.0000000000000002, -1e-17, 0.0]
    assert given(rounded).test_table().equals(given(exact).test_table())


def test_logits_of_one_seed_that_lie_between_0_and_1_are_logits() -> None:
    rng = np.random.default_rng(1)
    logits = np.stack([rng.random((N, 3)), rng.normal(size=(N, 3)) * 3])
    soft = np.exp(logits) / np.exp(logits).sum(axis=2, keepdims=True)
    ours, theirs = given(logits).test_table(), given(soft).test_table()
    np.testing.assert_allclose(ours[["loss", "auroc"]], theirs[["loss", "auroc"]], rtol=1e-12)


def test_percentages_are_refused() -> None:
    with pytest.raises(UserError, match="are percentages; divide them by 100"):
        given(100 * probabilities())


@pytest.mark.parametrize("missing", [None, float("nan"), ""])
def test_images_of_unknown_patients_are_a_patient_each(missing: Any) -> None:
    known = [missing] * 20 + ["a"] * (N - 20)
    assert len(set(given(probabilities(), patients=known).patients)) == 21


def test_two_classes_need_images_of_both() -> None:
    with pytest.raises(UserError, match="must hold images of both classes, but hold class 1 alone"):
        Results.from_predictions(np.ones(N, dtype=int), {"baseline": probabilities(classes=2)}, positive=1)


def test_what_is_asked_for_by_a_wrong_name_is_refused() -> None:
    results = given(probabilities())
    for ask in (results.differences, results.seed_differences):
        with pytest.raises(UserError, match="unknown metric 'recal'; did you mean 'recall'"):
            ask("recal")
    for part in (results.class_counts, results.rows_of):
        with pytest.raises(UserError, match="unknown part 'tests' of the split; did you mean 'test'"):
            part("tests")
    for predicted in (results.resampled, lambda part: results.predictions_of("", part)):
        with pytest.raises(UserError, match="unknown part 'valid' of the split; did you mean 'validation'"):
            predicted("valid")
    with pytest.raises(UserError, match="the split has no row 999"):
        results.patients_of(np.array([0, 999]))
