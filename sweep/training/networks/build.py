"""Networks by the names of their architectures."""

from __future__ import annotations

from balancing.components.axes import Head
from balancing.errors import UserError
from sweep.runs.network_name import USUAL
from sweep.training.networks.base import Network
from sweep.training.networks.catalogue import EFFICIENTNET_LITE, family_of
from sweep.training.networks.efficientnet_lite import EfficientNetLite0
from sweep.training.networks.resnet18 import ResNet18
from sweep.training.networks.torchvision import TorchvisionNetwork


def build(architecture: str, n_classes: int, head: Head = "linear", stem: str = "imagenet") -> Network:
    """A network with random weights, drawn from torch's global generator.

    Args:
        architecture: as of ``catalogue.NAMES``.
        n_classes: C, the units of the head.
        head: as of ``base.head_of``.
        stem: as of ``ResNet18``, which alone has another than its own.
    Raises:
        UserError: there is no such network, or none with such a head or stem.
    """
    if architecture == USUAL:
        return ResNet18(n_classes, head, stem)
    family_of(architecture)
    if stem != "imagenet":
        raise UserError(
            f"stem '{stem}' is a beginning of ResNet18 alone, but the network is {architecture}; give --stem imagenet, "
            "or --network resnet18"
        )
    if architecture == EFFICIENTNET_LITE:
        return EfficientNetLite0(n_classes, head)
    return TorchvisionNetwork(architecture, n_classes, head)
