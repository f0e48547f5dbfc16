"""What networks need, found without making their weights: which sizes of images they take, room, features."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from balancing.components.axes import Head
from balancing.errors import UserError
from sweep.training.networks.base import Network
from sweep.training.networks.build import build
from sweep.training.networks.catalogue import shown_name

_SIZES = (32, 48, 64, 75, 96, 128, 224, 256, 518)


class _Unmade(TorchFunctionMode):
    """Tensors whose content comes later have shapes alone within it; networks that count by tensors go on counting."""

    def __torch_function__(self, function: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = dict(kwargs or {})
        if function is torch.empty:
            given["device"] = "meta"
        return function(*args, **given)


@lru_cache(maxsize=8)
def shapes_of(architecture: str, stem: str = "imagenet", head: Head = "linear") -> Network:
    """A network for one class on the device ``meta``: shapes, no numbers. Arguments as of ``build``."""
    with _Unmade(), torch.random.fork_rng(devices=[]):
        return build(architecture, 1, head, stem).to("meta")


def takes(architecture: str, size: int) -> bool:
    """Whether a network can look at images of a size, in training: afterwards it asks for less."""
    images = torch.empty(2, 3, size, size, device="meta")
    try:
        with torch.no_grad():
            shapes_of(architecture).train()(images)
    except (RuntimeError, ValueError, AssertionError):
        return False
    return True


def check_size(architecture: str, size: int) -> None:
    """Raises UserError where a network can't look at images of ``size`` pixels a side."""
    if takes(architecture, size):
        return
    able = [other for other in _SIZES if takes(architecture, other)]
    if len(able) == 1:
        rule = f"takes images of {able[0]} pixels a side alone"
    elif able and size < able[0]:
        rule = f"needs images of at least {able[0]} pixels a side"
    else:
        rule = "can't look at images of every size"
    near = min(able, key=lambda other: (abs(other - size), other), default=224)
    raise UserError(
        f"{shown_name(architecture)} {rule}, but these have {size}; give --image-size {near}, or another network"
    )


def n_features(architecture: str) -> int:
    """D, the features that a head behind a network is given."""
    return shapes_of(architecture).fc.in_features


def weight_bytes(architecture: str, stem: str = "imagenet") -> int:
    """What a network's tensors take in memory, in float32; its head is not counted."""
    state = shapes_of(architecture, stem).state_dict()
    return sum(tensor.numel() * tensor.element_size() for name, tensor in state.items() if not name.startswith("fc."))
