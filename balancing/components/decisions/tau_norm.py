"""tau-normalisation: the classes' weights of a trained head made of more equal length."""

from __future__ import annotations

import numpy as np

from balancing.components.deciding import Apply, DecidedNetwork, NetworkDecision
from balancing.components.decisions.scaling import log_probabilities
from balancing.components.decorators import decision
from balancing.metrics import evaluate

# As the authors' code has them.
TAUS = np.arange(21) / 10


@decision(label="tau-normalisation", reference="Kang et al., ICLR 2020", asks_network=True)
def tau_norm() -> NetworkDecision:
    """The head's weights divided by the tau-th power of their class's norm, its biases dropped.

    f_y = (w_y . phi) / ||w_y||^tau, tau of 0, 0.1 ... 2 with the highest selection metric on validation, of equal ones
    the lowest. These are the logits of the network with that head, and follow from its own: w_y . phi = f_y - b_y. It
    lives from norms that grow with the number of a class's images, as SGD leaves them after many epochs (Adam need not:
    Menon et al., ICLR 2021). How much of the prior goes has no closed form.
    """

    def fit(logits: np.ndarray, labels: np.ndarray, prior: np.ndarray | None, network: DecidedNetwork) -> Apply:
        values = [_value(normalised(logits, network, tau), labels, network) for tau in TAUS]
        tau = float(TAUS[int(np.argmax(values))])
        return lambda given: normalised(given, network, tau)

    return fit


def normalised(logits: np.ndarray, network: DecidedNetwork, tau: float) -> np.ndarray:
    """(N, C) float64: the logits with normalised weights and without biases, from (N, C) float logits.

    Args:
        tau: >= 0; 0 leaves the weights as they are.
    """
    lengths = np.where(network.norms > 0, network.norms, 1.0)  # weights of 0 stay 0
    found: np.ndarray = (logits.astype(np.float64) - network.biases) / lengths**tau
    return found


def _value(logits: np.ndarray, labels: np.ndarray, network: DecidedNetwork) -> float:
    """The metric, -inf where it can't be told of these images."""
    if not len(labels):
        return -np.inf
    value = evaluate(labels, np.exp(log_probabilities(logits)), network.positive)[network.metric]
    return float(value) if np.isfinite(value) else -np.inf
