"""The prior ledger: how much of the class prior a technique takes out of a network's answers.

A network that is trained by cross-entropy answers with the class frequencies of the rows that trained. A sampler
changes those rows, class weights act as if there were more rows of a class, a shift of the logits in training takes a
prior out, and a decision may shift the logits once more. Each component states what it does; the ledger adds up in
logarithms, and reads off one number:

    T = 1 - slope of (log of the frequencies that the answers carry) on (log of the training split's)

T = 0: the answers carry the split's class frequencies, as calibrated ones do. T = 1: they carry none, which balanced
accuracy rewards. T > 1: corrected twice. With class masses drawn in proportion to n^q, weights (of the rows that train)
n^-r, a training shift of tau times their log prior and a decision that shifts by tau_d of what is left,
T = (1 - q) + q (r + tau) + ...: a loss sees the counts of the rows that train, so it can't correct what a sampler has.

Where rows are mixed, answers are less sure, by how much is not known, and a shift then counts for more than it says
(with two Gaussians, 9 to 1, a mixup of alpha 1 and a tau of 1: T = 1.05 where they are hard to tell apart, 2.3 where
easy), weights of rows for less. Mixing alone keeps the prior, but for a few hundredths. So of a mixer T is known only
where nothing but the choice of rows changes the class masses; what they add up to still refuses what corrects twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    from balancing.components.axes import TrainingContext

# Of components that train: (context, **parameters) -> (C,) float64, what is added to the log of the class frequencies
# that the answers carry, but for a constant; None where it is not known in closed form.
Shift = Callable[..., np.ndarray | None]
# Of decisions: (carried (C,) float64 or None, split (C,) float64, **parameters) -> (C,) float64, the log class
# frequencies that the scores carry, but for a constant, where the logits carry ``carried`` (None where that is not
# known) and the training split has ``split``; None where it is not known in closed form.
DecisionShift = Callable[..., np.ndarray | None]
# "kept": nothing is added (of a sampler: beyond what its rows' class counts say); "unknown": no closed form.
PriorEffect = Literal["kept", "unknown"] | Shift | DecisionShift

# Two log frequencies that differ by less are equal: a prior of 51 to 50 has no slope to speak of.
_BALANCED = 0.02


def shift_of(effect: PriorEffect, context: TrainingContext, parameters: Mapping[str, Any]) -> np.ndarray | None:
    """What a component that trains adds to the log class frequencies, (C,) float64; None where it is not known."""
    if effect == "unknown":
        return None
    if effect == "kept":
        return np.zeros(context.n_classes)
    assert callable(effect)
    return effect(context, **parameters)


def decided(
    effect: PriorEffect, carried: np.ndarray | None, split: np.ndarray, parameters: Mapping[str, Any]
) -> np.ndarray | None:
    """The log class frequencies that a decision's scores carry, (C,) float64; None where they are not known.

    Args:
        effect: the decision's.
        carried: (C,) float64, those that the logits carry, but for a constant; None where they are not known.
        split: (C,) float64, log class frequencies of the training split.
        parameters: the decision's, complete.
    """
    if effect == "unknown":
        return None
    if effect == "kept":
        return carried
    assert callable(effect)
    return effect(carried, split, **parameters)


def log_frequencies(class_counts: np.ndarray) -> np.ndarray:
    """(C,) float64, natural logarithms of the classes' shares of (C,) counts, each >= 1."""
    counts = np.asarray(class_counts, dtype=np.float64)
    found: np.ndarray = np.log(counts / counts.sum())
    return found


@dataclass(frozen=True)
class Ledger:
    """What a technique is designed to do to the class prior.

    Args:
        split: (C,) float64, log class frequencies of the training split.
        carried: (C,) float64, those that the network's answers carry, but for a constant; None where a component has
            no closed form.
        unknown: the components for which it has none.
        masses: (C,) float64, log class masses as components of training add up, where the answers of mixed rows are
            not known to carry them; else None.
    """

    split: np.ndarray
    carried: np.ndarray | None
    unknown: tuple[str, ...] = ()
    masses: np.ndarray | None = None

    @property
    def removed(self) -> float | None:
        """T; None where it is not known, or the split is balanced, so that there is no prior to take out."""
        return None if self.carried is None else removed(self.split, self.carried)

    @property
    def prior(self) -> np.ndarray | None:
        """(C,) float64 that sum to 1: the class frequencies that the answers carry; None where not known."""
        if self.carried is None:
            return None
        raised = np.exp(self.carried - self.carried.max())
        found: np.ndarray = raised / raised.sum()
        return found


def removed(split: np.ndarray, carried: np.ndarray) -> float | None:
    """T: 1 minus the least-squares slope of the carried on the split's log class frequencies, each (C,) float64.

    Returns:
        None where the split's classes are equally frequent.
    """
    centred = split - split.mean()
    if np.ptp(split) < _BALANCED:
        return None
    return float(1 - centred @ (carried - carried.mean()) / (centred @ centred))
