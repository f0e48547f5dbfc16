"""Deployed networks made by hand, with random weights: any architecture and head, without a run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import nn

from balancing.data.pixels.decoding import Manner
from balancing.metrics import Gives
from sweep.inference.deployed import Calibration, Deployed
from sweep.inference.reading import Reading
from sweep.inference.rule import Rule, most_probable
from sweep.training.networks.base import Network
from sweep.training.networks.build import build
from sweep.training.networks.head_network import HeadNetwork, Joined


def lively(network: nn.Module, seed: int = 0) -> nn.Module:
    """In evaluation mode, with batch-norm statistics and biases that are not those of a new network."""
    rng = torch.Generator().manual_seed(seed)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert module.running_mean is not None
            assert module.running_var is not None
            module.running_mean.copy_(0.1 * torch.randn(module.running_mean.shape, generator=rng))
            module.running_var.copy_(0.5 + torch.rand(module.running_var.shape, generator=rng))
    return network.eval()


def whole(architecture: str, n_classes: int = 2, head: str = "linear", seed: int = 0) -> Network:
    """A whole network."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = build(architecture, n_classes, head)  # type: ignore[arg-type]
    found = lively(network, seed)
    assert isinstance(found, Network)
    return found


def heads(architecture: str, count: int, n_classes: int = 2, hidden: int = 0) -> list[Joined]:
    """Heads behind one body, each standardising by its own mean and spread."""
    body = whole(architecture, 1)
    size = body.fc.in_features
    found = []
    for seed in range(count):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            top = HeadNetwork(0.1 * torch.randn(size), 0.5 + torch.rand(size), n_classes, hidden=hidden)
        found.append(Joined(body, top).eval())
    return found


def made(networks: Sequence[nn.Module], size: int = 32, n_classes: int = 2, **other: object) -> Deployed:
    """What a run would deploy; ``other`` stands for the fields of ``Deployed``."""
    gives: Gives = "probabilities"
    given: dict[str, object] = {
        "asked": "best",
        "technique": "baseline",
        "trained": "baseline",
        "trial_ids": tuple(f"{n:012x}" for n in range(len(networks))),
        "seeds": tuple(range(len(networks))),
        "networks": tuple(networks),
        "mean": 0.5,
        "std": 0.5,
        "reading": Reading(Manner(size), False, False),
        "class_names": tuple("abcdefgh"[:n_classes]),
        "positive": 1 if n_classes == 2 else None,
        "network_gives": gives,
        "gives": gives,
        "rule": most_probable(n_classes, 1 if n_classes == 2 else None),
        "calibration": Calibration(1.7),
        "facts": {"spec": {"network": "resnet18"}, "epoch": 1},
        "run": Path("nowhere"),
    }
    return Deployed(**(given | other))  # type: ignore[arg-type]


def vector_rule(n_classes: int) -> Rule:
    """As vector scaling fits it: a scale and a shift a class, of centred logits."""
    rng = np.random.default_rng(3)
    return Rule("vector_scaling", rng.uniform(0.5, 2, n_classes), rng.normal(size=n_classes), True, None)
