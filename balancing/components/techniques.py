"""Techniques: compositions of components, one an axis, with names, an order, and parameters.

Each component is a technique by itself; ``undersampling+class_weights`` composes two; some compositions have names of
their own (``balancing.components.named``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from balancing.components.axes import (
    AXES,
    Augment,
    Loss,
    Mix,
    Phase,
    Schedule,
    TrainingContext,
    TrainingData,
)
from balancing.components.named import NAMED, STUDY, Augmented, Named
from balancing.components.plans import TrainingPlan
from balancing.components.ranges import Range
from balancing.components.registry import COMPONENTS, Component, check_feasible
from balancing.errors import UserError, suggestion

JOINS = "+"
DEFAULT_AUGMENTATION = "rotate_flip"


@dataclass(frozen=True)
class Technique:
    """A technique, as the command line, the search space and the report know it.

    Args:
        name: as typed, e.g. ``borderline_smote`` or ``undersampling+class_weights``; parts in the order of the axes.
        label: as people read it.
        summary: one line.
        reference: where the method comes from.
        parts: its components, one an axis at most, in the order of the axes.
        augmented: what becomes of the augmentation strength that a sweep asks for; see ``strength``.
        colour: ``#rrggbb`` in figures; "" leaves the choice to them.
    """

    name: str
    label: str
    summary: str
    reference: str
    parts: tuple[Component, ...] = ()
    augmented: Augmented = "as asked"
    colour: str = ""

    @property
    def axes(self) -> tuple[str, ...]:
        """The axes on which it does something."""
        return tuple(part.axis for part in self.parts)

    @property
    def keeps_prior(self) -> bool:
        """Whether its networks' answers carry the class frequencies of the training split."""
        return all(part.keeps_prior for part in self.parts)

    @property
    def components(self) -> dict[str, str]:
        """Axis -> component where the name alone does not say what trains; see ``TrialSpec.components``."""
        said = len(self.parts) <= 1 and all(part.origin.own for part in self.parts)
        return {} if said else {part.axis: part.identity for part in self.parts}

    @cached_property
    def parameters(self) -> dict[str, Range]:
        """Parameter -> its searched range with a default; ``component.parameter`` where several components train."""
        return {key: part.parameters[name] for key, part, name in self._keys()}

    def _keys(self) -> Iterator[tuple[str, Component, str]]:
        for part in self.parts:
            for name in part.parameters:
                yield (name if len(self.parts) == 1 else f"{part.name}.{name}"), part, name

    def key_of(self, given: str) -> str:
        """The parameter's key in ``parameters``; its bare name is enough where one component has such a parameter.

        Raises:
            UserError: there is none, or several.
        """
        if given in self.parameters:
            return given
        bare = [key for key, _, name in self._keys() if name == given]
        if len(bare) == 1:
            return bare[0]
        if not self.parameters:
            raise UserError(f"technique '{self.name}' has no parameters, but '{given}' was given; remove it")
        if bare:
            raise UserError(f"several components of '{self.name}' have a parameter '{given}'; say {' or '.join(bare)}")
        known = self.parameters if "." in given else {name: key for key, _, name in self._keys()}
        raise UserError(f"technique '{self.name}' has no parameter '{given}'{suggestion(given, known)}")

    def draw_key(self, key: str) -> str:
        """By what a parameter's draws are seeded: its bare name for samplers, ``axis.parameter`` for other axes.

        Techniques with the same parameter on the same axis share its draws; parameters of two axes never do.
        """
        part, name = next((part, name) for known, part, name in self._keys() if known == key)
        return name if part.axis == "sampler" else f"{part.axis}.{name}"

    def complete(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """All parameters, the missing ones at their defaults, each checked.

        Raises:
            UserError: an unknown parameter, or a value outside its range.
        """
        given = {self.key_of(name): value for name, value in parameters.items()}
        return {
            key: part.parameters[name].check(f"{part.name}.{name}", given.get(key, part.parameters[name].default))
            for key, part, name in self._keys()
        }

    def check_feasible(
        self,
        class_counts: Sequence[int] | np.ndarray,
        class_names: Sequence[str] = (),
        parameters: Mapping[str, Any] | None = None,
    ) -> None:
        """Whether there are images enough; looks at counts alone, so it costs nothing before a sweep.

        Args:
            class_counts: (C,) int, training images of each class.
            class_names: (C,) for messages; labels are shown where it is empty.
            parameters: as for ``complete``.
        Raises:
            UserError: a class has no training image or too few, or ``complete`` raises.
        """
        complete = self.complete(parameters or {})
        check_feasible([(part, self._own(part, complete)) for part in self.parts], class_counts, class_names)

    def build(self, data: TrainingData, random_state: int, **parameters: Any) -> TrainingPlan:
        """The training plan.

        Args:
            data: T training rows.
            random_state: 0..2**32-1; means what it means to imbalanced-learn, so that equal seeds give equal samples.
            parameters: as for ``complete``; those of other axes than the sampler's change nothing.
        Raises:
            UserError: as ``check_feasible``.
        """
        complete = self.complete(parameters)
        self.check_feasible(data.class_counts, data.class_names, complete)
        sampler = self.part("sampler")
        if sampler is None:
            return TrainingPlan.of_rows(data.rows, data.train_labels)
        plan: TrainingPlan = sampler.build(data, random_state, **self._own(sampler, complete))
        return plan

    def loss(self, context: TrainingContext, **parameters: Any) -> Loss:
        """The loss; cross-entropy where no component says otherwise. Arguments as for ``build``."""
        from balancing.components.losses.cross_entropy import cross_entropy

        found: Loss | None = self._built("loss", context, parameters)
        return found or cross_entropy

    def augment(self, context: TrainingContext, **parameters: Any) -> Augment:
        """The augmentation; rotations and flips where no component says otherwise. Arguments as for ``build``."""
        found: Augment | None = self._built("augmentation", context, parameters)
        if found is None:
            component = COMPONENTS.get(DEFAULT_AUGMENTATION)
            assert component is not None
            found = component.build(context)
        return found

    def mix(self, context: TrainingContext, **parameters: Any) -> Mix | None:
        """How rows are mixed with partners; None where no component says so. Arguments as for ``build``."""
        found: Mix | None = self._built("mixer", context, parameters)
        return found

    def schedule(self, context: TrainingContext, **parameters: Any) -> Schedule:
        """What trains in each epoch; everything, where no component says otherwise. Arguments as for ``build``."""
        found: Schedule | None = self._built("schedule", context, parameters)
        return found or _always

    def _built(self, axis: str, context: TrainingContext, parameters: Mapping[str, Any]) -> Any:
        part = self.part(axis)
        return part.build(context, **self._own(part, self.complete(parameters))) if part else None

    def part(self, axis: str) -> Component | None:
        """The component on an axis, or None."""
        return next((part for part in self.parts if part.axis == axis), None)

    def _own(self, part: Component, complete: Mapping[str, Any]) -> dict[str, Any]:
        """One component's parameters, by their bare names."""
        return {name: complete[key] for key, owner, name in self._keys() if owner == part}

    def strength(self, asked: float) -> float:
        """The augmentation strength that a trial trains with, in 0..1, where the sweep asks for ``asked``."""
        if self.augmented == "never":
            return 0.0
        if self.augmented == "always" and asked == 0:
            return 1.0
        return asked


def _always(epoch: int) -> Phase:
    return Phase()


def technique_of(component: Component) -> Technique:
    """The technique that consists of one component."""
    return Technique(
        component.name,
        component.label,
        component.summary,
        component.reference,
        (component,),
        "always" if component.axis == "augmentation" else "as asked",
        component.colour,
    )


def _named(name: str, named: Named) -> Technique:
    parts = tuple(_component(part) for part in named.parts)
    return Technique(name, named.label, named.summary, named.reference, parts, named.augmented, named.colour)


def _component(name: str) -> Component:
    found = COMPONENTS.get(name)
    if found is None:
        raise UserError(f"unknown technique '{name}'{suggestion(name, {*NAMED, *(c.name for c in _alone())})}")
    return found


def _alone() -> list[Component]:
    """The components that are techniques by their own names."""
    named = {named.parts[0] for named in NAMED.values() if len(named.parts) == 1}
    return [component for component in COMPONENTS.all() if component.name not in named and AXES[component.axis].trains]


def _composed(name: str) -> Technique:
    """The technique of a name with plus signs; its name has the parts in the order of the axes."""
    found: dict[str, Technique] = {}  # axis -> what the name says of it
    for word in (part.strip() for part in name.split(JOINS)):
        if not word:
            raise UserError(f"technique '{name}' has a plus sign with nothing beside it; write it as 'smote+focal'")
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
    )


def get_technique(name: str) -> Technique:
    """The technique of that name, or the composition that a name with plus signs says.

    The one component of a named technique gives that technique. Of a composition the parts come in the order of the
    axes, so that ``found.name`` is one whatever was typed.

    Raises:
        UserError: there is none (the nearest name is suggested), or parts don't go together.
    """
    if not isinstance(name, str):
        raise UserError(f"a technique is given by its name, but got {name!r}; `balancing.techniques()` lists them")
    if JOINS in name:
        found = _composed(name)
    elif name in NAMED:
        found = _named(name, NAMED[name])
    else:
        component = _component(name)
        alone = next((known for known, named in NAMED.items() if named.parts == (name,)), None)
        found = _named(alone, NAMED[alone]) if alone else technique_of(component)
    unused = next((part for part in found.parts if not AXES[part.axis].trains), None)
    if unused is not None:
        raise UserError(
            f"'{unused.name}' is a {unused.axis}, and no sweep applies components of that axis yet; leave it out"
        )
    return found


def order_of(name: str) -> tuple[int, str]:
    """A key to sort names of techniques by: the study's in its order, then by name."""
    return (STUDY.index(name) if name in STUDY else len(STUDY), name)


def techniques() -> tuple[Technique, ...]:
    """All techniques that have a name without a plus sign, the study's six first, in the study's order."""
    found = [_named(name, named) for name, named in NAMED.items()]
    found += [technique_of(component) for component in _alone()]
    return tuple(sorted(found, key=lambda technique: order_of(technique.name)))
