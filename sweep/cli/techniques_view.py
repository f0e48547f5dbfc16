"""Techniques as the terminal lists them: by axis, with what each does to the class prior and what its steps cost."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from rich.padding import Padding
from rich.text import Text

from balancing.components.axes import AXES, TrainingContext, TrainingData
from balancing.components.conflicts import conflicts
from balancing.components.doubts import planned_counts
from balancing.components.groups import GROUPS, cost
from balancing.components.ranges import Choice, Range
from balancing.components.registry import COMPONENTS
from balancing.components.technique import Technique

if TYPE_CHECKING:
    from rich.console import RenderableType

# Training images of two classes, for which the listing says what is taken out of the prior.
EXAMPLE = (900, 100)
# T that is as good as a whole number.
_NEAR = 0.005
_PLAIN, _COMPOSED = "Neither", "Compositions"


def techniques_view(found: Iterable[Technique]) -> list[RenderableType]:
    """A heading for each axis, and below it for each technique: prior taken out, cost, summary, parameters, reference.

    Args:
        found: each is listed under the axis of its one component, or among the compositions.
    """
    headed: dict[str, list[Technique]] = {heading: [] for heading in (_PLAIN, *map(_plural, AXES), _COMPOSED)}
    for technique in found:
        headed[_heading(technique)].append(technique)
    blocks: list[RenderableType] = [
        Text(
            f"T is how much of the class prior the answers are designed to have lost, of {EXAMPLE[0]} and {EXAMPLE[1]} "
            "training images and with default parameters: 0 is calibrated, 1 balanced, above 1 corrected twice. Cost "
            "is in passes of a training step. Parameters have their searched ranges and (defaults)."
        )
    ]
    for heading, own in headed.items():
        if own:
            blocks += [Text(f"\n{heading}" if heading != _PLAIN else "", style="bold underline")]
            for technique in own:
                blocks += list(_block(technique))
    blocks.append(
        Text(
            "\nCompositions are written with plus signs, at most one component an axis, e.g. "
            f"undersampling+class_weights. Groups: {', '.join(GROUPS)}; around:COMPOSITION; @FILE."
        )
    )
    return blocks + [Text(sentence, style="red") for sentence in COMPONENTS.broken()]


def _plural(axis: str) -> str:
    return AXES[axis].folder.capitalize()


def _heading(technique: Technique) -> str:
    if not technique.parts:
        return _PLAIN
    return _plural(technique.axes[0]) if len(technique.parts) == 1 else _COMPOSED


def _block(technique: Technique) -> Iterator[RenderableType]:
    passes = cost(technique)
    composed = "" if len(technique.parts) < 2 else f" = {'+'.join(technique.written(part) for part in technique.parts)}"
    yield Text.assemble(
        (technique.name, "bold"),
        composed if composed != f" = {technique.name}" else "",
        f"  T {taken_out(technique)}, cost {passes:g}",
    )
    lines = [Text(technique.summary)]
    if technique.parameters:
        lines.append(Text("; ".join(f"{name} {_range(spec)}" for name, spec in technique.parameters.items())))
    lines.append(Text(technique.reference, style="dim"))
    for conflict in conflicts(technique):
        lines.append(Text(conflict.sentence, style="red" if conflict.refused else "yellow"))
    for line in lines:
        yield Padding(line, (0, 0, 0, 4))


def _range(spec: Range) -> str:
    """``0..1 (0.5)``: what is searched, and the default."""
    if isinstance(spec, Choice):
        return f"{' or '.join(map(str, spec.options))} ({spec.default})"
    drawn = " log" if getattr(spec, "log", False) else ""
    return f"{spec.low:g}..{spec.high:g}{drawn} ({spec.default:g})"


def taken_out(technique: Technique) -> str:
    """T as designed with default parameters on the example: ``0.98``, or that it is not known."""
    data, own = _example(), technique.complete({})
    counts = planned_counts(technique, data, own)
    if counts is None:
        return "not known"
    context = TrainingContext(counts, 10, split_counts=data.class_counts)
    removed = technique.ledger(context, **own).removed
    if removed is None:
        return "not known"
    return f"{round(removed) if abs(removed - round(removed)) < _NEAR else removed:.2g}"


@cache
def _example() -> TrainingData:
    labels = np.repeat(np.arange(2), EXAMPLE)
    return TrainingData(np.zeros((len(labels), 1, 1), np.uint8), labels, np.arange(len(labels)), 2)
