"""Whether two stages agree: a rank correlation, with an interval that holds the truth as often as it says."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from sweep.analysis.stages import Agreement, agreement
from sweep.report.sections.stages import agreement_sentence


def test_agreement_is_spearmans_with_the_interval_of_bonett_and_wright() -> None:
    rng = np.random.default_rng(0)
    one = rng.normal(size=20)
    other = one + rng.normal(size=20)
    found = agreement(one, other)
    r = stats.spearmanr(one, other).statistic
    assert found.correlation == pytest.approx(r)
    half = 1.96 * np.sqrt((1 + r**2 / 2) / 17)
    assert (found.low, found.high) == pytest.approx(
        (np.tanh(np.arctanh(r) - half), np.tanh(np.arctanh(r) + half)), 1e-4
    )
    assert found.same_sign == int(((one > 0) == (other > 0)).sum())


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    rng, rho = np.random.default_rng(1), 0.6
    truth = 6 / np.pi * np.arcsin(rho / 2)  # Spearman's of a normal pair with correlation rho
    covers = 0
    for _ in range(1000):
        x, noise = rng.normal(size=(2, 15))
        found = agreement(x, rho * x + np.sqrt(1 - rho**2) * noise)
        covers += found.low <= truth <= found.high
    assert 0.93 < covers / 1000 < 0.98


def test_few_techniques_are_too_few_to_say() -> None:
    assert "Too few to say" in agreement_sentence(agreement(np.arange(4.0), np.arange(4.0)))
    assert "nothing tells" in agreement_sentence(agreement(np.array([]), np.array([])))
    assert "too wide" in agreement_sentence(Agreement(12, 6, 0.1, -0.5, 0.6))
    assert "the stages agree" in agreement_sentence(Agreement(12, 11, 0.8, 0.4, 0.9))
    assert "other way round" in agreement_sentence(Agreement(12, 2, -0.8, -0.9, -0.4))
