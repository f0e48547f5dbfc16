"""Mixers and decisions made wrong on purpose break the laws about them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from balancing.components.axes import Partnered, TrainingContext
from balancing.components.decorators import decision, mixer
from balancing.components.registry import COMPONENTS
from balancing.components.testing import LAWS, check, run
from balancing.errors import UserError
from tests.balancing.components.registered import keep_registry

SAYS: dict[str, Any] = {"label": "Wrong", "reference": "here"}


def beyond_its_parents() -> None:
    @mixer(**SAYS)
    def wrong(context: TrainingContext) -> Any:
        """Goes past the partner."""
        return lambda x, partner, targets, others, generator: (
            torch.lerp(x, partner, 1.5),
            torch.lerp(targets, others, 0.5),
        )


def never_mixes() -> None:
    @mixer(**SAYS)
    def wrong(context: TrainingContext) -> Any:
        """Leaves all as it is."""
        return lambda x, partner, targets, others, generator: (x.clone(), targets.clone())


def draws_from_everywhere() -> None:
    @mixer(**SAYS)
    def wrong(context: TrainingContext) -> Any:
        """Draws its shares from torch's own generator."""

        def mix(x: Any, partner: Any, targets: Any, others: Any, generator: Any) -> Any:
            share = float(torch.distributions.Beta(0.5, 0.5).sample())
            return torch.lerp(x, partner, share), torch.lerp(targets, others, share)

        return Partnered(mix, power=0.0)


def refuses_without_reason() -> None:
    @mixer(**SAYS)
    def wrong(context: TrainingContext) -> Any:
        """Works on images, and does not say so."""

        def mix(x: Any, partner: Any, targets: Any, others: Any, generator: Any) -> Any:
            if x.dim() != 4:
                raise UserError("no")
            return torch.lerp(x, partner, 0.5), torch.lerp(targets, others, 0.5)

        return mix


def no_power() -> None:
    @mixer(**SAYS)
    def wrong(context: TrainingContext) -> Any:
        """Draws partners by no number."""
        return Partnered(lambda x, partner, targets, others, generator: (x, targets), power=float("nan"))


def looks_at_the_set() -> None:
    @decision(**SAYS)
    def wrong() -> Any:
        """Takes the mean of what it is applied to off, and does not say so."""
        return lambda logits, labels, prior: lambda given: given - (given.mean(axis=0) if len(given) else 0)


def scales_raw_logits() -> None:
    @decision(**SAYS)
    def wrong() -> Any:
        """Scales each class's logit, wherever a row's logits lie."""
        return lambda logits, labels, prior: lambda given: given * np.arange(1, given.shape[1] + 1)


def overflows() -> None:
    @decision(**SAYS)
    def wrong() -> Any:
        """Takes logarithms of probabilities without a floor."""

        def apply(given: np.ndarray) -> np.ndarray:
            with np.errstate(all="ignore"):
                raised = np.exp(given - given.max(axis=1, keepdims=True)).astype(np.float32)
                return np.log(raised / raised.sum(axis=1, keepdims=True))

        return lambda logits, labels, prior: apply


def shifts_by_one_number() -> None:
    @decision(**SAYS, prior_effect=lambda carried, split: np.array(0.0))
    def wrong() -> Any:
        """Tells the ledger one number for all classes."""
        return lambda logits, labels, prior: lambda given: given


def refuses_any_prior() -> None:
    @decision(**SAYS)
    def wrong() -> Any:
        """Refuses what it was given."""

        def fit(logits: np.ndarray, labels: np.ndarray, prior: np.ndarray | None) -> Any:
            raise UserError("wrong needs a prior, which is not known")

        return fit


@pytest.mark.parametrize(
    ("define", "broken"),
    [
        (beyond_its_parents, "law_what_is_mixed_lies_between_its_parents"),
        (never_mixes, "law_what_is_mixed_lies_between_its_parents"),
        (draws_from_everywhere, "law_rows_and_targets_stay_what_they_are"),
        (refuses_without_reason, "law_rows_and_targets_stay_what_they_are"),
        (no_power, "law_rows_and_targets_stay_what_they_are"),
        (looks_at_the_set, "law_a_row_is_decided_by_itself"),
        (scales_raw_logits, "law_what_softmax_does_not_see_changes_nothing"),
        (overflows, "law_extreme_logits_stay_finite"),
        (shifts_by_one_number, "law_the_ledger_is_told"),
        (refuses_any_prior, "law_scores_are_one_a_class"),
    ],
)
def test_what_is_wrong_breaks_its_law(define: Any, broken: str, monkeypatch: pytest.MonkeyPatch) -> None:
    keep_registry(monkeypatch)
    define()
    component = COMPONENTS.get("wrong")
    assert component is not None
    (law,) = (law for law in LAWS[component.axis] if law.__name__ == broken)
    with pytest.raises(AssertionError, match=rf"^{broken} on {component.axis} 'wrong': "):
        run(law, component)


def test_what_is_right_in_its_own_way_keeps_the_laws(monkeypatch: pytest.MonkeyPatch) -> None:
    keep_registry(monkeypatch)

    @mixer(label="Half of a balanced one", reference="here")
    def half_balanced(context: TrainingContext) -> Any:
        """Half of each row from a partner of the training rows."""
        return Partnered(
            lambda x, partner, targets, others, generator: (
                torch.lerp(x, partner, 0.5),
                torch.lerp(targets, others, 0.5),
            ),
            power=0.0,
        )

    @decision(label="Set's mean", reference="here", transductive=True)
    def mean_of_the_set() -> Any:
        """Takes the mean of what it is applied to off, and says so."""
        return lambda logits, labels, prior: lambda given: given - (given.mean(axis=0) if len(given) else 0)

    @decision(label="Needs a prior", reference="here", prior_effect=lambda carried, split: None)
    def needs_prior() -> Any:
        """Refuses where the prior is not known."""

        def fit(logits: np.ndarray, labels: np.ndarray, prior: np.ndarray | None) -> Any:
            if prior is None:
                raise UserError("needs_prior needs a prior, which is not known; give one")
            return lambda given: given - np.log(prior)

        return fit

    for name in ("half_balanced", "mean_of_the_set", "needs_prior"):
        check(name)
