"""Temperature scaling: probabilities made milder or sharper, their order kept."""

from __future__ import annotations

import numpy as np

from balancing.components.deciding import Apply, Decision
from balancing.components.decorators import decision

_LOG_TEMPERATURES = (-4.0, 4.0)


def temper(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """softmax(log p / T): T above 1 makes probabilities milder, below 1 sharper; the order of scores stays.

    Args:
        probabilities: (N, C); floored at 1e-12.
        temperature: T > 0.
    Returns:
        (N, C) float64.
    """
    logits = np.log(np.maximum(probabilities.astype(np.float64), 1e-12)) / temperature
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    return raised / raised.sum(axis=1, keepdims=True)


def fit_temperature(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """The temperature with the least negative log-likelihood.

    Args:
        labels: (V,) int64, validation.
        probabilities: (V, C); their logarithms stand for the logits, which differ by a constant a row.
    Returns:
        T in [0.018, 55]: an end where the likelihood has no least value (every image right: T towards 0); 1 without
        images.
    Reference: Guo, Pleiss, Sun & Weinberger, On Calibration of Modern Neural Networks, ICML 2017.
    """
    return _fit(labels, np.log(np.maximum(probabilities.astype(np.float64), 1e-12)))


def _fit(labels: np.ndarray, logits: np.ndarray) -> float:
    """``fit_temperature`` from (V, C) float64 logits."""
    from scipy.optimize import minimize_scalar
    from scipy.special import logsumexp

    if len(labels) == 0:
        return 1.0
    logits = logits - logits[np.arange(len(labels)), labels][:, None]  # now the loss is the log of the sum alone

    def loss(log_temperature: float) -> float:
        return float(logsumexp(logits / np.exp(log_temperature), axis=1).mean())

    found = minimize_scalar(loss, bounds=_LOG_TEMPERATURES, method="bounded", options={"xatol": 1e-6})
    return float(np.exp(found.x))


@decision(label="Temperature", reference="Guo et al., ICML 2017", prior_effect="kept")
def temperature() -> Decision:
    """Probabilities made milder or sharper by what fits validation best; no decision changes.

    Logits are divided by the temperature with the least negative log-likelihood on validation, in [0.018, 55].
    """

    def fit(logits: np.ndarray, labels: np.ndarray, prior: np.ndarray | None) -> Apply:
        found = _fit(labels, logits.astype(np.float64))
        return lambda given: given.astype(np.float64) / found

    return fit
