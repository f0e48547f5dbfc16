"""What a user states of how decisions shall be made."""

from __future__ import annotations

from dataclasses import dataclass

from balancing.components.decisions.threshold import COST_RATIO, SENSITIVITY


@dataclass(frozen=True)
class DecisionPreferences:
    """What a user states of how decisions shall be made.

    Args:
        sensitivity: wanted of a threshold, in (0, 1].
        cost_ratio: what a miss costs in false alarms, > 0.
        prevalence: of the positive class where the network shall be used, in (0, 1); None where it is not stated.
    """

    sensitivity: float = SENSITIVITY
    cost_ratio: float = COST_RATIO
    prevalence: float | None = None


USUAL = DecisionPreferences()  # the usual values
