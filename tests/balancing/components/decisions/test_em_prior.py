"""Prior correction by EM: recovers the frequencies of a test split, as abstention's does; says what it needs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import softmax

from balancing.components.decisions.em_prior import em_prior, estimate_prior
from balancing.errors import UserError
from tests.balancing.components.decisions.toy import drawn, logits_of

THEIRS = json.loads(Path(__file__).with_name("abstention.json").read_text(encoding="utf-8"))
SOURCE = np.array([0.9, 0.1])


@pytest.mark.parametrize("counts", [(5000, 5000), (9000, 1000), (2000, 8000)], ids=str)
def test_the_frequencies_of_the_test_rows_are_found(counts: tuple[int, int]) -> None:
    x, _ = drawn(counts)
    found = estimate_prior(softmax(logits_of(x, np.log(SOURCE)), axis=1), SOURCE)
    np.testing.assert_allclose(found, np.array(counts) / sum(counts), atol=0.005)


def test_the_fixed_point_is_the_greatest_likelihood() -> None:
    x, _ = drawn((300, 200))
    probabilities = softmax(logits_of(x, np.log(SOURCE)), axis=1)

    def loss(share: float) -> float:
        return float(-np.log(probabilities / SOURCE @ [1 - share, share]).sum())

    best = minimize_scalar(loss, bounds=(0, 1), method="bounded", options={"xatol": 1e-9}).x
    assert estimate_prior(probabilities, SOURCE)[1] == pytest.approx(best, abs=1e-5)


@pytest.mark.parametrize("removed", [0.0, 1.0])
def test_scores_are_the_posteriors_of_the_test_rows_whatever_prior_the_network_carries(removed: float) -> None:
    x, labels = drawn((9000, 1000))
    shift = (1 - removed) * np.log(SOURCE)
    apply = em_prior(calibration="bcts")(logits_of(x, shift), labels, None)
    test, _ = drawn((2000, 8000))
    wanted = softmax(logits_of(test, np.log([0.2, 0.8])), axis=1)
    np.testing.assert_allclose(softmax(apply(logits_of(test, shift)), axis=1), wanted, atol=0.01)
    as_said = em_prior(calibration="none")(logits_of(x, shift), labels, np.exp(shift))
    np.testing.assert_allclose(softmax(as_said(logits_of(test, shift)), axis=1), wanted, atol=0.01)


def test_calibration_and_em_are_abstentions() -> None:
    apply = em_prior(calibration="bcts")(np.array(THEIRS["logits"]), np.array(THEIRS["labels"]), None)
    np.testing.assert_allclose(softmax(apply(np.array(THEIRS["other"])), axis=1), THEIRS["em"], atol=2e-4)


def test_without_calibration_a_prior_that_is_not_known_is_refused() -> None:
    x, labels = drawn((20, 20))
    with pytest.raises(UserError, match=r"needs the class frequencies .* are not known; leave em_prior.calibration at"):
        em_prior(calibration="none")(logits_of(x, np.zeros(2)), labels, None)


def test_rows_of_one_class_alone_leave_the_other_a_share() -> None:
    found = estimate_prior(np.array([[1.0, 0.0]] * 5), SOURCE)
    np.testing.assert_allclose(found, [1, 1e-12], rtol=1e-6)
