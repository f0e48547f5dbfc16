"""How a deployed technique decides: a fitted decision as plain numbers, a scale and a shift for each class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from balancing.components.deciding import Apply
from balancing.components.decisions.scaling import centred

# What a decision and its numbers may differ by, in units of the scores.
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Rule:
    """The class with the highest score decides: ``scale * logits + shift``.

    Args:
        decision: the decision's name, as components are called; "" for the most probable class.
        scale, shift: (C,) float64.
        centred: whether logits are first made to sum to 0 in each row; then logits and log-probabilities are the same.
        threshold: of two classes the probability of the positive class, as the network says it, from which on it is
            decided for; None where there is none (more classes, or the sum of the logits matters too).
    """

    decision: str
    scale: np.ndarray
    shift: np.ndarray
    centred: bool
    threshold: float | None

    def scores(self, logits: np.ndarray) -> np.ndarray:
        """(N, C) float64 scores, of which the highest decides, from (N, C) float logits."""
        given = centred(logits) if self.centred else logits.astype(np.float64)
        found: np.ndarray = self.scale * given + self.shift
        return found

    def decide(self, logits: np.ndarray) -> np.ndarray:
        """(N,) int64 classes from (N, C) float logits."""
        found: np.ndarray = self.scores(logits).argmax(axis=1).astype(np.int64)
        return found

    def numbers(self) -> dict[str, Any]:
        """For a JSON file: decision, scale, shift, centred, threshold."""
        return {
            "decision": self.decision,
            "scale": self.scale.tolist(),
            "shift": self.shift.tolist(),
            "centred": self.centred,
            "threshold": self.threshold,
        }


def most_probable(n_classes: int, positive: int | None) -> Rule:
    """The rule without a decision: the most probable class."""
    threshold = None if positive is None else 0.5
    return Rule("", np.ones(n_classes), np.zeros(n_classes), False, threshold)


def rule_of(decision: str, apply: Apply, logits: np.ndarray, positive: int | None) -> Rule | None:
    """A fitted decision as numbers, checked to give the same scores.

    Args:
        decision: its name.
        apply: what was fitted.
        logits: (N, C) float, on which both must agree.
        positive: index of the positive class for two classes; None for more.
    Returns:
        None where it is no scale and shift a class.
    """
    n_classes = logits.shape[1]
    shift = np.asarray(apply(np.zeros((1, n_classes))), dtype=np.float64)[0]
    steps = np.diagonal(apply(np.eye(n_classes))) - shift
    for is_centred, scale in ((False, steps), (True, steps * n_classes / (n_classes - 1))):
        found = Rule(decision, scale, shift, is_centred, None)
        wanted, scores = np.asarray(apply(logits)), found.scores(logits)
        if wanted.shape == scores.shape and (np.abs(wanted - scores) <= _ROUNDING * (1 + np.abs(wanted))).all():
            return Rule(decision, scale, shift, is_centred, _threshold(found, positive))
    return None


def _threshold(rule: Rule, positive: int | None) -> float | None:
    """See ``Rule.threshold``: where both scores are equal."""
    if positive is None or len(rule.scale) != 2:
        return None
    if not rule.centred and not np.isclose(rule.scale[0], rule.scale[1], rtol=_ROUNDING, atol=0):
        return None
    slope = float(rule.scale.mean())  # of the scores' difference on the logits'
    if not slope > 0:
        return None
    log_odds = float(rule.shift[1 - positive] - rule.shift[positive]) / slope
    return float(1 / (1 + np.exp(-log_odds))) if abs(log_odds) < 700 else float(log_odds > 0)
