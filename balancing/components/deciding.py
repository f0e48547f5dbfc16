"""The contract of decisions: what fits them, and what they make of logits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np


class Apply(Protocol):
    """What a fitted decision does to logits."""

    def __call__(self, logits: np.ndarray, /) -> np.ndarray:
        """(N, C) float scores, of which the highest decides, from (N, C) float logits."""


@dataclass(frozen=True)
class DecidedNetwork:
    """What a decision with ``asks_network=True`` is told besides: of the network whose logits it decides on.

    Args:
        norms: (C,) float64, of each class's weights in the linear head.
        biases: (C,) float64, as the logits have them.
        metric: one of ``balancing.metrics.SELECTABLE``, by which configurations and epochs are chosen.
        positive: index of the class that is looked for; None for more than two.
    """

    norms: np.ndarray
    biases: np.ndarray
    metric: str = "balanced_accuracy"
    positive: int | None = None


class Decision(Protocol):
    """What a ``@decision`` returns: is fitted on validation, without training."""

    def __call__(self, logits: np.ndarray, labels: np.ndarray, prior: np.ndarray | None, /) -> Apply:
        """Fits.

        Args:
            logits: (V, C) float, of the validation split.
            labels: (V,) int64.
            prior: (C,) > 0, the class frequencies that the network's answers carry; None where they are not known.
        Raises:
            UserError: the decision can't do without a prior that is not known.
        """


class NetworkDecision(Protocol):
    """What a ``@decision`` with ``asks_network=True`` returns."""

    def __call__(
        self, logits: np.ndarray, labels: np.ndarray, prior: np.ndarray | None, network: DecidedNetwork, /
    ) -> Apply:
        """Fits; arguments as of ``Decision``, but the logits are the network's very own, not log-probabilities."""
