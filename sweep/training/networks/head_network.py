"""The head that trains on a frozen body's features, as a network of its own; and both joined, from image to answer."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from balancing.components.axes import Head
from sweep.training.networks.base import Network, head_of


class HeadNetwork(Network):
    """(B, D) vectors of a frozen body -> (B, C) logits: standardised, one hidden layer or none, then the head.

    Its own body is what stands before the head, so ``features`` without a hidden layer are the standardised vectors.
    Computed in float32 whatever the precision of the body.

    Args:
        mean, std: (D,) float32, of the training rows; std > 0.
        n_classes: C.
        head: as of ``networks.base.head_of``.
        hidden: units of the hidden layer (ReLU); 0 for none.
    """

    def __init__(self, mean: torch.Tensor, std: torch.Tensor, n_classes: int, head: Head = "linear", hidden: int = 0):
        super().__init__()
        self.mean: torch.Tensor
        self.std: torch.Tensor
        self.register_buffer("mean", mean.detach().clone())
        self.register_buffer("std", std.detach().clone())
        self._hidden = hidden
        self.takes_standard = False  # vectors that are standardised already, as a trial keeps them
        self.hidden = nn.Sequential(nn.Linear(len(mean), hidden), nn.ReLU()) if hidden else nn.Identity()
        self.scale = 1.0
        self._head = head
        self.fc = head_of(head, nn.Linear(hidden or len(mean), n_classes))

    @property
    def made(self) -> dict[str, Any]:
        return {**super().made, "vectors": len(self.mean), "hidden": self._hidden}

    def features(self, images: torch.Tensor) -> torch.Tensor:
        """(B, D) vectors -> (B, F) float32."""
        with torch.autocast(images.device.type, enabled=False):
            vectors = images.float()
            found: torch.Tensor = self.hidden(vectors if self.takes_standard else (vectors - self.mean) / self.std)
            return found

    def head(self, features: torch.Tensor) -> torch.Tensor:
        with torch.autocast(features.device.type, enabled=False):
            return super().head(features.float())


class Joined(nn.Module):
    """A frozen body and a head that was trained on its features: (B, 3, H, W) float, normalised -> (B, C) logits.

    Args:
        body: a whole network, of which ``features`` alone is asked.
        top: trained on these features.
    """

    def __init__(self, body: Network, top: HeadNetwork):
        super().__init__()
        self.body, self.top = body, top

    @property
    def last_block(self) -> str:
        """Dotted name of the last block of the body."""
        return f"body.{self.body.last_block}"

    def field_at(self, size: int) -> int:
        """As of ``base.Network``: the body's."""
        return self.body.field_at(size)

    def features(self, images: torch.Tensor) -> torch.Tensor:
        """(B, 3, H, W) float, normalised -> (B, D) float, the body's."""
        return self.body.features(images)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.top(self.features(images))
        return logits
