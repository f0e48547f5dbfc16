"""Laws of decisions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from balancing.components.deciding import Apply, DecidedNetwork
from balancing.components.laws.common import CLASS_NUMBERS, SEED, require, settings, untouched_global_state
from balancing.components.ledger import decided
from balancing.components.registry import Component
from balancing.errors import UserError


@dataclass(frozen=True)
class _Fitted:
    """A decision fitted on (60, C) logits and (60,) labels, with what it was fitted on."""

    apply: Apply
    logits: np.ndarray
    said: str


def _validation(n_classes: int) -> tuple[np.ndarray, np.ndarray]:
    """(60, C) logits and (60,) labels that overlap."""
    labels = np.arange(60) % n_classes
    return np.random.default_rng(SEED).normal(size=(60, n_classes)) + 2 * np.eye(n_classes)[labels], labels


def _fit(
    component: Component, parameters: dict[str, Any], logits: np.ndarray, labels: np.ndarray, prior: np.ndarray | None
) -> Apply:
    """A decision fitted; one that asks for the network is told of an invented head."""
    decision, n_classes = component.build(**parameters), logits.shape[1]
    more = []
    if component.asks_network:
        norms, biases = np.linspace(2, 1, n_classes), np.linspace(0.3, -0.3, n_classes)
        more = [DecidedNetwork(norms, biases, positive=1 if n_classes == 2 else None)]
    apply: Apply = decision(logits, labels, prior, *more)
    return apply


def _fitted(component: Component) -> Iterator[_Fitted]:
    """Each setting, with a known prior and without; a decision that can't do without refuses by a UserError."""
    for n_classes in CLASS_NUMBERS:
        logits, labels = _validation(n_classes)
        share = np.arange(1, n_classes + 1) / np.arange(1, n_classes + 1).sum()
        for parameters in settings(component):
            for prior in (share, None):
                said = f"{n_classes} classes with {parameters or 'defaults'} and prior {prior}"
                try:
                    with untouched_global_state():
                        apply = _fit(component, parameters, logits, labels, prior)
                except UserError as refusal:
                    require(prior is None, f"a known prior was refused: {refusal}")
                    told = component.name in str(refusal) and "not known" in str(refusal)
                    require(told, f"the refusal does not say what needs a prior that is not known: {refusal}")
                    continue
                yield _Fitted(apply, logits, said)


def law_scores_are_one_a_class(component: Component) -> None:
    """Fitted on validation, with or without a known prior: (N, C) logits give (N, C) finite scores, and stay."""
    for fitted in _fitted(component):
        kept = fitted.logits.copy()
        with untouched_global_state():
            scores, again = fitted.apply(fitted.logits), fitted.apply(fitted.logits)
        require(scores.shape == fitted.logits.shape, f"(60, C) logits gave {scores.shape}: {fitted.said}")
        require(np.isfinite(scores).all(), f"a score is no finite number: {fitted.said}")
        require(np.array_equal(scores, again), f"equal logits gave different scores: {fitted.said}")
        require(np.array_equal(fitted.logits, kept), f"the given logits were changed: {fitted.said}")
        require(fitted.apply(fitted.logits[:0]).shape == (0, scores.shape[1]), f"no rows gave some: {fitted.said}")


def law_a_row_is_decided_by_itself(component: Component) -> None:
    """A row's scores depend on no other row, unless the decision says that it is transductive; order means nothing."""
    for fitted in _fitted(component):
        scores = fitted.apply(fitted.logits)
        turned = fitted.apply(fitted.logits[::-1])[::-1]
        require(np.allclose(scores, turned, atol=1e-6), f"the order of rows changes scores: {fitted.said}")
        if not component.transductive:
            alone = np.concatenate([fitted.apply(row[None]) for row in fitted.logits])
            same = np.allclose(scores, alone, atol=1e-9)
            require(same, f"a row's scores depend on the others, so it must say transductive=True: {fitted.said}")


def law_what_softmax_does_not_see_changes_nothing(component: Component) -> None:
    """Logits and log-probabilities, which differ by a number a row, give scores that differ by a number a row.

    Of a decision that asks for the network the logits are those of its head, and no others stand for them.
    """
    if component.asks_network:
        return
    for n_classes in CLASS_NUMBERS:
        logits, labels = _validation(n_classes)
        moved = logits + np.random.default_rng(SEED + 1).normal(size=(len(logits), 1))
        prior = np.full(n_classes, 1 / n_classes)
        for parameters in settings(component):
            scores, others = (_fit(component, parameters, x, labels, prior)(x) for x in (logits, moved))
            gap = scores - others
            same = np.allclose(gap, gap.mean(axis=1, keepdims=True), atol=1e-3)
            require(same, f"a number added to a row's logits changes the scores: {n_classes} classes, {parameters}")


def law_extreme_logits_stay_finite(component: Component) -> None:
    """Logits far apart, all right or all wrong, as a network gives them that is sure: scores stay finite."""
    for n_classes in CLASS_NUMBERS:
        labels = np.arange(60) % n_classes
        for wrong in (0, 1):
            logits = 200 * np.eye(n_classes)[(labels + wrong) % n_classes]
            for parameters in settings(component):
                prior = np.full(n_classes, 1 / n_classes)
                scores = _fit(component, parameters, logits, labels, prior)(logits)
                finite = np.isfinite(scores).all()
                require(finite, f"logits of 200 give scores that are not finite: {n_classes} classes, {parameters}")


def law_the_ledger_is_told(component: Component) -> None:
    """What the scores carry afterwards is (C,) finite log frequencies, or not known; what is not known stays so."""
    split = np.log([0.6, 0.3, 0.1])
    for parameters in settings(component):
        complete = component.complete(parameters)
        for carried in (split, 0.5 * split, None):
            left = decided(component.prior_effect, carried, split, complete)
            whole = left is None or (left.shape == split.shape and np.isfinite(left).all())
            require(whole, f"the prior effect is {left}, neither (C,) finite numbers nor None: {parameters}")


LAWS = (
    law_scores_are_one_a_class,
    law_a_row_is_decided_by_itself,
    law_what_softmax_does_not_see_changes_nothing,
    law_extreme_logits_stay_finite,
    law_the_ledger_is_told,
)
