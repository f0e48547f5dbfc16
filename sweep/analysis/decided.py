"""Decisions on trials that are there: fitted on a trial's validation logits, applied to both parts of the split."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from balancing.components.decisions.scaling import log_probabilities
from balancing.components.registry import Component
from balancing.components.technique import after
from sweep.analysis.arrays import log_odds
from sweep.analysis.statistics.predictions import Predictions, TrialPredictions

_ROUNDING = 1e-12


def decided(
    trial: TrialPredictions, name: str, decision: Component, own: Mapping[str, Any], prior: np.ndarray | None
) -> TrialPredictions:
    """A trial as a decision decides on it: its scores stand for logits, so the highest of them decides.

    Args:
        trial: with validation predictions.
        name: of the technique that so decides.
        own: the decision's parameters.
        prior: (C,) > 0, the class frequencies that the trial's answers carry; None where they are not known.
    Raises:
        UserError: the decision can't do without a prior that is not known, or there are no validation predictions.
    """
    apply = decision.build(**own)(trial.validation.logits, trial.validation.labels, prior)
    validation, test = (
        replace(_by_scores(part, apply(part.logits)), gives=after(part.gives, decision))
        for part in (trial.validation, trial.test)
    )
    return replace(trial, technique=name, test=test, known_validation=validation)


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
