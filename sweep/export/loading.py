"""An exported network read back, from safetensors and JSON alone: nothing is unpickled."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from balancing.errors import UserError
from sweep.export.folder import CONFIG, TENSORS, read_config
from sweep.export.needs import need
from sweep.inference.networks import Together
from sweep.training.inputs import to_input
from sweep.training.network import network_like
from sweep.training.networks.base import Network
from sweep.training.networks.head_network import HeadNetwork, Joined


class Exported(Together):
    """An exported network: (B, 3, S, S) float, normalised -> (B, C) logits, in evaluation mode, on the CPU.

    Attributes:
        config: config.json.
    """

    def __init__(self, networks: list[nn.Module], config: dict[str, Any]):
        super().__init__(networks)
        self.config = config

    def input_of(self, pixels: np.ndarray) -> torch.Tensor:
        """(B, 3, S, S) float32, normalised, from (B, S, S) or (B, S, S, 3) uint8 pixels of the wanted size."""
        image = self.config["image"]
        return to_input(torch.from_numpy(np.array(pixels)), image["mean"], image["std"])


def load(folder: Path | str) -> Exported:
    """The network of a folder that ``sweep export`` wrote.

    Args:
        folder: with config.json and model.safetensors.
    Raises:
        UserError: they are missing, damaged, do not fit each other, or the library safetensors is missing.
    """
    folder = Path(folder)
    for name in (CONFIG, TENSORS):
        if not (folder / name).is_file():
            raise UserError(
                f"{folder} holds no {name}; give one that `sweep export` wrote with safetensors among its --formats"
            )
    library = need("safetensors.torch", "an exported network")
    config = read_config(folder)
    try:
        state = library.load_file(folder / TENSORS)
        found = _built(config, state)
    except Exception as error:  # a damaged file can raise almost anything
        why = " ".join(str(error).split())[:200]
        raise UserError(
            f"{folder / TENSORS} is damaged, or not of the network in {CONFIG} ({why}); export the run anew"
        ) from error
    return Exported(found, config)


def _built(config: dict[str, Any], state: dict[str, torch.Tensor]) -> list[nn.Module]:
    n_classes = len(config["id2label"])
    parts: dict[str, Network] = {}
    left = dict(state)
    for prefix, made in config["networks"].items():
        is_body = prefix == "body."
        network = network_like(made, 1 if is_body else n_classes)
        own = {name.removeprefix(prefix): left.pop(name) for name in list(left) if name.startswith(prefix)}
        missing, unexpected = network.load_state_dict(own, strict=False)
        missing = [name for name in missing if not (is_body and name.startswith("fc."))]
        if missing or unexpected:
            raise ValueError(f"missing {missing[:3]}, unexpected {unexpected[:3]}")
        parts[prefix] = network.eval()
    if left:
        raise ValueError(f"unexpected {list(left)[:3]}")
    body = parts.pop("body.", None)
    if body is None:
        return list(parts.values())
    tops = [one for one in parts.values() if isinstance(one, HeadNetwork)]
    if not tops or len(tops) != len(parts):
        raise ValueError("behind a body stand heads alone")
    return [Joined(body, top).eval() for top in tops]
