"""tau-normalisation: the very logits of a network with the normalised head, and the tau that validation likes best."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from balancing.components.deciding import DecidedNetwork
from balancing.components.decisions.tau_norm import TAUS, normalised, tau_norm
from balancing.metrics import evaluate


def head_and_features(n_classes: int, rows: int = 90) -> tuple[nn.Linear, torch.Tensor, np.ndarray]:
    """A linear head whose first class has the longest weights, features in favour of their classes, and labels."""
    generator = torch.Generator().manual_seed(n_classes)
    labels = torch.arange(rows) % n_classes
    centres = torch.randn(n_classes, 6, generator=generator)
    head = nn.Linear(6, n_classes)
    with torch.no_grad():
        head.weight.copy_(centres * torch.linspace(3, 0.5, n_classes)[:, None])
        head.bias.copy_(torch.linspace(0.4, -0.4, n_classes))
    return head, centres[labels] + 0.8 * torch.randn(rows, 6, generator=generator), labels.numpy()


def network_of(head: nn.Linear, metric: str = "balanced_accuracy") -> DecidedNetwork:
    positive = 1 if head.out_features == 2 else None
    norms, biases = head.weight.detach().norm(dim=1).numpy(), head.bias.detach().numpy()
    return DecidedNetwork(norms.astype(np.float64), biases.astype(np.float64), metric, positive)


@pytest.mark.parametrize("n_classes", [2, 4])
def test_it_decides_as_the_network_whose_head_is_normalised_by_the_best_tau(n_classes: int) -> None:
    head, features, labels = head_and_features(n_classes)
    network, n_fit = network_of(head), 60
    with torch.no_grad():
        logits = head(features).numpy()
        values, replaced = [], []
        for tau in TAUS:  # the authors' way: w / ||w||^tau, no bias
            weights = head.weight / head.weight.norm(dim=1, keepdim=True).pow(float(tau))
            replaced.append(nn.functional.linear(features, weights).numpy())
            probabilities = torch.from_numpy(replaced[-1][:n_fit]).softmax(dim=1).numpy()
            values.append(evaluate(labels[:n_fit], probabilities, network.positive)["balanced_accuracy"])
    best = int(np.argmax(values))
    assert 0 < best < len(TAUS) - 1, "a case in which tau matters"
    scores = tau_norm()(logits[:n_fit], labels[:n_fit], None, network)(logits)
    np.testing.assert_allclose(scores, replaced[best], rtol=1e-4, atol=1e-5)


def test_tau_0_drops_the_biases_alone_and_tau_1_leaves_weights_of_length_1() -> None:
    logits, network = np.array([[2.0, 1.0]]), DecidedNetwork(np.array([4.0, 0.5]), np.array([1.0, -1.0]), positive=1)
    np.testing.assert_allclose(normalised(logits, network, 0), [[1.0, 2.0]])
    np.testing.assert_allclose(normalised(logits, network, 1), [[0.25, 4.0]])


def test_the_metric_of_the_sweep_chooses_tau() -> None:
    """Class 1 is short of weight: recall alone wants the largest tau that still gains, specificity none at all."""
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], [60, 30])
    inner = np.abs(rng.normal(size=(90, 2))) + np.eye(2)[labels]
    norms, biases = np.array([3.0, 1.0]), np.zeros(2)
    logits = inner * norms

    def positives(metric: str) -> int:
        apply = tau_norm()(logits, labels, None, DecidedNetwork(norms, biases, metric, 1))
        return int((apply(logits).argmax(axis=1) == 1).sum())

    assert positives("specificity") < positives("balanced_accuracy") < positives("recall")


def test_of_equal_taus_the_lowest_is_taken_and_weights_of_0_stay() -> None:
    network = DecidedNetwork(np.array([2.0, 0.0]), np.array([0.0, 0.0]), positive=1)
    logits, labels = np.array([[3.0, 0.0], [-3.0, 0.0]]), np.array([0, 1])
    np.testing.assert_allclose(tau_norm()(logits, labels, None, network)(logits), logits)
