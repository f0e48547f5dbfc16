"""torchvision's other classifiers: all but the last linear layer is the body, and a head of ours follows."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn
from torchvision import models

from balancing.components.axes import Head
from sweep.training.networks.base import Network, head_of, refuse_biases
from sweep.training.networks.catalogue import family_of

BODY = "body."  # before torchvision's names of tensors


class GridNorm(nn.LayerNorm):
    """The layer norm before a transformer's last block, which shows its patches as the image has them.

    ``grid`` is given them as (B, F, h, w), so that a map can be made of them; what is computed stays the same.
    """

    def __init__(self, like: nn.LayerNorm):
        super().__init__(like.normalized_shape, like.eps)
        self.load_state_dict(like.state_dict())
        self.grid = nn.Identity()

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """(B, 1 + h w, F), the class's token first -> the same, normalised."""
        normal = super().forward(tokens)
        side = math.isqrt(normal.shape[1] - 1)
        grid = self.grid(normal[:, 1:].transpose(1, 2).unflatten(2, (side, side)))
        return torch.cat([normal[:, :1], grid.flatten(2).transpose(1, 2)], dim=1)


class TorchvisionNetwork(Network):
    """A classifier of torchvision by its name.

    Its tensors have torchvision's names behind ``body.``; the head is ``fc``. Networks with auxiliary outputs
    (GoogLeNet, Inception v3) have none of these here, and take pixels in -1..1.

    Args:
        architecture: a name of ``catalogue.NAMES`` that is one of torchvision's.
        n_classes: C, the units of the head.
        head: as of ``base.head_of``.
    Raises:
        UserError: there is no such network, or it can't have that head.
    """

    def __init__(self, architecture: str, n_classes: int, head: Head = "linear"):
        super().__init__()
        family = family_of(architecture)
        self._architecture = architecture
        self.body = _body(architecture)
        path, _, leaf = family.head.rpartition(".")
        parent = self.body.get_submodule(path)
        linear = getattr(parent, leaf) if not leaf.isdigit() else parent[int(leaf)]  # type: ignore[index]
        setattr(parent, leaf, nn.Identity())
        block = family.last_block
        if isinstance(self.body, models.VisionTransformer):
            name, last = list(self.body.encoder.layers.named_children())[-1]
            last.ln_1 = GridNorm(last.ln_1)
            block = f"encoder.layers.{name}.ln_1.grid"
        self.last_block = BODY + block
        self.scale = 1.0
        self._head = head
        self.fc = head_of(head, nn.Linear(linear.in_features, n_classes))
        refuse_biases(self, architecture)

    @property
    def made(self) -> dict[str, Any]:
        return {"architecture": self._architecture, **super().made}

    def features(self, images: torch.Tensor) -> torch.Tensor:
        """(B, 3, H, W) float, normalised -> (B, F) float: all that stands before the last linear layer."""
        if isinstance(self.body, models.DenseNet):  # which rectifies its last block in place, out of the map's sight
            return self.body.features(images).mean(dim=(2, 3))
        found: torch.Tensor = self.body(images)
        return found

    def renew_body(self) -> None:
        """The body as before any training, in place, drawn from torch's global generator."""
        fresh = TorchvisionNetwork(self._architecture, 1).body
        device = next(self.parameters()).device
        self.body.load_state_dict({name: tensor.to(device) for name, tensor in fresh.state_dict().items()})

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False) -> Any:
        """Takes plain dicts, too: MnasNet's own loading asks for the version that torch notes beside the tensors."""
        given = OrderedDict(state_dict)
        given._metadata = self.state_dict()._metadata  # type: ignore[attr-defined]
        return super().load_state_dict(given, strict, assign)


def _body(architecture: str) -> nn.Module:
    body: nn.Module = models.get_model(architecture, weights=None, **family_of(architecture).arguments)
    if isinstance(body, models.DenseNet):
        body.features.add_module("relu5", nn.ReLU())
    return body
