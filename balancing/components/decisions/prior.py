"""Prior correction: what probabilities were if the classes were as frequent as elsewhere."""

from __future__ import annotations

import numpy as np


def shift_prior(
    probabilities: np.ndarray, training_prior: np.ndarray, target_prior: np.ndarray | None = None
) -> np.ndarray:
    """What the probabilities were if the classes were as frequent as ``target_prior`` says.

    p'_c is proportional to p_c * target_c / training_c: exact where p is the posterior under the training prior and
    images within a class stay the same.

    Args:
        probabilities: (N, C).
        training_prior: (C,), > 0, sums to 1: class frequencies that the network was trained with.
        target_prior: (C,), >= 0, sums to 1; 1 / C each by default.
    Returns:
        (N, C) float64, rows sum to 1.
    Raises:
        ValueError: a prior is not one.
    Reference: Saerens, Latinne & Decaestecker, Neural Computation 14(1), 2002, eq. 2.4.
    """
    training = np.asarray(training_prior, dtype=np.float64)
    target = np.full(len(training), 1 / len(training)) if target_prior is None else np.asarray(target_prior, np.float64)
    for name, prior, least in (("training", training, np.nextafter(0, 1)), ("target", target, 0.0)):
        if prior.shape != (probabilities.shape[1],) or prior.min() < least or abs(prior.sum() - 1) > 1e-6:
            raise ValueError(f"the {name} prior needs {probabilities.shape[1]} shares that sum to 1, but is {prior}")
    shifted = probabilities.astype(np.float64) * (target / training)
    total = shifted.sum(axis=1, keepdims=True)
    # Nothing is left where a network is certain of a class that cannot occur at the target.
    return np.divide(shifted, total, out=np.tile(target, (len(shifted), 1)), where=total > 0)


def shift_prevalence(
    probabilities: np.ndarray, training_prior: np.ndarray, positive: int, prevalence: float
) -> np.ndarray:
    """``shift_prior`` for two classes to a stated prevalence of the positive one, in [0, 1]."""
    target = np.full(2, 1 - prevalence)
    target[positive] = prevalence
    return shift_prior(probabilities, training_prior, target)
