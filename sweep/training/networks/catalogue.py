"""The networks there are, by name: whose they are, and where their last block and head are. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from balancing.errors import UserError, suggestion
from sweep.runs.network_name import USUAL

EFFICIENTNET_LITE = "efficientnet_lite0"
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Family:
    """Networks of one paper.

    Args:
        members: name -> shown name.
        reference: where they come from.
        last_block: dotted name in torchvision's network of the last block that has places.
        head: dotted name there of the last linear layer.
        seen: the last block as people call it, where its name alone would say too little.
        arguments: torchvision's, besides the weights.
        mean, std: of pixels in [0, 1], as the ImageNet weights were trained; here for the network as it is built.
        left_out: beginnings of the names of tensors in ImageNet's files that are of no use here.
    """

    members: Mapping[str, str]
    reference: str
    last_block: str
    head: str
    seen: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    mean: tuple[float, ...] = IMAGENET_MEAN
    std: tuple[float, ...] = IMAGENET_STD
    left_out: tuple[str, ...] = ()


def _members(pattern: str, shown: str, kinds: str) -> dict[str, str]:
    """``resnet{}``, ``ResNet-{}``, ``34 50`` -> {"resnet34": "ResNet-34", ...}."""
    return {pattern.format(kind): shown.format(kind.replace("_", "-").replace("-gf", " GF")) for kind in kinds.split()}


_GIGAFLOPS = "400mf 800mf 1_6gf 3_2gf 8gf 16gf 32gf"
_RESNET = "He et al., Deep Residual Learning for Image Recognition, CVPR 2016"
# GoogLeNet's own weights want pixels in -1..1; torchvision's transforms ImageNet's normalisation to that inside.
_AUXILIARY: dict[str, Any] = {
    "arguments": {"aux_logits": False, "transform_input": False, "init_weights": True},
    "mean": (0.5, 0.5, 0.5),
    "std": (0.5, 0.5, 0.5),
    "left_out": ("aux1.", "aux2.", "AuxLogits."),
}
_GRID = "the patches that its last block is given"

FAMILIES = (
    Family({USUAL: "ResNet18"} | _members("resnet{}", "ResNet{}", "34 50 101 152"), _RESNET, "layer4", "fc"),
    Family(
        _members("resnext{}", "ResNeXt-{}", "50_32x4d 101_32x8d 101_64x4d"),
        "Xie et al., Aggregated Residual Transformations for Deep Neural Networks, CVPR 2017",
        "layer4",
        "fc",
    ),
    Family(
        _members("wide_resnet{}", "Wide ResNet-{}", "50_2 101_2"),
        "Zagoruyko and Komodakis, Wide Residual Networks, BMVC 2016",
        "layer4",
        "fc",
    ),
    Family(
        _members("densenet{}", "DenseNet-{}", "121 161 169 201"),
        "Huang et al., Densely Connected Convolutional Networks, CVPR 2017",
        "features",
        "classifier",
    ),
    Family(
        _members("convnext_{}", "ConvNeXt {}", "tiny small base large"),
        "Liu et al., A ConvNet for the 2020s, CVPR 2022",
        "features",
        "classifier.2",
    ),
    Family(
        _members("efficientnet_{}", "EfficientNet {}", "b0 b1 b2 b3 b4 b5 b6 b7"),
        "Tan and Le, EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks, ICML 2019",
        "features",
        "classifier.1",
    ),
    Family(
        _members("efficientnet_v2_{}", "EfficientNetV2 {}", "s m"),
        "Tan and Le, EfficientNetV2: Smaller Models and Faster Training, ICML 2021",
        "features",
        "classifier.1",
    ),
    Family(
        _members("efficientnet_v2_{}", "EfficientNetV2 {}", "l"),
        "Tan and Le, EfficientNetV2: Smaller Models and Faster Training, ICML 2021",
        "features",
        "classifier.1",
        mean=(0.5, 0.5, 0.5),
        std=(0.5, 0.5, 0.5),
    ),
    Family(
        {EFFICIENTNET_LITE: "EfficientNet-Lite0"},
        "Liu, Higher accuracy on vision models with EfficientNet-Lite, TensorFlow blog 2020; Tan and Le, ICML 2019",
        "head_relu",
        "fc",
        mean=(0.5, 0.5, 0.5),
        std=(0.5, 0.5, 0.5),
    ),
    Family(
        {"mobilenet_v2": "MobileNetV2"},
        "Sandler et al., MobileNetV2: Inverted Residuals and Linear Bottlenecks, CVPR 2018",
        "features",
        "classifier.1",
    ),
    Family(
        _members("mobilenet_v3_{}", "MobileNetV3 {}", "small large"),
        "Howard et al., Searching for MobileNetV3, ICCV 2019",
        "features",
        "classifier.3",
    ),
    Family(
        _members("mnasnet{}", "MnasNet {}", "0_5 0_75 1_0 1_3"),
        "Tan et al., MnasNet: Platform-Aware Neural Architecture Search for Mobile, CVPR 2019",
        "layers",
        "classifier.1",
    ),
    Family(
        _members("regnet_x_{}", "RegNet X {}", _GIGAFLOPS)
        | _members("regnet_y_{}", "RegNet Y {}", _GIGAFLOPS + " 128gf"),
        "Radosavovic et al., Designing Network Design Spaces, CVPR 2020",
        "trunk_output",
        "fc",
    ),
    Family(
        _members("shufflenet_v2_{}", "ShuffleNetV2 {}", "x0_5 x1_0 x1_5 x2_0"),
        "Ma et al., ShuffleNet V2: Practical Guidelines for Efficient CNN Architecture Design, ECCV 2018",
        "conv5",
        "fc",
    ),
    Family(
        {"googlenet": "GoogLeNet"},
        "Szegedy et al., Going Deeper with Convolutions, CVPR 2015",
        "inception5b",
        "fc",
        **_AUXILIARY,
    ),
    Family(
        {"inception_v3": "Inception v3"},
        "Szegedy et al., Rethinking the Inception Architecture for Computer Vision, CVPR 2016",
        "Mixed_7c",
        "fc",
        **_AUXILIARY,
    ),
    Family(
        {"alexnet": "AlexNet"},
        "Krizhevsky, One weird trick for parallelizing convolutional neural networks, arXiv:1404.5997, 2014",
        "features",
        "classifier.6",
    ),
    Family(
        _members("vgg{}", "VGG-{}", "11 13 16 19 11_bn 13_bn 16_bn 19_bn"),
        "Simonyan and Zisserman, Very Deep Convolutional Networks for Large-Scale Image Recognition, ICLR 2015",
        "features",
        "classifier.6",
    ),
    Family(
        _members("vit_{}", "ViT {}", "b_16 b_32 l_16 l_32"),
        "Dosovitskiy et al., An Image is Worth 16x16 Words, ICLR 2021",
        "encoder",
        "heads.head",
        seen=_GRID,
    ),
    Family(
        _members("vit_{}", "ViT {}", "h_14"),
        "Dosovitskiy et al., An Image is Worth 16x16 Words, ICLR 2021",
        "encoder",
        "heads.head",
        seen=_GRID,
        arguments={"image_size": 518},
    ),
    Family(
        _members("swin_{}", "Swin Transformer {}", "t s b"),
        "Liu et al., Swin Transformer: Hierarchical Vision Transformer Using Shifted Windows, ICCV 2021",
        "permute",
        "head",
        seen="the last block, normalised",
    ),
    Family(
        _members("swin_v2_{}", "Swin Transformer V2 {}", "t s b"),
        "Liu et al., Swin Transformer V2: Scaling Up Capacity and Resolution, CVPR 2022",
        "permute",
        "head",
        seen="the last block, normalised",
    ),
    Family(
        {"maxvit_t": "MaxViT T"},
        "Tu et al., MaxViT: Multi-Axis Vision Transformer, ECCV 2022",
        "blocks.3",
        "classifier.5",
    ),
)
_FAMILY_OF = {name: found for found in FAMILIES for name in found.members}
NAMES = tuple(_FAMILY_OF)
# Of torchvision's, those that no linear layer ends, so that no other head can stand in its place.
_WITHOUT_HEAD = ("squeezenet1_0", "squeezenet1_1")


def family_of(architecture: str) -> Family:
    """Where a network belongs.

    Raises:
        UserError: there is no such network, or none that heads can stand behind.
    """
    if architecture in _WITHOUT_HEAD:
        raise UserError(
            f"network '{architecture}' ends in a convolution, not in a linear layer, so no head can be put in its "
            "place; take another small one, such as mobilenet_v3_small"
        )
    if architecture not in _FAMILY_OF:
        near = suggestion(architecture, NAMES)
        listed = "; give resnet18, another of torchvision's classifiers, such as densenet121, or efficientnet_lite0"
        raise UserError(f"there is no network '{architecture[:60]}'{near if 'did you mean' in near else listed}")
    return _FAMILY_OF[architecture]


def shown_name(architecture: str) -> str:
    """``densenet121`` -> ``DenseNet-121``; a name that is not known here stays as it is."""
    found = _FAMILY_OF.get(architecture)
    return found.members[architecture] if found else architecture


def seen_as(architecture: str) -> str:
    """What a map of a network shows, where it is not simply the last block; else ""."""
    found = _FAMILY_OF.get(architecture)
    return found.seen if found else ""


def reference_of(architecture: str) -> str:
    """Where a network comes from; "" of one that is not known here."""
    found = _FAMILY_OF.get(architecture)
    return found.reference if found else ""
