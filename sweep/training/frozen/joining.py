"""The networks that a run kept, from image to answer: behind a frozen body a head joined to it."""

from __future__ import annotations

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


def load_body(path: Path) -> Network:
    """The frozen body of a run folder, in evaluation mode, float32, on the CPU.

    Raises:
        UserError: it is missing or damaged.
    """
    file = path / BODY
    try:
        if not is_whole_zip(file):
            raise ValueError("what it holds is not what its checksums say")
        saved = torch.load(file, map_location="cpu", weights_only=True)
        body = build(saved["architecture"], 1, stem=stem_in(saved["body"]))
        body.load_state_dict(saved["body"], strict=False)
    except Exception as error:  # a damaged file can raise almost anything
        raise UserError(
            f"{file}, the frozen body of this run, is missing or damaged; `sweep resume` writes it"
        ) from error
    return body.eval()


def whole_network(path: Path) -> tuple[nn.Module, dict[str, Any]]:
    """As ``restore``, and of a head behind a frozen body the two joined: takes images in any case.

    Args:
        path: of a trial's best network, in its run folder.
    """
    network, facts = restore(path)
    if isinstance(network, HeadNetwork):
        return Joined(load_body(path.parents[2]), network).eval(), facts
    return network, facts
