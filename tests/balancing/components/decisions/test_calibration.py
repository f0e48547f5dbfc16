"""Temperature, bias-corrected temperature and vector scaling against abstention, and the prior that is measured."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.special import log_softmax
from sklearn.linear_model import LogisticRegression

from balancing.components.decisions.bcts import bcts, removed_prior
from balancing.components.decisions.scaling import Scaling, fit_scaling, tells_apart
from balancing.components.decisions.temperature import fit_temperature, temperature
from balancing.components.decisions.vector_scaling import vector_scaling
from tests.balancing.components.decisions.toy import drawn, logits_of

THEIRS = json.loads(Path(__file__).with_name("abstention.json").read_text(encoding="utf-8"))
LOGITS, LABELS, OTHER = (np.array(THEIRS[name]) for name in ("logits", "labels", "other"))
NINE_TO_ONE = np.log([0.9, 0.1])


def nll(scores: np.ndarray, labels: np.ndarray) -> float:
    return float(-log_softmax(scores, axis=1)[np.arange(len(labels)), labels].mean())


def test_bias_corrected_temperature_is_that_of_its_authors() -> None:
    found, bias = fit_scaling(LOGITS, LABELS, by_class=False), np.array(THEIRS["bcts"]["bias"])
    np.testing.assert_allclose(found.scale, 1 / THEIRS["bcts"]["temperature"], rtol=1e-4)
    np.testing.assert_allclose(found.bias, bias - bias.mean(), atol=1e-4)


def test_vector_scaling_is_that_of_abstention() -> None:
    found, bias = fit_scaling(LOGITS, LABELS, by_class=True), np.array(THEIRS["vector"]["biases"])
    np.testing.assert_allclose(found.scale, THEIRS["vector"]["scales"], rtol=1e-3)
    np.testing.assert_allclose(found.bias, bias - bias.mean(), atol=1e-3)


def test_two_classes_are_plain_logistic_regression() -> None:
    rows = LABELS < 2
    logits, labels = LOGITS[rows][:, :2], LABELS[rows]
    theirs = LogisticRegression(C=np.inf, tol=1e-10).fit(logits[:, 1:] - logits[:, :1], labels)
    found = fit_scaling(logits, labels, by_class=False)
    assert found.scale[0] == pytest.approx(theirs.coef_[0, 0], rel=1e-4)
    assert found.bias[1] - found.bias[0] == pytest.approx(theirs.intercept_[0], abs=1e-4)


@pytest.mark.parametrize("by_class", [False, True])
def test_no_scaling_near_by_is_likelier(by_class: bool) -> None:
    found = fit_scaling(LOGITS, LABELS, by_class=by_class)
    least, rng = nll(found(LOGITS), LABELS), np.random.default_rng(0)
    for _ in range(50):
        step = 0.05 * rng.normal(size=(2, 3))
        scale = found.scale + (step[0] if by_class else step[0, 0])
        assert nll(Scaling(scale, found.bias + step[1])(LOGITS), LABELS) > least


def test_more_freedom_is_never_less_likely_on_validation() -> None:
    decisions = (temperature(), bcts(), vector_scaling())
    found = [nll(decide(LOGITS, LABELS, None)(LOGITS), LABELS) for decide in decisions]
    assert nll(LOGITS, LABELS) > found[0] > found[1] > found[2]


def test_temperature_is_that_of_the_probabilities_and_changes_no_decision() -> None:
    scores = temperature()(LOGITS, LABELS, None)(OTHER)
    fitted = fit_temperature(LABELS, np.exp(log_softmax(LOGITS, axis=1)))
    np.testing.assert_allclose(scores, OTHER / fitted, rtol=1e-4)
    np.testing.assert_array_equal(scores.argmax(axis=1), OTHER.argmax(axis=1))


@pytest.mark.parametrize("decide", [bcts(), vector_scaling()], ids=["bcts", "vector scaling"])
def test_a_class_that_validation_lacks_is_left_as_it_is(decide: Callable) -> None:
    rows = LABELS < 2
    found = decide(LOGITS[rows], LABELS[rows], None)
    assert found.bias[2] == 0
    assert found.bias[:2].sum() == pytest.approx(0, abs=1e-9)
    for kept in (rows & (LABELS == 0), np.zeros(len(LABELS), dtype=bool)):
        np.testing.assert_allclose(decide(LOGITS[kept], LABELS[kept], None)(LOGITS), LOGITS, atol=1e-9)


def test_validation_without_a_fault_gives_a_scale_within_the_range() -> None:
    labels = np.repeat([0, 1], 10)
    for apart in (0.01, 1.0, 100.0):
        logits = apart * np.eye(2)[labels]
        found = fit_scaling(logits, labels, by_class=False)
        assert 1 <= found.scale[0] <= np.exp(4.0) + 1e-9
        np.testing.assert_allclose(found.bias, 0, atol=1e-6)
        assert nll(found(logits), labels) <= nll(logits, labels)


@pytest.mark.parametrize("confidence", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("removed", [-1.0, 0.0, 0.3, 1.0, 2.0])
def test_the_prior_that_was_removed_is_measured(removed: float, confidence: float) -> None:
    x, labels = drawn((9000, 1000))
    logits = confidence * logits_of(x, (1 - removed) * NINE_TO_ONE)
    assert removed_prior(logits, labels, np.exp(NINE_TO_ONE)) == pytest.approx(removed, abs=0.002)


def test_validation_of_other_class_frequencies_measures_the_same() -> None:
    x, labels = drawn((4000, 2000))
    assert removed_prior(logits_of(x, 0.4 * NINE_TO_ONE), labels, np.exp(NINE_TO_ONE)) == pytest.approx(0.6, abs=0.002)


def test_nothing_is_measured_where_there_is_no_prior_or_no_row_of_a_class() -> None:
    x, labels = drawn((50, 50))
    logits = logits_of(x, np.zeros(2))
    assert np.isnan(removed_prior(logits, labels, np.array([0.5, 0.5])))
    assert np.isnan(removed_prior(logits[:50], labels[:50], np.exp(NINE_TO_ONE)))


def test_no_bias_is_the_likeliest_where_classes_are_told_apart_without_a_fault() -> None:
    """By biases alone, whatever they are: complete separation, and quasi-complete, where two rows stand at one edge."""
    labels = np.array([0, 0, 1, 1])
    cases = {(0.0, 1.0, 2.0, 3.0): True, (0.0, 2.0, 2.0, 3.0): True, (0.0, 2.1, 2.0, 3.0): False, (5.0,) * 4: True}
    for log_odds, apart in cases.items():
        logits = np.array([[0.0, each] for each in log_odds])
        assert tells_apart(logits, labels, np.ones((1, 4))).tolist() == [apart]
        assert np.isnan(removed_prior(logits, labels, np.exp(NINE_TO_ONE))) == apart
    overlapping = np.array([[0.0, each] for each in (0.0, 2.1, 2.0, 3.0)])
    assert tells_apart(overlapping, labels, np.array([[1, 0, 1, 2], [1, 1, 0, 1]])).tolist() == [True, True]
    # Three classes in a round, each taken for the next: no biases mend that, though any two of them would.
    assert not tells_apart(np.roll(np.eye(3), 1, axis=1), np.arange(3), np.ones((1, 3))).any()
    assert tells_apart(np.eye(3) + np.arange(3), np.arange(3), np.ones((1, 3))).all()
