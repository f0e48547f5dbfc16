"""The network of a trial: made, put on its device, kept with facts about it, and read back."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from balancing.components.axes import Head
from balancing.errors import UserError
from sweep.runs.files import Guard, is_whole_zip, no_guard, write_torch
from sweep.runs.network_name import USUAL, NetworkName
from sweep.runs.spec import TrialSpec
from sweep.training.hardware import memory_format
from sweep.training.networks.base import Network, State, Trained, new_head
from sweep.training.networks.build import build
from sweep.training.networks.head_network import HeadNetwork
from sweep.training.networks.resnet18 import ResNet18, field_of
from sweep.training.networks.start import Start
from sweep.training.networks.weights import load_start, load_weights
from sweep.training.vectors import Vectors

__all__ = [
    "Network",
    "ResNet18",
    "Start",
    "State",
    "Trained",
    "field_of",
    "load_start",
    "load_weights",
    "network_like",
    "new_head",
    "new_model",
    "new_network",
    "restore",
    "save_best",
    "saved_facts",
    "to_device",
]

# What ``Network.made`` leaves out where it is so.
_USUAL: dict[str, Any] = {
    "architecture": USUAL,
    "head": "linear",
    "stem": "imagenet",
    "scale": 1.0,
    "vectors": 0,
    "hidden": 0,
}


def new_model(
    n_classes: int,
    seed: int,
    start: State | None = None,
    *,
    head: Head = "linear",
    stem: str = "imagenet",
    architecture: str = USUAL,
) -> Network:
    """A network for C classes, float32, on the CPU, equal for equal arguments.

    Args:
        n_classes: C, the units of the new head.
        seed: of the random weights (the head alone where ``start`` is given).
        start: weights without a head, as ``load_weights`` gives them; None starts from nothing.
        head, stem, architecture: as of ``networks.build.build``.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = build(architecture, n_classes, head, stem)
    if start is not None:
        missing, unexpected = model.load_state_dict(dict(start), strict=False)
        if any(not name.startswith("fc.") for name in missing) or unexpected:
            raise ValueError(f"starting weights don't fit: missing {missing}, unexpected {unexpected}")
        if head == "distance":
            model.unshift()
    return model


def new_network(
    spec: TrialSpec, n_classes: int, head: Head, start: State | None = None, vectors: Vectors | None = None
) -> Network:
    """The network that a trial trains, as ``new_model``: of a frozen one what stands behind its body.

    Args:
        start: of a network that trains as a whole.
        vectors: of a frozen one, which has been through its body.
    """
    name = NetworkName.parse(spec.network)
    if not name.frozen:
        return new_model(n_classes, spec.seed, start, head=head, stem=spec.stem, architecture=name.architecture)
    assert vectors is not None
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(spec.seed)
        mean, std = torch.from_numpy(vectors.mean), torch.from_numpy(vectors.std)
        return HeadNetwork(mean, std, n_classes, head, spec.hidden)


def to_device(network: Network, spec: TrialSpec, device: torch.device) -> Network:
    """The network on a device, its weights in the layout that the trial's images have there."""
    if isinstance(network, HeadNetwork):
        return network.to(device)
    layout = memory_format(spec.image_size, spec.precision, device)
    return network.to(device).to(memory_format=layout)


def save_best(path: Path, model: nn.Module, guard: Guard = no_guard, **about: Any) -> None:
    """Writes a trained network and facts about it (tensors, str, int, float, lists, dicts), atomically."""
    kept = model.kept_state() if isinstance(model, Network) else model.state_dict()
    state = {name: value.detach().cpu() for name, value in kept.items()}
    write_torch(path, {"model": state, **getattr(model, "made", {}), **about}, guard)


def saved_facts(path: Path) -> dict[str, Any] | None:
    """What was saved with a trained network, whose weights stay on the disk; None for none, and for a damaged file."""
    if not is_whole_zip(path):
        return None
    try:
        saved = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        return {name: value for name, value in saved.items() if name != "model"}
    except Exception:  # a damaged file can raise almost anything
        return None


def restore(path: Path) -> tuple[Network, dict[str, Any]]:
    """A trained network in evaluation mode, float32, on the CPU, and the facts saved with it.

    Of a frozen network it is the head, which takes vectors; see ``frozen.joining.whole_network``.

    Returns:
        (model, facts); facts holds ``epoch``, ``class_names``, ``positive`` and ``spec`` (a dict of TrialSpec).
    Raises:
        UserError: there is no such checkpoint, or it is damaged.
    """
    if not path.is_file():
        raise UserError(f"there is no checkpoint {path}; only chosen trials keep theirs")
    try:
        if not is_whole_zip(path):
            raise ValueError("what it holds is not what its checksums say")
        saved = torch.load(path, map_location="cpu", weights_only=True)
        made = {name: saved[name] for name in _USUAL if name in saved}
        model = network_like(made, len(saved["class_names"]))
        model.load_state_dict(saved.pop("model"))
    except Exception as error:  # a damaged file can raise almost anything
        raise UserError(f"checkpoint {path} is damaged; `sweep resume` of its run trains that trial again") from error
    return model.eval(), saved


def network_like(made: Mapping[str, Any], n_classes: int) -> Network:
    """A network as ``Network.made`` tells of it; its weights are to come.

    Args:
        made: what it leaves out is as in the usual network.
    """
    made = {**_USUAL, **made}
    network: Network
    if made["vectors"]:
        zeros = torch.zeros(made["vectors"])
        network = HeadNetwork(zeros, torch.ones_like(zeros), n_classes, made["head"], made["hidden"])
    else:
        network = build(made["architecture"], n_classes, made["head"], made["stem"])
    network.scale = float(made["scale"])
    return network
