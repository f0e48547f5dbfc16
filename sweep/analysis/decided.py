"""Decisions on trials that are there: fitted on a trial's validation logits, applied to both parts of the split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from balancing.components.deciding import DecidedNetwork
from balancing.components.decisions.scaling import log_probabilities
from balancing.components.registry import COMPONENTS, Component
from balancing.components.technique import after
from balancing.components.techniques import JOINS
from balancing.errors import UserError, suggestion
from sweep.analysis.arrays import log_odds
from sweep.analysis.statistics.predictions import Predictions, TrialPredictions

_ROUNDING = 1e-12


def decided(
    trial: TrialPredictions,
    name: str,
    decision: Component,
    own: Mapping[str, Any],
    prior: np.ndarray | None,
    network: DecidedNetwork | None = None,
) -> TrialPredictions:
    """A trial as a decision decides on it: its scores stand for logits, so the highest of them decides.

    Args:
        trial: with validation predictions.
        name: of the technique that so decides.
        own: the decision's parameters.
        prior: (C,) > 0, the class frequencies that the trial's answers carry; None where they are not known.
        network: what is known of the trial's head; None where nothing is.
    Raises:
        UserError: the decision can't do without a prior or a head that is not known, or there are no validation
            predictions.
    """
    validation = trial.validation
    if decision.asks_network and network is None:
        raise UserError(needs_network(decision.name))
    more = [network] if decision.asks_network else []
    apply = decision.build(**own)(validation.logits, validation.labels, prior, *more)
    on_validation, test = (
        replace(_by_scores(part, apply(part.logits)), gives=after(part.gives, decision))
        for part in (validation, trial.test)
    )
    return replace(trial, technique=name, test=test, known_validation=on_validation)


def needs_network(decision: str) -> str:
    """Why a decision that asks for the network's head can't do without it."""
    return (
        f"{decision} needs the weight norms and biases of the network's linear head, which older runs and "
        "plain predictions don't tell, and a head of cosines does not have; take threshold, which needs none"
    )


def _by_scores(part: Predictions, scores: np.ndarray) -> Predictions:
    """The same images by (N, C) scores.

    Where two classes' images keep their order, which then is all that ranks them, they keep the very numbers that they
    were ranked by: areas under the curve move by no rounding.
    """
    found = replace(part, probabilities=np.exp(log_probabilities(scores)), kept_logits=scores, log_odds=None)
    if part.log_odds is not None and scores.shape[1] > 2:
        return replace(found, log_odds=log_odds(scores))
    if scores.shape[1] == 2:
        before, after = (given[:, 1] - given[:, 0] for given in (part.logits, scores))
        order = np.argsort(before, kind="stable")
        kept = bool((np.diff(after[order]) >= -_ROUNDING * (1 + np.abs(after).max(initial=0))).all())
        return replace(found, log_odds=part.scores if kept else np.stack([-after, after], axis=1))
    return found


def parts_of(name: str) -> tuple[str, Component]:
    """The technique that a technique decides anew on, and its decision.

    Raises:
        UserError: no such decision is known here.
    """
    decides_on, _, word = name.rpartition(JOINS)
    decision = COMPONENTS.get(word)
    if decision is None or decision.axis != "decision":
        known = [component.name for component in COMPONENTS.all() if component.axis == "decision"]
        raise UserError(f"unknown decision '{word}'{suggestion(word, known)}")
    return decides_on, decision


def asked_for(written: str | Sequence[str], trained: Sequence[str]) -> dict[str, dict[str, dict[str, Any]]]:
    """What is meant by names of decisions: as written -> technique that decides anew -> its decision's parameters.

    Args:
        written: each a decision's name, which means on every technique, or ``technique+decision``.
        trained: the techniques that there are predictions of.
    Raises:
        UserError: no such decision is known, or there are no predictions of such a technique.
    """
    words = written.split(",") if isinstance(written, str) else written
    if not words or not all(isinstance(word, str) and word.strip() for word in words):
        raise UserError(f"decisions are given by their names, such as 'threshold', but got {written!r}")
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for word in (word.strip() for word in words):
        decides_on, decision = parts_of(word)
        if decides_on and decides_on not in trained:
            raise UserError(f"there are no predictions of '{decides_on}'{suggestion(decides_on, trained)}")
        names = [f"{name}{JOINS}{decision.name}" for name in ([decides_on] if decides_on else trained)]
        taken = [name for name in names if name in trained]
        if taken:
            raise UserError(f"there are predictions named '{taken[0]}' already; rename them, or leave the decision out")
        found[word] = {name: decision.complete({}) for name in names}
    return found
