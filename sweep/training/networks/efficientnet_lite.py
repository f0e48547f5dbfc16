"""EfficientNet-Lite0: EfficientNet B0 for small devices, without squeeze-and-excitation and with ReLU6."""

from __future__ import annotations

import re
from typing import Any

import torch
from torch import nn

from balancing.components.axes import Head
from sweep.training.networks.base import Network, head_of, refuse_biases
from sweep.training.networks.catalogue import EFFICIENTNET_LITE

N_FEATURES = 1280
# Of each stage: blocks, kernel, stride of the first, how many times wider inside, channels.
_STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
_EPSILON, _MOMENTUM = 1e-3, 0.01  # of batch norm, as TensorFlow's


class SameConv(nn.Conv2d):
    """A convolution without bias whose output has ceil(size / stride) pixels a side, as TensorFlow pads for it.

    What is padded is split evenly, and an odd pixel goes below and to the right: at stride 2 that is not how PyTorch's
    ``padding`` lies.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1):
        super().__init__(inputs, outputs, kernel, stride, groups=groups, bias=False)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        down, across = (
            max((-(-size // stride) - 1) * stride + kernel - size, 0)
            for size, stride, kernel in zip(images.shape[-2:], self.stride, self.kernel_size, strict=True)
        )
        if down % 2 == 0 and across % 2 == 0:  # the convolution's own padding needs no copy of the image
            padding = (down // 2, across // 2)
            return nn.functional.conv2d(images, self.weight, None, self.stride, padding, 1, self.groups)
        sides = (across // 2, across - across // 2, down // 2, down - down // 2)
        padded = nn.functional.pad(images, sides)
        return nn.functional.conv2d(padded, self.weight, None, self.stride, 0, 1, self.groups)


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=_EPSILON, momentum=_MOMENTUM)


class Block(nn.Module):
    """An inverted residual block: widened, filtered channel by channel, narrowed, and added to what it was given.

    Args:
        inputs, outputs: channels.
        kernel, stride: of the filter.
        wider: how many times as many channels there are inside.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, wider: int):
        super().__init__()
        inner = inputs * wider
        self.adds = stride == 1 and inputs == outputs
        self.widens = wider > 1
        if self.widens:
            self.expand_conv, self.bn0 = SameConv(inputs, inner, 1), _norm(inner)
        self.depthwise_conv, self.bn1 = SameConv(inner, inner, kernel, stride, groups=inner), _norm(inner)
        self.project_conv, self.bn2 = SameConv(inner, outputs, 1), _norm(outputs)
        self.clip = nn.ReLU6()

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        inner = self.clip(self.bn0(self.expand_conv(images))) if self.widens else images
        inner = self.clip(self.bn1(self.depthwise_conv(inner)))
        found: torch.Tensor = self.bn2(self.project_conv(inner))
        return images + found if self.adds else found


class EfficientNetLite0(Network):
    """Takes (B, 3, H, W) float, x / 127.5 - 1 of pixels in 0..255, which is a mean and a std of 0.5.

    Without the dropout and the stochastic depth that it was trained with.

    Args:
        n_classes: C, the units of the head.
        head: as of ``base.head_of``.
    Reference: Tan and Le, ICML 2019; Liu, TensorFlow blog 2020.
    """

    last_block = "head_relu"

    def __init__(self, n_classes: int, head: Head = "linear"):
        super().__init__()
        self.conv_stem, self.bn0 = SameConv(3, 32, 3, 2), _norm(32)
        blocks, inputs = [], 32
        for repeats, kernel, stride, wider, outputs in _STAGES:
            for number in range(repeats):
                blocks.append(Block(inputs, outputs, kernel, stride if number == 0 else 1, wider))
                inputs = outputs
        self.blocks = nn.ModuleList(blocks)
        self.conv_head, self.bn1 = SameConv(inputs, N_FEATURES, 1), _norm(N_FEATURES)
        self.clip, self.head_relu = nn.ReLU6(), nn.ReLU6()
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out")
        self.scale = 1.0
        self._head = head
        self.fc = head_of(head, nn.Linear(N_FEATURES, n_classes))
        refuse_biases(self, EFFICIENTNET_LITE)

    @property
    def made(self) -> dict[str, Any]:
        return {"architecture": EFFICIENTNET_LITE, **super().made}

    def features(self, images: torch.Tensor) -> torch.Tensor:
        """(B, 3, H, W) float, normalised -> (B, 1280) float."""
        x = self.clip(self.bn0(self.conv_stem(images)))
        for block in self.blocks:
            x = block(x)
        found: torch.Tensor = self.head_relu(self.bn1(self.conv_head(x)))
        return found.mean(dim=(2, 3))


def from_published(name: str) -> str:
    """The name here of a tensor of the published file, where each part begins with an underscore."""
    return re.sub(r"(^|\.)_", r"\1", name)
