"""Which network a run trained, from which weights, and what of it trained."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sweep.analysis.results import Results
from sweep.runs.network_name import NetworkName

# Architecture as torchvision writes it -> as people do; the first that fits.
_WRITTEN = (
    (r"resnet(\d+)", r"ResNet\1"),
    (r"wide_resnet(\d+)_2", r"Wide ResNet-\1-2"),
    (r"resnext(\d+)_(\d+)x(\d+)d", r"ResNeXt-\1 (\2x\3d)"),
    (r"densenet(\d+)", r"DenseNet-\1"),
    (r"convnext_(\w+)", r"ConvNeXt-\1"),
    (r"efficientnet_lite(\d)", r"EfficientNet-Lite\1"),
    (r"efficientnet_b(\d)", r"EfficientNet-B\1"),
    (r"efficientnet_v2_(\w)", r"EfficientNetV2-\1"),
    (r"mobilenet_v2", r"MobileNetV2"),
    (r"mobilenet_v3_(\w+)", r"MobileNetV3-\1"),
    (r"vit_(\w)_(\d+)", r"ViT-\1/\2"),
    (r"swin_(\w)", r"Swin-\1"),
    (r"swin_v2_(\w)", r"SwinV2-\1"),
    (r"vgg(\d+)(_bn)?", r"VGG-\1"),
)


@dataclass(frozen=True)
class RunNetwork:
    """What the trials of a run have in common as networks.

    Args:
        architecture: as configured, such as ``resnet18``.
        weights: ``none``, ``imagenet``, or ``sha256:...`` of a checkpoint.
        frozen: whether a head alone trained.
        hidden: units of the head's hidden layer; 0 for none.
        views: augmented views of each training image that a frozen body has seen; 0: the image itself.
        features: how many a frozen body gives; None where no network is there that tells.
    """

    architecture: str
    weights: str
    frozen: bool = False
    hidden: int = 0
    views: int = 0
    features: int | None = None

    @property
    def label(self) -> str:
        """The architecture as people write it."""
        for pattern, written in _WRITTEN:
            found = re.fullmatch(pattern, self.architecture)
            if found:
                return found.expand(written)
        return self.architecture

    @property
    def start(self) -> str:
        """``with ImageNet weights``."""
        if self.weights == "none":
            return "with random weights"
        if self.weights == "imagenet":
            return "with ImageNet weights"
        return f"with the weights of a checkpoint ({self.weights})"

    @property
    def phrase(self) -> str:
        """``a linear head on the 512 features of ResNet18 with ImageNet weights, which did not train``."""
        if not self.frozen:
            return f"{self.label} {self.start.replace('with', 'from', 1)}, trained whole"
        head = f"a head with a hidden layer of {self.hidden}" if self.hidden else "a linear head"
        many = f"{self.features:,} features" if self.features else "features"
        return f"{head} on the {many} of {self.label} {self.start}, which did not train"


def network_of(run: Results) -> RunNetwork | None:
    """The network of a run's trials; None of plain predictions, and before there are trials."""
    specs = run.specs() if run.is_of_run else []
    if not specs:
        return None
    spec = specs[0]
    name = NetworkName.parse(spec.network)
    features = _features(run) if name.frozen else None
    return RunNetwork(name.architecture, spec.weights, name.frozen, spec.hidden, spec.views, features)


def _features(run: Results) -> int | None:
    from sweep.training.network import saved_facts

    for chosen in run.selection():
        for trial_id in chosen["trial_ids"]:
            facts = saved_facts(run.trial(trial_id).best)
            if facts and facts.get("vectors"):
                return int(facts["vectors"])
    return None


def network_facts(network: RunNetwork) -> list[tuple[str, str]]:
    """For the report's provenance: what and its value."""
    rows = [("Network", f"{network.label} ({network.architecture}), {network.start}")]
    if not network.frozen:
        return [*rows, ("Trained", "the whole network")]
    head = f"one hidden layer of {network.hidden} units" if network.hidden else "linear"
    many = f" of {network.features:,} features" if network.features else ""
    seen = f"{network.views} augmented views" if network.views else "itself, once, not augmented"
    return [
        *rows,
        ("Trained", f"a head alone ({head}), on features{many} standardised by the training images"),
        ("Seen of a training image", seen),
    ]


def limits_of_frozen(network: RunNetwork | None) -> list[str]:
    """What a frozen network can't tell; nothing of one that trained whole."""
    if network is None or not network.frozen:
        return []
    whose = {
        "imagenet": "were learnt from photographs (ImageNet), not from images such as these",
        "none": "are those of random weights",
    }.get(network.weights, "are those of the checkpoint")
    lines = [
        f"Heads alone were trained: the features of {network.label} {whose} and are the same for every technique. What "
        "a technique would do to the features themselves, trained end to end, is not measured here; its effect there "
        "may be larger, smaller, or another."
    ]
    if not network.views:
        lines.append(
            "The frozen network saw each image once, as it is: augmentation has no part in these results, nor has any "
            "technique that changes images."
        )
    return lines
