"""A deployed network as one ONNX graph: bytes of pictures in, answers out."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from balancing.errors import UserError
from balancing.version import VERSION
from sweep.analysis.names import legible
from sweep.export.answers import answers_text, outputs_of
from sweep.export.needs import need
from sweep.export.pixels import FIRST_OPSET, INPUT, pixels_text
from sweep.inference.deployed import Deployed
from sweep.inference.networks import Together, mean_logits
from sweep.training.networks.head_network import Joined

if TYPE_CHECKING:
    import onnx

# The newest that torch 2.9, the oldest here, writes.
LAST_OPSET = 23
NOT_FOR_DIAGNOSIS = "Research software, not for diagnosis."
# A file of protocol buffers ends at 2 GiB; some of it is no weights.
_MOST_BYTES = (1 << 31) - (1 << 26)


def check_opset(opset: int) -> None:
    """Raises UserError where no graph can be written in an opset."""
    if not FIRST_OPSET <= opset <= LAST_OPSET:
        raise UserError(
            f"--opset is {FIRST_OPSET} to {LAST_OPSET} (Resize has its antialiased filter from {FIRST_OPSET} on), but "
            f"is {opset}; leave it out for {FIRST_OPSET}, which most runtimes read"
        )


def onnx_model(deployed: Deployed, run_id: str, opset: int = FIRST_OPSET) -> onnx.ModelProto:
    """The whole graph: resize, normalisation, networks, probabilities, decision.

    Its input is ``images``, (batch, height, width, channels) uint8 with 1 or 3 channels, of any size, but equal within
    a batch; its outputs are those of ``outputs_of``.

    Args:
        run_id: kept in the file beside classes, technique and version.
        opset: of ONNX's operators, ``FIRST_OPSET`` to ``LAST_OPSET``.
    Raises:
        UserError: the opset can't be, an extra is missing, the networks are too large for one file, or torch can't
            export them.
    """
    check_opset(opset)
    for library in ("onnx", "onnxscript"):
        need(library, "an ONNX file")
    import onnx
    import onnx.compose

    network = _exported(deployed, opset)
    ir_version = network.ir_version
    pixels, answers = (
        onnx.parser.parse_model(text)
        for text in (
            pixels_text(deployed.reading.manner, deployed.mean, deployed.std, opset, ir_version),
            answers_text(deployed, opset, ir_version),
        )
    )
    # Names of values must be told apart: torch's are its own.
    pixels = onnx.compose.add_prefix(pixels, "pixels/", rename_inputs=False, rename_outputs=False)
    answers = onnx.compose.add_prefix(answers, "answers/", rename_inputs=False, rename_outputs=False)
    seeing = onnx.compose.merge_models(pixels, network, io_map=[("network_input", "network_input")])
    model = onnx.compose.merge_models(seeing, answers, io_map=[("network_logits", "network_logits")])
    model.graph.name = "balancing_act"
    model.doc_string = NOT_FOR_DIAGNOSIS
    model.producer_name, model.producer_version = "balancing-act", VERSION
    onnx.helper.set_model_props(model, properties(deployed, run_id))
    onnx.checker.check_model(model, full_check=True)
    assert [value.name for value in model.graph.input] == [INPUT]
    assert [value.name for value in model.graph.output] == outputs_of(deployed)
    return model


def properties(deployed: Deployed, run_id: str) -> dict[str, str]:
    """What the file says of itself: text by name; lists are JSON."""
    found: dict[str, Any] = {
        "class_names": json.dumps(list(deployed.class_names)),
        "positive_class": "" if deployed.positive is None else legible(deployed.class_names[deployed.positive]),
        "technique": deployed.technique,
        "trial_ids": json.dumps(list(deployed.trial_ids)),
        "run_id": run_id,
        "version": VERSION,
        "note": NOT_FOR_DIAGNOSIS,
    }
    return {name: str(value) for name, value in found.items()}


def _exported(deployed: Deployed, opset: int) -> onnx.ModelProto:
    """The networks alone: ``network_input`` (batch, 3, S, S) float32 -> ``network_logits`` (batch, C) float32."""
    model, size = _once(deployed.model), deployed.image_size
    n_bytes = sum(tensor.numel() * tensor.element_size() for tensor in model.state_dict().values())
    if n_bytes > _MOST_BYTES:
        raise UserError(
            f"an ONNX file holds 2 GiB at most, but the weights are {n_bytes / (1 << 30):.1f} GiB; take --formats "
            "safetensors,card, or --what best in place of an ensemble"
        )
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of torch's own parts, which its exporter says to whoever calls it
            program = torch.onnx.export(
                model,
                (torch.zeros(2, 3, size, size),),
                dynamo=True,
                input_names=["network_input"],
                output_names=["network_logits"],
                dynamic_shapes=({0: torch.export.Dim("batch", min=1)},),
                opset_version=opset,
                verbose=False,
            )
    except Exception as error:  # torch.export can raise almost anything
        first = " ".join(str(error).split())[:200]
        raise UserError(
            f"torch {torch.__version__} can't write this network as ONNX with opset {opset} ({first}); try another "
            "--opset, or --formats safetensors,card"
        ) from error
    finally:
        logger.setLevel(level)
    assert program is not None
    return _without_origins(program.model_proto)


def _without_origins(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model without what torch notes at each operator: lines of code, by the folders of who exported it."""
    parts: list[Any] = [model.graph, *model.functions]
    while parts:
        part = parts.pop()
        values = [getattr(part, name, ()) for name in ("input", "output", "value_info", "initializer")]
        for one in (part, *part.node, *(value for own in values for value in own if not isinstance(value, str))):
            one.ClearField("metadata_props")
            one.ClearField("doc_string")
        for attribute in (attribute for node in part.node for attribute in node.attribute):
            parts += [*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs]
    return model


class _Heads(nn.Module):
    """What ``Together`` computes of heads behind one body, which stands in it once: torch's exporter looks at each
    tensor by each of its names."""

    def __init__(self, members: Sequence[Joined]):
        super().__init__()
        self.body = members[0].body
        self.tops = nn.ModuleList([member.top for member in members])
        self.eval()

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        features = self.body.features(images)
        return mean_logits([top(features) for top in self.tops])


def _once(model: Together) -> nn.Module:
    members = [one for one in model.networks if isinstance(one, Joined)]
    return _Heads(members) if len(members) == len(model.networks) > 1 and model.one_body else model
