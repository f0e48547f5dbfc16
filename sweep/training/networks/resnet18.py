"""ResNet18, the usual network: torchvision's, in two parts, with other heads and another beginning."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn
from torchvision.models.resnet import BasicBlock, ResNet

from balancing.components.axes import Head
from sweep.training.networks.base import Network, head_of


def field_of(stem: str) -> int:
    """Pixels a side of one field of the last block of a network that begins so."""
    return {"imagenet": 32, "small": 8}[stem]


def stem_in(state: Mapping[str, torch.Tensor]) -> str:
    """The beginning of the ResNet18 whose tensors these are."""
    first = state.get("conv1.weight")
    return "small" if first is not None and not first.is_nested and first.shape == (64, 3, 3, 3) else "imagenet"


class ResNet18(Network, ResNet):
    """torchvision's ResNet18 in two parts, the body (``features``) and the head; its tensors keep torchvision's names.

    Args:
        n_classes: C, the units of the head.
        head: ``linear``; ``cosine``: unit weights and features and no bias, so its outputs lie in -1..1; or
            ``distance``: see ``Distances``; then batch norm keeps weight 1 and bias 0.
        stem: ``imagenet``, as pretrained weights have it; or ``small``: a first convolution of 3 x 3 and stride 1, and
            no pooling, so that a field of the last block is 8 pixels a side in place of 32.
    Attributes:
        field: pixels a side of one field of the last block.
    Reference: He et al., CVPR 2016, whose networks for images of 32 pixels begin as the small stem does.
    """

    last_block = "layer4"
    fc: nn.Linear

    def __init__(self, n_classes: int, head: Head = "linear", stem: str = "imagenet"):
        ResNet.__init__(self, BasicBlock, [2, 2, 2, 2], num_classes=n_classes)
        self.field, self._stem = field_of(stem), stem
        if stem == "small":
            self.conv1 = nn.Conv2d(3, 64, 3, padding=1, bias=False)
            nn.init.kaiming_normal_(self.conv1.weight, mode="fan_out", nonlinearity="relu")
            self.maxpool = nn.Identity()
        self.scale = 1.0
        self._head = head
        self.fc = head_of(head, self.fc)
        if head == "distance":
            self.unshift()

    @property
    def made(self) -> dict[str, Any]:
        return {**super().made, **({} if self._stem == "imagenet" else {"stem": self._stem})}

    def field_at(self, size: int) -> int:
        """Of images of any size."""
        return self.field

    def features(self, images: torch.Tensor) -> torch.Tensor:
        """(B, 3, H, W) float, normalised -> (B, 512) float: what the head decides by."""
        body: Any = self  # torchvision's attributes have no types
        x = body.maxpool(body.relu(body.bn1(body.conv1(images))))
        x = body.layer4(body.layer3(body.layer2(body.layer1(x))))
        return torch.flatten(body.avgpool(x), 1)
