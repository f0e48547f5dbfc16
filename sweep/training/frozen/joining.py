"""The networks that a run kept, from image to answer: behind a frozen body a head joined to it."""

from __future__ import annotations

import copy
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import nn

from balancing.errors import UserError
from sweep.runs.files import Guard, is_whole_zip, no_guard, write_torch
from sweep.runs.network_name import NetworkName
from sweep.training.network import restore
from sweep.training.networks.base import Network, State
from sweep.training.networks.build import build
from sweep.training.networks.head_network import HeadNetwork, Joined
from sweep.training.networks.resnet18 import stem_in

BODY = "body.pt"  # in the run folder: the frozen body that all its trials stand behind


def save_body(path: Path, network: str, start: State, guard: Guard = no_guard) -> None:
    """Writes a frozen body's weights.

    Args:
        path: the run folder.
        network: as of ``TrialSpec.network``.
        start: as ``load_weights`` gives it, without a head.
    """
    architecture = NetworkName.parse(network).architecture
    write_torch(path / BODY, {"architecture": architecture, "body": dict(start)}, guard)


class NoBody(UserError):
    """The frozen body of a run is missing or damaged."""


def load_body(path: Path) -> Network:
    """The frozen body of a run folder, in evaluation mode, float32, on the CPU.

    Raises:
        NoBody: it is missing or damaged.
    """
    file = path / BODY
    try:
        found = file.stat()
        body = _loaded(file, found.st_mtime_ns, found.st_size)[1]
    except Exception as error:  # a damaged file can raise almost anything
        raise NoBody(f"{file}, the frozen body of this run, is missing or damaged; `sweep resume` writes it") from error
    return copy.deepcopy(body)


def body_fault(path: Path, architecture: str) -> str:
    """Why the body in a run folder is not the one that its trials stood behind: one clause; "" where it may be.

    Args:
        path: the run folder.
        architecture: of the trials, as of ``TrialSpec.architecture``.
    """
    file = path / BODY
    if not file.exists():
        return f"{BODY}, the frozen network's weights, is missing"
    try:
        found = file.stat()
        saved, _ = _loaded(file, found.st_mtime_ns, found.st_size)
    except Exception:  # a damaged file can raise almost anything
        return f"{BODY}, the frozen network's weights, is damaged"
    return (
        ""
        if saved == architecture
        else f"{BODY} holds the weights of {saved}, and the trials stood behind {architecture}"
    )


@lru_cache(maxsize=1)  # a report joins each technique's head to the same one
def _loaded(file: Path, changed: int, size: int) -> tuple[str, Network]:
    """Its architecture and the body."""
    if not is_whole_zip(file):
        raise ValueError("what it holds is not what its checksums say")
    saved = torch.load(file, map_location="cpu", weights_only=True)
    body = build(saved["architecture"], 1, stem=stem_in(saved["body"]))
    missing, unexpected = body.load_state_dict(saved["body"], strict=False)
    if unexpected or any(not name.startswith("fc.") for name in missing):
        raise ValueError(f"it is of another network: missing {missing}, unexpected {unexpected}")
    return str(saved["architecture"]), body.eval()


def whole_network(path: Path) -> tuple[nn.Module, dict[str, Any]]:
    """As ``restore``, and of a head behind a frozen body the two joined: takes images in any case.

    Args:
        path: of a trial's best network, in its run folder.
    """
    network, facts = restore(path)
    if isinstance(network, HeadNetwork):
        return Joined(load_body(path.parents[2]), network).eval(), facts
    return network, facts
