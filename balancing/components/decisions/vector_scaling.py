"""Vector scaling: calibration by a scale and a bias for each class."""

from __future__ import annotations

from balancing.components.deciding import Decision
from balancing.components.decisions.bcts import calibrated
from balancing.components.decisions.scaling import fit_scaling
from balancing.components.decorators import decision


@decision(label="Vector scaling", reference="Guo et al., ICML 2017", prior_effect=calibrated, of_scores="probabilities")
def vector_scaling() -> Decision:
    """Probabilities calibrated on validation by a scale and a bias for each class.

    softmax(a f + b), elementwise, with the least negative log-likelihood; logits sum to 0 in each row beforehand, and
    the scales lie in [0.018, 55]. Twice as many parameters as classes: for validation splits that are not small. As
    ``bcts`` it undoes whatever correction of imbalance trained.
    """
    return lambda logits, labels, prior: fit_scaling(logits, labels, by_class=True)
