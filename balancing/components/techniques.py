"""Techniques by name: components by themselves, compositions such as ``undersampling+class_weights``, and named ones.

Each component is a technique by itself (a decision: the baseline decided on by it); some compositions have names of
their own (``balancing.components.named``).
"""

from __future__ import annotations

from collections.abc import Sequence

from balancing.components.axes import AXES
from balancing.components.conflicts import conflicts
from balancing.components.feature_space import PLACED, SIGN, SPACES
from balancing.components.named import NAMED, STUDY, Named
from balancing.components.registry import COMPONENTS, Component
from balancing.components.technique import Technique
from balancing.errors import UserError, suggestion

JOINS = "+"
BASELINE = "baseline"


def technique_of(component: Component) -> Technique:
    """The technique that consists of one component; of a decision, the baseline decided on by it."""
    if component.axis == "decision":
        return _composed(f"{BASELINE}{JOINS}{component.name}")
    return Technique(
        component.name,
        component.label,
        component.summary,
        component.reference,
        (component,),
        "always" if component.axis == "augmentation" else "as asked",
        component.colour,
    )


def _on_features(component: Component) -> Technique:
    """A sampler or a mixer that works on the network's features."""
    return Technique(
        f"{component.name}{SIGN}features",
        f"{component.label} on features",
        f"On the network's own features: {component.summary}",
        component.reference,
        (component,),
        on_features=frozenset({component.axis}),
    )


def _named(name: str, named: Named) -> Technique:
    found = [_placed(part) for part in named.parts]
    parts = tuple(component for component, _ in found)
    there = frozenset(component.axis for component, space in found if space == "features")
    return Technique(
        name, named.label, named.summary, named.reference, parts, named.augmented, named.colour, on_features=there
    )


def _placed(word: str) -> tuple[Component, str]:
    """The component that a word names, and the space behind its ``@``; pixels where there is none.

    Raises:
        UserError: there is no such component or space, or it works in none.
    """
    name, sign, space = word.partition(SIGN)
    if sign and not name:
        raise UserError(f"'{word}' names no component before '{SIGN}'; write it as smote@features")
    if sign and space not in SPACES:
        raise UserError(f"unknown space '{space}' of '{word}'{suggestion(space, SPACES)}")
    if sign and name in NAMED:
        raise UserError(
            f"'{name}' of '{word}' is no sampler or mixer, so it works in no space; leave out {SIGN}{space}"
        )
    component = _component(name)
    if sign and component.axis not in PLACED:
        raise UserError(
            f"'{name}' of '{word}' is of the axis {component.axis}, which has no space; leave out {SIGN}{space}, which "
            "stands behind a sampler or a mixer"
        )
    return component, space or SPACES[0]


def _component(name: str) -> Component:
    found = COMPONENTS.get(name)
    if found is None:
        raise UserError(f"unknown technique '{name}'{suggestion(name, {*NAMED, *(c.name for c in _alone())})}")
    return found


def _alone() -> list[Component]:
    """The components that are techniques by their own names."""
    named = {named.parts[0] for named in NAMED.values() if len(named.parts) == 1}
    return [component for component in COMPONENTS.all() if component.name not in named]


def _composed(name: str) -> Technique:
    """The technique of a name with plus signs; its name has the parts in the order of the axes."""
    words = [part.strip() for part in name.split(JOINS)]
    if not all(words):
        raise UserError(f"technique '{name}' has a plus sign with nothing beside it; write it as 'smote+focal'")
    components = [None if word in NAMED else _placed(word)[0] for word in words]
    found = [known for known in components if known is not None and known.axis == "decision"]
    decisions = [decision.name for decision in found]
    if len(decisions) > 1:
        raise UserError(
            f"'{decisions[0]}' and '{decisions[1]}' of '{name}' are both of the axis decision, of which a technique "
            "takes one; leave one out"
        )
    trained = [part for word in words if word not in decisions for part in _parts_of(word)]
    if not decisions:
        return _trained(name, trained)
    before = get_technique(JOINS.join(trained) or BASELINE)
    decision = found[0]
    return Technique(
        f"{before.name}{JOINS}{decision.name}",
        f"{before.label} + {decision.label}",
        f"{before.summary} {decision.summary}",
        "; ".join(dict.fromkeys(part.reference for part in (before, decision) if part.name != BASELINE)),
        (*before.parts, decision),
        before.augmented,
        trained_as=before.name,
        on_features=before.on_features,
    )


def _parts_of(word: str) -> tuple[str, ...]:
    """The components of a named composition, so that what it is composed with further has one name however typed."""
    return NAMED[word].parts if word in NAMED and len(NAMED[word].parts) > 1 else (word,)


def _trained(name: str, words: Sequence[str]) -> Technique:
    """The composition of several techniques that train."""
    found: dict[str, Technique] = {}  # axis -> what the name says of it
    for word in words:
        technique = get_technique(word)
        if not technique.parts:
            raise UserError(f"technique '{word}' has no component that could be composed; leave it out of '{name}'")
        for axis in technique.axes:
            if axis in found:
                raise UserError(
                    f"'{found[axis].name}' and '{word}' of '{name}' are both of the axis {axis}, of which a technique "
                    "takes one; leave one out"
                )
            found[axis] = technique
    ordered = list({found[axis].name: found[axis] for axis in AXES if axis in found}.values())
    parts = {part.axis: part for technique in ordered for part in technique.parts}
    return Technique(
        JOINS.join(technique.name for technique in ordered),
        " + ".join(technique.label for technique in ordered),
        " ".join(technique.summary for technique in ordered),
        "; ".join(dict.fromkeys(technique.reference for technique in ordered)),
        tuple(parts[axis] for axis in AXES if axis in parts),
        "always" if "augmentation" in parts else "as asked",
        on_features=frozenset[str]().union(*(technique.on_features for technique in ordered)),
    )


def get_technique(name: str) -> Technique:
    """The technique of that name, or the composition that a name with plus signs says.

    The one component of a named technique gives that technique, and a composition that has a name gives the named one.
    Of others the parts come in the order of the axes, so that ``found.name`` is one whatever was typed.

    Raises:
        UserError: there is none (the nearest name is suggested), or parts don't go together.
    """
    if not isinstance(name, str):
        raise UserError(f"a technique is given by its name, but got {name!r}; `balancing.techniques()` lists them")
    if name in NAMED:
        return _named(name, NAMED[name])
    if JOINS not in name:
        component, space = _placed(name)
        name = component.name
        if space == "features":
            return _on_features(component)
        alone = next((known for known, named in NAMED.items() if named.parts == (name,)), None)
        return _named(alone, NAMED[alone]) if alone else technique_of(component)
    found = _composed(name)
    parts = tuple(found.written(part) for part in found.parts)
    same = next((known for known, named in NAMED.items() if len(parts) > 1 and named.parts == parts), None)
    return _named(same, NAMED[same]) if same else found


def training_of(technique: Technique) -> Technique:
    """The technique whose trials it needs: itself, but for its decision."""
    if not technique.trained_as:
        return technique
    trained = get_technique(technique.trained_as)
    return trained.behind_frozen() if technique.still else trained


def order_of(name: str) -> tuple[int, str]:
    """A key to sort names of techniques by: the study's in its order, then by name."""
    return (STUDY.index(name) if name in STUDY else len(STUDY), name)


def techniques() -> tuple[Technique, ...]:
    """The named techniques, and each component that can be alone; the study's six first, in the study's order."""
    found = [_named(name, named) for name, named in NAMED.items()]
    alone = [technique_of(component) for component in _alone()]
    found += [technique for technique in alone if not any(conflict.refused for conflict in conflicts(technique))]
    return tuple(sorted(found, key=lambda technique: order_of(technique.name)))
