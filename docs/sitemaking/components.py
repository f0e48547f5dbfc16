"""The page of components and techniques, from the registry."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from balancing.components.axes import AXES
from balancing.components.conflicts import conflicts
from balancing.components.groups import cost
from balancing.components.ranges import Choice, Range
from balancing.components.registry import COMPONENTS, Component
from balancing.components.technique import Technique
from balancing.components.techniques import get_technique, techniques
from balancing.errors import UserError
from sitemaking.writing import arguments, code, docstring, plain, table
from sweep.cli.techniques_view import EXAMPLE, taken_out

_GIVEN = ("data", "random_state", "context")
_SAYS = {
    "binary": "two classes alone",
    "one_class": "trains on the commonest class alone",
    "batchwise": "a row's loss depends on the others of its batch",
    "mixes": "makes images from several, which a report shows beside real ones",
    "transductive": "a row's scores depend on the others that it is applied to",
    "asks_network": "is fitted on the network's head too",
}


def page() -> str:
    """Every component of each axis, then the compositions that have a name."""
    found = techniques()
    alone = {own.name: get_technique(own.name) for own in COMPONENTS.all() if own.origin.own}
    beside = _beside(list(alone.values()))
    parts = [
        "# Components and techniques\n",
        plain(
            f"Made from the registry, as `sweep techniques` is. T is how much of the class prior the answers are "
            f"designed to have lost, with default parameters and {EXAMPLE[0]} and {EXAMPLE[1]} training images: 0 is "
            "calibrated, 1 balanced, above 1 corrected twice. Cost is in passes of a training step. A parameter is "
            "searched in its range where `space.search_parameters` is on, and may be set to anything that is allowed."
        ),
        "How they are composed, and how to add one: [Techniques](components.md).",
    ]
    for axis in AXES.values():
        parts.append(f"## {axis.folder.capitalize()} {{#{axis.folder}}}")
        for component in COMPONENTS.all():
            if component.axis == axis.name and component.name in alone:
                parts += list(_component(component, alone[component.name], beside))
    parts += ["## Named compositions {#compositions}", plain("What the literature names, and what it is made of.")]
    composed = [one for one in found if len(one.parts) != 1]
    parts.append(
        table(
            ("technique", "is", "T", "cost", "what it does", "from"),
            (
                [
                    code(one.name), code("+".join(one.written(part) for part in one.parts)), taken_out(one),
                    f"{cost(one):g}", plain(one.summary), plain(one.reference),
                ]
                for one in composed
            ),
        )
    )  # fmt: skip
    return "\n\n".join(filter(None, parts))


def _component(component: Component, technique: Technique, beside: dict[tuple[str, bool], list[str]]) -> Iterator[str]:
    yield f"### {plain(component.label)} {{#{component.name}}}"
    yield f"{code(component.name)}, T {taken_out(technique)}, cost {cost(technique):g}. {plain(component.reference)}."
    yield docstring(component.function, without=[*_GIVEN, *component.parameters])
    said = arguments(component.function)
    yield table(
        ("parameter", "searched", "allowed", "default", "what it is"),
        (
            [code(name), _searched(spec), _allowed(spec), code(spec.default), plain(said.get(name, ""))]
            for name, spec in component.parameters.items()
        ),
    )
    notes = [text for field, text in _SAYS.items() if getattr(component, field)]
    if component.gives == "scores":
        notes.append("its outputs are scores that rank images, no probabilities")
    if component.head != "linear":
        notes.append(f"the network gets a head that is {component.head}")
    if component.check is not None:
        notes.append("is refused where a class has too few images for it")
    if component.refuses == "while building":
        notes.append("may be refused once it sees the images")
    if notes:
        yield f"**To know:** {plain('; '.join(notes))}."
    for refused, words in ((True, "Refused beside"), (False, "Doubtful, and said to be, beside")):
        names = beside.get((component.name, refused), [])
        if names:
            yield f"**{words}:** {', '.join(f'[{code(name)}](#{name})' for name in names)}."


def _beside(found: list[Technique]) -> dict[tuple[str, bool], list[str]]:
    """(component, refused) -> the components of other axes with which it contradicts itself."""
    pairs: dict[tuple[str, bool], list[str]] = defaultdict(list)
    own = {one.name: {(c.refused, _why(c.sentence)) for c in conflicts(one)} for one in found}
    for index, one in enumerate(found):
        for other in found[index + 1 :]:
            first, second = one.parts[0], other.parts[0]
            if first.axis == second.axis:
                continue
            try:
                both = get_technique(f"{first.name}+{second.name}")
            except UserError:
                pairs[first.name, True].append(second.name)
                pairs[second.name, True].append(first.name)
                continue
            new = {(c.refused, _why(c.sentence)) for c in conflicts(both)} - own[one.name] - own[other.name]
            for refused in {refused for refused, _ in new}:
                pairs[first.name, refused].append(second.name)
                pairs[second.name, refused].append(first.name)
    return pairs


def _why(sentence: str) -> str:
    return sentence.partition(": ")[2]


def _searched(spec: Range) -> str:
    if isinstance(spec, Choice):
        return " or ".join(code(option) for option in spec.options)
    return f"{spec.low:g} to {spec.high:g}{', in the logarithm' if getattr(spec, 'log', False) else ''}"


def _allowed(spec: Range) -> str:
    if isinstance(spec, Choice):
        return "these"
    low = spec.low if spec.minimum is None else spec.minimum
    high = spec.high if spec.maximum is None else spec.maximum
    return f"{low:g} to {high:g}"
