"""Post-hoc logit adjustment: the prior that a network's answers carry taken out of them."""

from __future__ import annotations

import numpy as np

from balancing.components.deciding import Apply, Decision
from balancing.components.decorators import decision
from balancing.components.ranges import FloatRange
from balancing.errors import UserError


def what_is_left(carried: np.ndarray | None, split: np.ndarray, *, tau: float) -> np.ndarray | None:
    """(C,) float64: 1 - tau of the log class frequencies that the answers carried."""
    return None if carried is None else (1 - tau) * carried


@decision(
    label="Post-hoc logit adjustment",
    reference="Menon et al., ICLR 2021",
    prior_effect=what_is_left,
    tau=FloatRange(0.0, 1.0, default=1.0, maximum=2.0),
)
def posthoc_logit_adjustment(*, tau: float) -> Decision:
    """Logits less tau times the log class frequencies that they carry.

    Args:
        tau: 0 changes nothing, 1 leaves no prior, which balanced accuracy rewards, more corrects twice.
    """

    def fit(logits: np.ndarray, labels: np.ndarray, prior: np.ndarray | None) -> Apply:
        if prior is None:
            raise UserError(
                "posthoc_logit_adjustment needs the class frequencies that a network's answers carry, but those of "
                "this technique are not known; take threshold, which is fitted on validation alone"
            )
        shift = tau * np.log(np.asarray(prior, dtype=np.float64))
        return lambda given: given - shift

    return fit
