"""The front matter of a model card: what the Hub reads of it, metrics included, as YAML."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import yaml

from balancing.errors import UserError
from sweep.analysis.names import display_name, legible, metric_name
from sweep.export.card_facts import CardFacts, one_line
from sweep.export.folder import GRAPH, TENSORS
from sweep.report.text.intervals import limits

_LICENSE = re.compile(r"[a-z0-9][a-z0-9.+-]{0,63}")
# As the Hub calls them.
_TYPES = {"auroc": "roc_auc", "brier": "brier_score"}
_NAMES = {"brier": "Brier score, calibrated"}


def check_license(name: str) -> None:
    """Raises UserError where a licence's name is none as the Hub writes them."""
    if not _LICENSE.fullmatch(name):
        raise UserError(
            f"--license is a name as the Hub writes them, such as mit, apache-2.0 or other, but is {legible(name)!r}"
        )


def front_matter(facts: CardFacts) -> str:
    """``---``, YAML, ``---``."""
    files = {GRAPH: "onnx", TENSORS: "safetensors"}
    formats = [kind for name, kind in files.items() if name in facts.files]
    data = facts.results.info["data"]
    front: dict[str, Any] = {
        "license": facts.license,
        "library_name": "onnx" if "onnx" in formats else "pytorch",
        "pipeline_tag": "image-classification",
        "tags": ["medical", "image-classification", "class-imbalance", "balancing-act", "not-for-diagnosis", *formats],
    }
    if data.get("kind") == "hub":
        front["datasets"] = [facts.data.partition("@")[0]]
    metrics = metrics_of(facts)
    if metrics:
        front["metrics"] = list(dict.fromkeys(metric["type"] for metric in metrics))
        front["model-index"] = [{"name": model_name(facts), "results": [_results(facts, metrics)]}]
    written = yaml.safe_dump(front, sort_keys=False, allow_unicode=True, width=1000)
    return f"---\n{written}---\n"


def model_name(facts: CardFacts) -> str:
    """``Oversampling on chest-xray-pneumonia``."""
    return f"{one_line(display_name(facts.deployed.technique))} on {facts.data}"


def metrics_of(facts: CardFacts) -> list[dict[str, Any]]:
    """One dict a metric of the test split: type, value, name with its 95 % interval; [] where it was not opened."""
    test = facts.numbers.test
    found = dict(test.metrics) if test is not None else {}
    after = facts.numbers.calibration.get("after")
    if after is not None:
        found["brier"] = after["brier"]
    return [
        {
            "type": _TYPES.get(name, name),
            "value": one.value,
            "name": f"{_NAMES.get(name, metric_name(name))} (95 % interval {limits(one.low, one.high)})",
        }
        for name, one in found.items()
        if np.isfinite(one.value)
    ]


def _results(facts: CardFacts, metrics: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "task": {"type": "image-classification"},
        "dataset": {"type": facts.data, "name": facts.data, "split": "test"},
        "metrics": metrics,
    }
