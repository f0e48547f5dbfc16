"""Prior correction by expectation-maximisation: class frequencies estimated from the rows that are to be decided."""

from __future__ import annotations

import numpy as np

from balancing.components.deciding import Apply, Decision
from balancing.components.decisions.scaling import fit_scaling, log_probabilities
from balancing.components.decorators import decision
from balancing.components.ranges import Choice
from balancing.errors import UserError

_STEPS = 10_000
_CLOSE = 1e-10
_LEAST = 1e-12


def estimate_prior(probabilities: np.ndarray, source: np.ndarray) -> np.ndarray:
    """The class frequencies under which rows are likeliest, where images within a class stay what they were.

    Args:
        probabilities: (N, C), rows sum to 1: calibrated where classes are as frequent as ``source`` says; N >= 1.
        source: (C,) > 0, sums to 1.
    Returns:
        (C,) float64 >= 1e-12, sums to 1: the fixed point, or where ten thousand steps lead.
    Reference: Saerens, Latinne & Decaestecker, Neural Computation 14(1), 2002.
    """
    likelihood = probabilities / source
    prior = np.array(source, dtype=np.float64)
    for _ in range(_STEPS):
        joint = likelihood * prior
        found = np.maximum((joint / joint.sum(axis=1, keepdims=True)).mean(axis=0), _LEAST)
        found /= found.sum()
        if np.abs(found - prior).max() < _CLOSE:
            return found
        prior = found
    return prior


@decision(
    label="EM prior correction (transductive)",
    reference="Saerens, Latinne & Decaestecker, Neural Computation 14(1), 2002; Alexandari et al., ICML 2020",
    transductive=True,
    of_scores="probabilities",  # without calibration it refuses them: their prior is not known
    calibration=Choice(("bcts", "none"), default="bcts"),
)
def em_prior(*, calibration: str) -> Decision:
    """Probabilities for the class frequencies of the rows that are decided, estimated from all of them together.

    Transductive: a row's scores depend on the others that are decided with it, so it is none for single patients.

    Args:
        calibration: ``bcts`` calibrates on validation first, and takes validation's class frequencies for those that
            the answers carry; ``none`` takes the answers, and what they are said to carry, as they are: harmful where
            either is wrong.
    """

    def fit(logits: np.ndarray, labels: np.ndarray, prior: np.ndarray | None) -> Apply:
        if calibration == "bcts":
            counts = np.bincount(labels, minlength=logits.shape[1]).astype(np.float64)
            source = np.maximum(counts, 0.5) / np.maximum(counts, 0.5).sum()  # a class without a row is rare, not none
            calibrate: Apply = fit_scaling(logits, labels, by_class=False)
        elif prior is None:
            raise UserError(
                "em_prior without calibration needs the class frequencies that a network's answers carry, but those of "
                "this technique are not known; leave em_prior.calibration at bcts"
            )
        else:
            source, calibrate = np.asarray(prior, dtype=np.float64) / np.sum(prior), lambda given: given

        def apply(given: np.ndarray) -> np.ndarray:
            if len(given) == 0:
                return given.astype(np.float64)
            logs = log_probabilities(calibrate(given))
            return logs + np.log(estimate_prior(np.exp(logs), source)) - np.log(source)

        return apply

    return fit
