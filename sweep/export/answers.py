"""The last part of an ONNX graph: from logits to probabilities, calibrated probabilities and a decision."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sweep.inference.deployed import Deployed
from sweep.inference.networks import LEAST
from sweep.inference.rule import Rule

LOGITS, SCORES = "logits", "scores"
PROBABILITIES, CALIBRATED, DECISION = "probabilities", "calibrated_probabilities", "decision"


def outputs_of(deployed: Deployed) -> list[str]:
    """The names of a graph's outputs, in order; ``scores`` in place of ``logits`` where they rank images alone."""
    names = []
    if deployed.network_gives == "probabilities":
        names.append(PROBABILITIES)
    if deployed.calibration is not None:
        names.append(CALIBRATED)
    if deployed.rule is not None:
        names.append(DECISION)
    return [*names, LOGITS if deployed.network_gives == "probabilities" else SCORES]


def answers_text(deployed: Deployed, opset: int, ir_version: int) -> str:
    """A model, as ONNX's own text, that takes ``network_logits`` and gives ``outputs_of``.

    All of it as ``Deployed.answers`` has it, in float32.
    """
    n_classes = len(deployed.class_names)
    names = outputs_of(deployed)
    shapes = {DECISION: "int64[batch]"}
    given = ", ".join(f"{shapes.get(name, f'float[batch, {n_classes}]')} {name}" for name in names)
    lines = [f"{names[-1]} = Identity(network_logits)"]
    if PROBABILITIES in names:
        lines.append(f"{PROBABILITIES} = Softmax<axis = 1>(network_logits)")
    if deployed.rule is not None:
        lines += [*_scores(deployed.rule), f"{DECISION} = ArgMax<axis = 1, keepdims = 0>(rule_scores)"]
    if deployed.calibration is not None:
        own = "rule_scores" if deployed.calibration.of_rule else "network_logits"
        lines += [
            f"own = Softmax<axis = 1>({own})",
            f"least = {_numbers([LEAST])}",
            "floored = Max(own, least)",
            "logs = Log(floored)",
            f"temperature = {_numbers([deployed.calibration.temperature])}",
            "tempered = Div(logs, temperature)",
            f"{CALIBRATED} = Softmax<axis = 1>(tempered)",
        ]
    body = "\n    ".join(lines)
    return f"""
<ir_version: {ir_version}, opset_import: ["" : {opset}]>
answers (float[batch, {n_classes}] network_logits) => ({given})
{{
    {body}
}}
"""


def _scores(rule: Rule) -> list[str]:
    """As ``Rule.scores``."""
    lines, logits = [], "network_logits"
    if rule.centred:
        lines += [
            "class_axis = Constant<value_ints = [1]>()",
            "middle = ReduceMean<keepdims = 1>(network_logits, class_axis)",
            "centred = Sub(network_logits, middle)",
        ]
        logits = "centred"
    return [
        *lines,
        f"rule_scale = {_numbers(rule.scale.tolist())}",
        f"rule_shift = {_numbers(rule.shift.tolist())}",
        f"scaled = Mul({logits}, rule_scale)",
        "rule_scores = Add(scaled, rule_shift)",
    ]


def _numbers(values: Sequence[float]) -> str:
    numbers = ", ".join(repr(float(np.float32(value))) for value in values)
    return f"Constant<value = float[{len(values)}] {{{numbers}}}>()"
