"""What every network here is: a body (``features``) and a head (``fc``), told apart by name."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import torch
from torch import nn
from torchvision.ops import StochasticDepth

from balancing.components.axes import Head
from balancing.errors import UserError
from sweep.training.networks.distances import Distances
from sweep.training.networks.heads import Cosines, Scaled

State = Mapping[str, torch.Tensor]
# What of a network trains: all of it, its head alone, with the body as it is, or of the head a factor for each class.
Trained = Literal["all", "head", "scales"]

_LINEAR: Head = "linear"  # the kind of head that ``made`` does not name
_HEAD = 2  # tells the draws of a new head from others of the same seed


def head_of(kind: Head, linear: nn.Linear) -> nn.Linear:
    """The head of a kind for as many features and classes as a linear one has, which ``scaled`` takes over.

    Args:
        kind: ``linear``; ``cosine``: unit weights and features and no bias, so its outputs lie in -1..1; ``scaled``: a
            factor a class; ``distance``: see ``Distances``.
    """
    if kind == "cosine":
        return Cosines(linear.in_features, linear.out_features)
    if kind == "scaled":
        return Scaled(linear)
    return Distances(linear.in_features) if kind == "distance" else linear


class Network(nn.Module):
    """A body and a head: what is done with the head, and which parts train.

    Attributes:
        fc: the head; every other child is of the body.
        scale: what the head's outputs are multiplied by in evaluation mode: in training its loss does so.
        last_block: dotted name of the last block of the body, whose fields are the finest places that it can tell
            apart.
    """

    fc: nn.Linear
    scale: float
    last_block: str
    _head: Head

    def features(self, images: torch.Tensor) -> torch.Tensor:
        """What the head decides by: (B, F) float, of a batch as the network takes it."""
        raise NotImplementedError

    @property
    def made(self) -> dict[str, Any]:
        """What tells this network from the usual one, beside its weights; kept with them."""
        # Of a scaled head the products are kept, which are a linear one.
        head = _LINEAR if self._head == "scaled" else self._head
        return {**({} if head == _LINEAR else {"head": head}), **({} if self.scale == 1 else {"scale": self.scale})}

    def kept_state(self) -> dict[str, torch.Tensor]:
        """The tensors of the trained network; of a scaled head its products."""
        state: dict[str, torch.Tensor] = self.state_dict()
        if isinstance(self.fc, Scaled):
            del state["fc.scales"]
            state["fc.weight"], state["fc.bias"] = self.fc.products()
        return state

    def head_numbers(self) -> np.ndarray | None:
        """(2, C) float64: the norms of the classes' weights, and their biases as logits have them; None of others."""
        if isinstance(self.fc, Cosines | Distances):
            return None
        weight, bias = self.fc.products() if isinstance(self.fc, Scaled) else (self.fc.weight, self.fc.bias)
        norms = weight.detach().double().cpu().norm(dim=1)
        return torch.stack([norms, self.scale * bias.detach().double().cpu()]).numpy()

    def head(self, features: torch.Tensor) -> torch.Tensor:
        """(B, F) features -> (B, C) logits."""
        logits: torch.Tensor = self.fc(features)
        return logits if self.training or self.scale == 1 else self.scale * logits

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """A batch as the network takes it -> (B, C) logits."""
        return self.head(self.features(images))

    def train_parts(self, trained: Trained, *, statistics: bool = False, scales: bool = False) -> None:
        """Makes ready for training what is to train; the rest keeps its weights and its batch-norm statistics.

        Args:
            statistics: batch-norm statistics move throughout.
            scales: the factors of the classes train beside what else does.
        """
        self.train()
        for name, module in self.named_children():
            trains = trained == "all" or (name == "fc" and trained == "head")
            module.train(trains or statistics or name == "fc").requires_grad_(trains)
        if isinstance(self.fc, Scaled):
            self.fc.scales.requires_grad_(scales or trained == "scales")
        if self._head == "distance":
            self.unshift()

    def unshift(self) -> None:
        """Batch norm without weights of its own: by biases a network could send every image to one point."""
        for module in self.modules():
            if isinstance(module, nn.BatchNorm2d):
                nn.init.ones_(module.weight.requires_grad_(False))
                nn.init.zeros_(module.bias.requires_grad_(False))

    @property
    def draws(self) -> bool:
        """Whether a pass in training draws numbers from torch's global generator, as dropout does."""
        return any(isinstance(module, nn.Dropout | StochasticDepth) and module.p > 0 for module in self.modules())

    def field_at(self, size: int) -> int:
        """Pixels a side of one field of the last block, of images of a size; found by a pass of one image."""
        seen: list[int] = []

        def look(module: nn.Module, given: Any, out: torch.Tensor) -> None:
            seen.append(out.shape[-1])

        handle = self.get_submodule(self.last_block).register_forward_hook(look)
        was_training = self.training
        try:
            with torch.inference_mode():
                self.eval().features(torch.zeros(1, 3, size, size, device=next(self.parameters()).device))
        finally:
            handle.remove()
            self.train(was_training)
        return -(-size // seen[0])

    def renew_head(self, seed: int, stage: int) -> None:
        """A head as before any training, in place; of equal arguments an equal one, on every device.

        Args:
            seed, stage: of the random weights.
        """
        self.fc.load_state_dict(new_head(self.fc, seed, stage).state_dict())


def refuse_biases(network: Network, name: str) -> None:
    """Raises UserError where a network with a head of distances could send every image to one point.

    Biases can do that (Ruff et al., ICML 2018, proposition 2), and units that saturate on both sides (proposition 3).
    Those of batch norm are held at 0: see ``Network.unshift``.
    """
    if network._head != "distance":
        return
    network.unshift()
    for module in network.modules():
        own = [key for key, _ in module.named_parameters(recurse=False)]
        shifts = not isinstance(module, nn.BatchNorm2d) and module is not network.fc and own not in ([], ["weight"])
        if shifts or isinstance(module, nn.ReLU6 | nn.LayerNorm):
            raise UserError(
                f"a one-class technique needs a network without biases and without units that saturate, by which all "
                f"images could be sent to one point, but {name} has such; take resnet18, resnet50 or densenet121"
            )


def new_head(head: nn.Linear, seed: int, stage: int, member: int = 0) -> nn.Linear:
    """A head like another, as before any training; of equal numbers an equal one, on every device.

    Args:
        head: stays as it is.
        seed, stage: of the random weights.
        member: which of an ensemble, from 1; 0 where there is one head alone.
    Returns:
        On the device of ``head``.
    """
    words = [seed, stage, _HEAD, *([member] if member else [])]
    drawn = int(np.random.SeedSequence(words).generate_state(1, dtype=np.uint64)[0])
    fresh = copy.deepcopy(head).cpu()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(drawn & (2**63 - 1))
        fresh.reset_parameters()
    return fresh.to(head.weight.device)
