"""The weights of a deployed network as safetensors, and what tells how to build it around them: config.json."""

from __future__ import annotations

from typing import Any

import torch

from balancing.version import VERSION
from sweep.export.folder import FORMAT
from sweep.export.graph import NOT_FOR_DIAGNOSIS
from sweep.export.needs import need
from sweep.inference.deployed import Deployed
from sweep.runs.network_name import NetworkName
from sweep.training.networks.base import Network
from sweep.training.networks.head_network import Joined

# Of a body its ``fc`` answers nothing: heads stand in its place.
_UNUSED = "fc."


def network_parts(deployed: Deployed) -> dict[str, Network]:
    """Prefix of names -> network: of one network its own names; of several behind one body ``body`` and ``tops.N``."""
    networks = deployed.model.networks
    if deployed.model.one_body and isinstance(networks[0], Joined):
        tops = [one.top for one in networks if isinstance(one, Joined)]
        named = {"top.": tops[0]} if len(tops) == 1 else {f"tops.{n}.": top for n, top in enumerate(tops)}
        return {"body.": networks[0].body, **named}
    plain = [one for one in networks if isinstance(one, Network)]
    assert len(plain) == len(networks)
    return {"": plain[0]} if len(plain) == 1 else {f"networks.{n}.": one for n, one in enumerate(plain)}


def tensors_of(deployed: Deployed) -> dict[str, torch.Tensor]:
    """Every tensor that the answers need, by name, on the CPU."""
    found = {}
    for prefix, network in network_parts(deployed).items():
        for name, tensor in network.state_dict().items():
            if prefix != "body." or not name.startswith(_UNUSED):
                found[prefix + name] = tensor.detach().cpu().contiguous()
    return found


def safetensors_bytes(deployed: Deployed) -> bytes:
    """The file's content.

    Raises:
        UserError: the library is missing.
    """
    library = need("safetensors.torch", "a safetensors file")
    content: bytes = library.save(tensors_of(deployed), {"format": "pt", "note": NOT_FOR_DIAGNOSIS})
    return content


def config_of(deployed: Deployed, run_id: str) -> dict[str, Any]:
    """config.json: network, preprocessing, labels, decision rule, calibration; see docs/export.md."""
    manner, reading = deployed.reading.manner, deployed.reading
    parts = network_parts(deployed)
    labels = dict(enumerate(deployed.class_names))
    spec = deployed.facts["spec"]
    return {
        "format": FORMAT,
        "version": VERSION,
        "note": NOT_FOR_DIAGNOSIS,
        "architecture": NetworkName.parse(str(spec.get("network", "resnet18"))).architecture,
        "networks": {prefix: network.made for prefix, network in parts.items()},
        "id2label": {str(label): name for label, name in labels.items()},
        "label2id": {name: label for label, name in labels.items()},
        "positive": deployed.positive,
        "image": {
            "size": manner.size,
            "resize": manner.resize,
            "filter": "bilinear, antialiased, as Pillow's",
            "mean": _plain(deployed.mean),
            "std": _plain(deployed.std),
            "grey_bits": manner.bits if reading.deep else None,
            "float_range": list(manner.floats) if reading.floating else None,
            "page": manner.page,
        },
        "answers": {
            "network_gives": deployed.network_gives,
            "gives": deployed.gives,
            "rule": None if deployed.rule is None else deployed.rule.numbers(),
            "calibration": None
            if deployed.calibration is None
            else {"temperature": deployed.calibration.temperature, "of_rule": deployed.calibration.of_rule},
        },
        "run": {
            "id": run_id,
            "technique": deployed.technique,
            "trained": deployed.trained,
            "trial_ids": list(deployed.trial_ids),
            "seeds": list(deployed.seeds),
            "fold": None if deployed.fold is None else str(deployed.fold),
        },
    }


def _plain(values: Any) -> Any:
    return float(values) if isinstance(values, float | int) else [float(value) for value in values]
