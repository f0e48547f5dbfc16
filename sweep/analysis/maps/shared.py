"""Techniques behind one frozen body: what it makes of an image is computed once for all of them.

Heads differ, the body does not: of each image, and of each noisy copy that a map is made of, all techniques see the
same fields of the last block. What is kept is told apart by the body's weights and the very bytes of the images, in the
batches in which they came, so that every number is, to the bit, what it is without.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import nn

from sweep.training.networks.head_network import Joined

_SMALL = 32  # pixels a side of images that only carry fields past the layers before them


@dataclass
class Kept:
    """What frozen bodies made of images so far.

    Args:
        fields: of the last block, on the networks' device.
        features: the same before the head.
    """

    fields: dict[tuple[bytes, bytes], torch.Tensor] = field(default_factory=dict)
    features: dict[tuple[bytes, bytes], torch.Tensor] = field(default_factory=dict)


class Shared(nn.Module):
    """A network behind a frozen body that looks up what the body made of images: (B, 3, H, W) float -> (B, C) logits.

    Args:
        joined: the network; in evaluation mode.
        kept: by all networks that may stand behind the same body.
    """

    last_block = "block"

    def __init__(self, joined: Joined, kept: Kept):
        super().__init__()
        self.body, self.top = joined.body, joined.top
        self.block = nn.Identity()  # whose output is the last block's
        self._kept, self._weights = kept, _digest(*joined.body.state_dict().values())

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        key = (self._weights, _digest(images))
        if torch.is_inference_mode_enabled():  # nobody asks for the fields
            if key not in self._kept.features:
                self._kept.features[key] = self.body.features(images)
            return self._answer(self._kept.features[key])
        if key not in self._kept.fields:
            self._kept.fields[key] = self._fields_of(images)
        # Gradients end here; a copy, since what comes after may work in place.
        fields = self.block(self._kept.fields[key].detach().requires_grad_().clone())
        return self._answer(self._rest(fields))

    def _answer(self, features: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.top(features)
        return logits

    def _fields_of(self, images: torch.Tensor) -> torch.Tensor:
        found: list[torch.Tensor] = []
        block = self.body.get_submodule(self.body.last_block)
        handle = block.register_forward_hook(lambda module, given, out: found.append(out.detach()))
        try:
            self.body.features(images)
        finally:
            handle.remove()
        return found[0]

    def _rest(self, fields: torch.Tensor) -> torch.Tensor:
        """What the layers after the last block make of its fields, which take the place of those of small images."""
        block = self.body.get_submodule(self.body.last_block)
        handle = block.register_forward_hook(lambda module, given, out: fields)
        try:
            return self.body.features(fields.new_zeros(len(fields), 3, _SMALL, _SMALL))
        finally:
            handle.remove()


def shared(model: nn.Module, kept: Kept) -> nn.Module:
    """A network that looks up what its frozen body made of images; one without such a body as it is."""
    return Shared(model, kept).eval() if isinstance(model, Joined) else model


def _digest(*tensors: torch.Tensor) -> bytes:
    """Of the numbers, their shapes and their kinds."""
    found = hashlib.blake2b(digest_size=16)
    for tensor in tensors:
        values = tensor.detach().cpu().contiguous()
        found.update(f"{tuple(values.shape)}{values.dtype}{tensor.stride()}".encode())
        found.update(np.ascontiguousarray(values.numpy()).data)
    return found.digest()
