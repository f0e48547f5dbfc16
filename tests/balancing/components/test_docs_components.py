"""The examples of docs/components.md: one an axis, each run, and each keeps the laws of its axis."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch

from balancing.components.axes import AXES, TrainingContext
from balancing.components.registry import COMPONENTS
from balancing.components.techniques import get_technique
from balancing.components.testing import check
from sweep.config.config import build_config
from sweep.config.strict_yaml import read_yaml
from tests.balancing.components.registered import keep_registry

PAGE = (Path(__file__).parents[3] / "docs" / "components.md").read_text(encoding="utf-8")
CONTRIBUTING = (Path(__file__).parents[3] / "CONTRIBUTING.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)


def test_the_examples_run_and_keep_the_laws(monkeypatch: pytest.MonkeyPatch) -> None:
    keep_registry(monkeypatch)
    before = {component.name for component in COMPONENTS.all()}
    for number, example in enumerate(EXAMPLES):
        exec(compile(example, f"example {number}", "exec"), {"__name__": "docs_components"})
    made = [component for component in COMPONENTS.all() if component.name not in before]
    assert sorted(component.axis for component in made) == sorted(AXES)
    for component in made:
        check(component.name)
    assert get_technique("capped+even_mixup+smoothed+deferred").axes == ("sampler", "mixer", "loss", "schedule")


def test_the_loss_that_contributing_adds_is_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    keep_registry(monkeypatch)
    (example,) = re.findall(r"```python\n(.*?@loss\(.*?)```", CONTRIBUTING, flags=re.DOTALL)
    exec(compile(example, "contributing", "exec"), {"__name__": "contributing"})
    check("poly_one")
    logits, targets = torch.randn(6, 3), torch.eye(3)[torch.arange(6) % 3]
    context, technique = TrainingContext(np.array([5, 3, 2])), get_technique("poly_one")
    plain = torch.nn.functional.cross_entropy(logits, targets, reduction="none")
    torch.testing.assert_close(technique.loss(context, epsilon=0.0)(logits, targets), plain)
    p = (logits.softmax(dim=1) * targets).sum(dim=1)
    torch.testing.assert_close(technique.loss(context, epsilon=2.0)(logits, targets), plain + 2 * (1 - p))


@pytest.mark.parametrize("axis", AXES)
def test_each_axis_has_a_section_with_a_short_example(axis: str) -> None:
    (example,) = [example for example in EXAMPLES if f"@{axis}(" in example]
    body = example[example.index(f"@{axis}(") :]
    assert len([line for line in body.splitlines() if line.strip()]) <= 12
    assert f"| {axis} | `@{axis}` |" in PAGE


def test_the_configuration_shown_is_one() -> None:
    (shown,) = re.findall(r"\n(    space:\n(?:    .*\n)+)", PAGE)
    config = build_config(read_yaml("\n".join(line[4:] for line in shown.splitlines()), "docs"))
    given = config.space.parameters["undersampling+class_weights"]
    assert set(given) == {"class_weights.power", "undersampling.sampling_strategy"}
