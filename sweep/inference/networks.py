"""The networks that are deployed: one, or several whose probabilities are averaged; behind one body a single pass."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from balancing.errors import UserError
from sweep.training.frozen.joining import load_body
from sweep.training.network import restore
from sweep.training.networks.base import Network
from sweep.training.networks.head_network import HeadNetwork, Joined

# As ``sweep.analysis.statistics.predictions`` has it: beneath it a probability's logarithm says nothing.
LEAST = 1e-12


class Together(nn.Module):
    """All networks of an ensemble as one: (B, 3, H, W) float, normalised -> (B, C) logits.

    Of one network these are its own logits; of several the logarithm of the mean of their probabilities, floored at
    1e-12, which softmax takes back to that mean.

    Args:
        networks: in evaluation mode; heads behind a frozen body share one ``body`` object, which sees each image once.
    """

    def __init__(self, networks: Sequence[nn.Module]):
        super().__init__()
        self.networks = nn.ModuleList(networks)
        self.eval()

    @property
    def one_body(self) -> bool:
        """Whether all networks stand behind the same frozen body."""
        bodies = {id(one.body) if isinstance(one, Joined) else id(one) for one in self.networks}
        return len(bodies) == 1

    def features(self, images: torch.Tensor) -> torch.Tensor:
        """(B, 3, H, W) float, normalised -> (B, F) float: what the first network's head, or its body, is given."""
        first = self.networks[0]
        assert isinstance(first, Network | Joined)
        return first.features(images)

    def both(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """``features`` and logits of the same images, by one pass of each network."""
        features = self.features(images)
        found = [self._rest(network, images, features) for network in self.networks]
        return features, found[0] if len(found) == 1 else mean_logits(found)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.both(images)[1]

    def _rest(self, network: nn.Module, images: torch.Tensor, features: torch.Tensor) -> torch.Tensor:
        """A network's logits; ``features`` are used where they are its own."""
        first = self.networks[0]
        if isinstance(network, Joined) and isinstance(first, Joined) and network.body is first.body:
            logits: torch.Tensor = network.top(features)
        elif network is first and isinstance(network, Network):
            logits = network.head(features)
        else:
            logits = network(images)
        return logits.float()


def mean_logits(logits: Sequence[torch.Tensor]) -> torch.Tensor:
    """(B, C): the logarithm of the mean of the probabilities of several (B, C) logits, floored at 1e-12."""
    mean = torch.stack([one.float().softmax(dim=1) for one in logits]).mean(dim=0)
    return mean.clamp_min(LEAST).log()


def whole_networks(paths: Sequence[Path]) -> tuple[list[nn.Module], list[dict[str, Any]]]:
    """Trained networks from image to logits, float32, on the CPU, and the facts kept with each.

    Args:
        paths: of best networks of one run, in its folder.
    Raises:
        UserError: some are gone or damaged; all are named.
    """
    networks: list[nn.Module] = []
    facts, faults = [], []
    body: Network | None = None
    for path in paths:
        try:
            network, about = restore(path)
        except UserError as error:
            faults.append(str(error))
            continue
        if isinstance(network, HeadNetwork):
            body = body or load_body(path.parents[2])
            networks.append(Joined(body, network).eval())
        else:
            networks.append(network)
        facts.append(about)
    if len(faults) == 1:
        raise UserError(faults[0])
    if faults:
        raise UserError(f"{len(faults)} of {len(paths)} networks are missing or damaged:\n  " + "\n  ".join(faults))
    return networks, facts
