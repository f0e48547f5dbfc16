"""The network that a sweep asks for, before anything long starts: whether it can be, its weights, and its room."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from balancing.errors import UserError
from sweep.runs.network_name import USUAL, NetworkName
from sweep.training.networks.catalogue import family_of
from sweep.training.networks.start import Start

if TYPE_CHECKING:
    from sweep.config.config import Config

# ResNet18's parameters in float32: what a trial's best network takes.
CHECKPOINT_BYTES = 45e6
# To go on from: Adam's two moments come on top of the network.
LAST = 3
# Of a head's checkpoint: a matrix for so many classes, and facts beside the tensors.
_CLASSES, _FACTS = 16, 50e3


def check_network(config: Config) -> None:
    """Raises UserError where the network can't be had, or can't look at the images or train the techniques.

    Torch is not needed for the usual one.
    """
    train, name = config.train, config.network
    family_of(name.architecture)
    if train.stem == "small" and name.architecture != USUAL:
        raise UserError(
            f"train.stem=small is a beginning of ResNet18 alone, but the network is {name.architecture}; give "
            "--stem imagenet, or --network resnet18"
        )
    if train.stem == "small" and train.weights == "imagenet":
        raise UserError(
            f"train.stem=small has no pretrained weights, but --weights is {train.weights}; give "
            "--weights none, or --stem imagenet"
        )
    if name.frozen and train.weights == "none":
        raise UserError(
            "a frozen network looks at images with weights that it has, but --weights is none; give imagenet, the path "
            "of a checkpoint, or run:RUN"
        )
    if name.architecture == USUAL:
        return
    from sweep.training.networks.sizes import check_size, shapes_of  # here: torch takes seconds to import

    check_size(name.architecture, config.data.image_size)
    if not name.frozen and any(config.technique(asked).head == "distance" for asked in config.space.techniques):
        shapes_of(name.architecture, head="distance")


def starting(config: Config, say: Callable[[str], None]) -> Start:
    """The starting weights, loaded.

    Args:
        say: told what was mended.
    Raises:
        UserError: see ``load_start``; or they are of a ResNet18 that begins in another way than was asked for.
    """
    if config.train.weights == "none":
        return Start()
    from sweep.training.networks.weights import load_start  # here: torch takes seconds to import

    start = load_start(config.train.weights, say, config.train.network)
    if config.train.stem not in ("auto", start.stem):
        raise UserError(
            f"the weights {config.train.weights} are of a ResNet18 with the {start.stem} stem, but --stem is "
            f"{config.train.stem}; give --stem auto"
        )
    return start


def fixed_by(config: Config, start: Start) -> dict[str, Any]:
    """What of every trial's spec the starting weights settle."""
    fixed: dict[str, Any] = {"weights": start.name}
    if config.train.mean == "auto":
        fixed["mean"] = start.mean
    if config.train.std == "auto":
        fixed["std"] = start.std
    return {**fixed, "stem": start.stem} if start.stem else fixed


def checkpoint_bytes(network: NetworkName, hidden: int = 0) -> float:
    """What a trial's best network takes on the disk.

    Args:
        network: of the trial.
        hidden: units of the hidden layer of a frozen network's head.
    Raises:
        UserError: there is no such network.
    """
    family_of(network.architecture)
    if network == NetworkName():
        return CHECKPOINT_BYTES
    from sweep.training.networks.sizes import n_features, weight_bytes

    if not network.frozen:
        return weight_bytes(network.architecture)
    features = n_features(network.architecture)
    return 4.0 * (2 * features + hidden * (features + 1) + (hidden or features) * _CLASSES) + _FACTS
