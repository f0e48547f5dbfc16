"""Bias-corrected temperature scaling, and what its bias says of the prior that a network's answers carry."""

from __future__ import annotations

import numpy as np

from balancing.components.deciding import Decision
from balancing.components.decisions.scaling import fit_scaling, tells_apart
from balancing.components.decorators import decision
from balancing.components.ledger import log_frequencies, removed


def calibrated(carried: np.ndarray | None, split: np.ndarray, **_: object) -> np.ndarray:
    """(C,) float64: calibrated answers carry validation's class frequencies, which are the split's, whatever was."""
    return split


@decision(
    label="Bias-corrected temperature",
    reference="Alexandari, Kundaje & Shrikumar, ICML 2020",
    prior_effect=calibrated,
    of_scores="probabilities",
)
def bcts() -> Decision:
    """Probabilities calibrated on validation by one temperature and a bias for each class.

    softmax(f / T + b) with the least negative log-likelihood. The bias learns validation's class frequencies again, so
    it undoes whatever correction of imbalance trained.
    """
    return lambda logits, labels, prior: fit_scaling(logits, labels, by_class=False)


def removed_prior(logits: np.ndarray, labels: np.ndarray, split_prior: np.ndarray) -> float:
    """T as measured: how much of the log class frequencies is missing in the answers, as calibration finds it.

    Calibrated answers carry validation's class frequencies, so what the bias adds was missing: the answers carry
    log(validation's) - b, and T is 1 minus its slope on the split's (with two classes b's difference over the prior's
    log-odds, where validation has the split's frequencies). The temperature takes out over-confidence first.

    Args:
        logits: (V, C) float, validation.
        labels: (V,) int64.
        split_prior: (C,) > 0, class frequencies of the training split.
    Returns:
        T; NaN where the split's classes are equally frequent, one has no row in validation, or validation's classes are
        told apart without a fault, so that no bias is the likeliest.
    """
    counts = np.bincount(labels, minlength=logits.shape[1])
    if not counts.all() or tells_apart(logits, labels, np.ones((1, len(labels)))).any():
        return float("nan")
    bias = fit_scaling(logits, labels, by_class=False).bias
    found = removed(log_frequencies(split_prior), log_frequencies(counts) - bias)
    return float("nan") if found is None else found
