"""Post-hoc logit adjustment on known posteriors, and what decisions do in the ledger."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.special import softmax

from balancing.components.axes import TrainingContext
from balancing.components.decisions.posthoc_logit_adjustment import posthoc_logit_adjustment
from balancing.components.decisions.prior import shift_prior
from balancing.components.ledger import Ledger
from balancing.components.registry import COMPONENTS
from balancing.components.techniques import Technique
from balancing.errors import UserError
from tests.balancing.components.decisions.toy import drawn, logits_of

PRIOR = np.array([0.9, 0.1])
SPLIT = np.array([900, 100])


def test_all_of_the_prior_taken_out_leaves_the_balanced_posterior() -> None:
    x, labels = drawn((90, 10))
    logits = logits_of(x, np.log(PRIOR))
    scores = posthoc_logit_adjustment(tau=1.0)(logits, labels, PRIOR)(logits)
    np.testing.assert_allclose(scores, logits_of(x, np.zeros(2)), atol=1e-12)
    np.testing.assert_allclose(softmax(scores, axis=1), shift_prior(softmax(logits, axis=1), PRIOR), atol=1e-12)
    np.testing.assert_array_equal(posthoc_logit_adjustment(tau=0.0)(logits, labels, PRIOR)(logits), logits)


def test_a_prior_that_is_not_known_is_refused() -> None:
    x, labels = drawn((9, 1))
    with pytest.raises(UserError, match=r"needs the class frequencies .* are not known; take threshold"):
        posthoc_logit_adjustment(tau=1.0)(logits_of(x, np.log(PRIOR)), labels, None)


def ledger(names: str, **parameters: Any) -> Ledger:
    parts = []
    for name in names.split("+"):
        component = COMPONENTS.get(name)
        assert component is not None
        parts.append(component)
    technique = Technique(names, names, "", "", tuple(parts))
    return technique.ledger(TrainingContext(SPLIT, split_counts=SPLIT), **parameters)


def test_the_ledger_takes_out_what_a_decision_takes_out_of_what_is_left() -> None:
    assert ledger("posthoc_logit_adjustment").removed == pytest.approx(1)
    assert ledger("posthoc_logit_adjustment", tau=0.4).removed == pytest.approx(0.4)
    assert ledger("posthoc_logit_adjustment", tau=2.0).removed == pytest.approx(2)
    halves = {"class_weights.power": 0.5, "posthoc_logit_adjustment.tau": 0.5}
    assert ledger("class_weights+posthoc_logit_adjustment", **halves).removed == pytest.approx(0.75)
    np.testing.assert_allclose(ledger("posthoc_logit_adjustment").prior, [0.5, 0.5])


def test_calibration_puts_the_prior_back_and_a_temperature_leaves_it_out() -> None:
    assert ledger("class_weights+bcts").removed == pytest.approx(0)
    assert ledger("class_weights+vector_scaling").removed == pytest.approx(0)
    assert ledger("class_weights+temperature").removed == pytest.approx(1)
    np.testing.assert_allclose(ledger("class_weights+bcts").prior, PRIOR)


def test_what_follows_validation_or_the_test_rows_is_not_known() -> None:
    for name in ("threshold", "em_prior"):
        found = ledger(f"class_weights+{name}")
        assert found.removed is None
        assert found.unknown == (name,)


def test_what_is_not_known_of_training_stays_so_unless_it_is_calibrated() -> None:
    found = ledger("unimix+posthoc_logit_adjustment")
    assert found.removed is None
    assert found.unknown == ("unimix",)
    assert ledger("unimix+temperature").unknown == ("unimix",)
    assert ledger("unimix+threshold").unknown == ("unimix",)
    assert ledger("unimix+bcts").removed == pytest.approx(0)
    assert ledger("unimix+bcts").unknown == ()
