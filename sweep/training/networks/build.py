"""Networks by the names of their architectures."""

from __future__ import annotations

from balancing.components.axes import Head
from balancing.errors import UserError
from sweep.runs.network_name import USUAL
from sweep.training.networks.base import Network
from sweep.training.networks.resnet18 import ResNet18


def build(architecture: str, n_classes: int, head: Head = "linear", stem: str = "imagenet") -> Network:
    """A network with random weights, drawn from torch's global generator.

    Args:
        architecture: as of ``names.NetworkName``.
        n_classes: C, the units of the head.
        head: as of ``base.head_of``.
        stem: as of ``ResNet18``, which alone has another than its own.
    Raises:
        UserError: there is no such network.
    """
    if architecture == USUAL:
        return ResNet18(n_classes, head, stem)
    raise UserError(f"there is no network '{architecture}'; give resnet18")
