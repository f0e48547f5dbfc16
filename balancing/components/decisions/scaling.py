"""Calibration by scale and bias: softmax(a f + b), fitted by its likelihood on validation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# As far as temperatures go; where validation is told apart without a fault, the likelihood has no greatest value.
_SCALES = (np.exp(-4.0), np.exp(4.0))


@dataclass(frozen=True)
class Scaling:
    """scale * f + bias, of logits that sum to 0 in each row.

    Args:
        scale: (C,) float64 in [0.018, 55].
        bias: (C,) float64; mean 0 over the classes it was fitted on.
    """

    scale: np.ndarray
    bias: np.ndarray

    def __call__(self, logits: np.ndarray) -> np.ndarray:
        """(N, C) float64 from (N, C) float logits."""
        return self.scale * centred(logits) + self.bias


def centred(logits: np.ndarray) -> np.ndarray:
    """(N, C) float64: less the mean of each row, so that logits and log-probabilities are one and the same."""
    found = logits.astype(np.float64)
    return found - found.mean(axis=1, keepdims=True)


def log_probabilities(logits: np.ndarray) -> np.ndarray:
    """(N, C) float64: log softmax of (N, C) float logits."""
    found = logits - logits.max(axis=1, keepdims=True).astype(np.float64)
    return found - np.log(np.exp(found).sum(axis=1, keepdims=True))


def tells_apart(logits: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Whether biases alone would tell the classes apart without a fault: no scale and bias are then the likeliest.

    The larger the scale, the better it fits, whatever the bias; so too where the answers are the same of every row.
    Class y's rows are all decided for it where b_j - b_y is at most m_yj, the least by which they lead class j: there
    are such biases where no round of classes has a negative sum of m.

    Args:
        logits: (V, C) float.
        labels: (V,) int64.
        weights: (B, V) >= 0; rows of weight 0 are left out.
    Returns:
        (B,) bool.
    Reference: Albert & Anderson, Biometrika 71(1), 1984 (complete and quasi-complete separation).
    """
    given = centred(logits)
    n_classes = given.shape[1]
    least = np.full((len(weights), n_classes, n_classes), np.inf)
    for label in np.unique(labels):
        own = given[labels == label]
        used = weights[:, labels == label, None] > 0
        least[:, label] = np.where(used, own[:, [label]] - own, np.inf).min(axis=1)
    for via in range(n_classes):
        least = np.minimum(least, least[:, :, [via]] + least[:, [via], :])
    return np.asarray((np.diagonal(least, axis1=1, axis2=2) >= 0).all(axis=1))


def fit_scaling(logits: np.ndarray, labels: np.ndarray, *, by_class: bool) -> Scaling:
    """The scaling with the least mean negative log-likelihood, which is convex in scale and bias.

    Args:
        logits: (V, C) float, validation.
        labels: (V,) int64. A class without a row keeps bias 0 and is left out of the likelihood; with fewer than two
            classes nothing is fitted.
        by_class: a scale for each class (vector scaling), or one for all.
    """
    from scipy.optimize import minimize

    n_classes = logits.shape[1]
    present, classes = np.unique(labels, return_inverse=True)
    scale, bias = np.ones(n_classes), np.zeros(n_classes)
    if len(present) < 2:
        return Scaling(scale, bias)
    given = centred(logits)[:, present]
    spread = float(given.std()) or 1.0  # so that scale and bias are equally steep
    given = given / spread
    truth = np.eye(len(present))[classes]
    n_scales = len(present) if by_class else 1

    def loss(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        scaled = parameters[:n_scales] * given + parameters[n_scales:]
        logs = log_probabilities(scaled)
        excess = (np.exp(logs) - truth) / len(labels)
        of_scale = (excess * given).sum(axis=0)
        return float(-logs[truth == 1].mean()), np.concatenate(
            [of_scale if by_class else of_scale.sum(keepdims=True), excess.sum(axis=0)]
        )

    found = minimize(
        loss,
        np.concatenate([np.full(n_scales, spread), np.zeros(len(present))]),
        jac=True,
        method="L-BFGS-B",
        bounds=[tuple(spread * np.array(_SCALES))] * n_scales + [(None, None)] * len(present),
        options={"maxiter": 5000, "maxfun": 10_000, "ftol": 1e-15, "gtol": 1e-9},
    ).x
    if by_class:
        scale[present] = found[:n_scales] / spread
    else:
        scale[:] = found[0] / spread
    bias[present] = found[n_scales:] - found[n_scales:].mean()
    return Scaling(scale, bias)
