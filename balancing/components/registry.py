"""The one place that knows all components: one registry and one kind of entry for all axes.

A component is one decorated builder in its axis' folder, which declares all that others must know::

    @sampler(label="SMOTE", reference="Chawla et al., JAIR 2002", k_neighbors=IntRange(3, 9, default=5))
    def smote(data, random_state, *, k_neighbors): ...

Components from elsewhere register in the same way: in a script or notebook, or in an installed distribution whose
entry points of the group ``balancing_act.components`` name the modules (or the functions) that define them.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from importlib.metadata import EntryPoint
from types import FunctionType, ModuleType
from typing import Any, TypeVar

import numpy as np

from balancing.components.axes import AXES
from balancing.components.digests import source_digest
from balancing.components.installed import EntryPoints, is_in, module_of
from balancing.components.named import NAMED
from balancing.components.origins import Origin, origin_of, replaces
from balancing.components.ranges import Range
from balancing.components.sources import remember
from balancing.errors import UserError, suggestion

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_COLOUR = re.compile(r"#[0-9a-f]{6}")

Check = Callable[..., None]
Builder = TypeVar("Builder", bound=Callable[..., Any])


@dataclass(frozen=True)
class Component:
    """A component, as techniques, the command line, the search space and the report know it.

    Args:
        axis: one of ``AXES``.
        name: as typed, e.g. ``borderline_smote``; the builder's.
        label: as people read it, e.g. ``Borderline-SMOTE``.
        summary: one line, the builder's docstring's first.
        reference: where the method comes from.
        parameters: name -> its searched range with a default.
        function: the builder; see ``balancing.components.axes`` for what it is given and returns.
        origin: where it is defined.
        check: ``check(counts, **parameters)`` with counts a mapping from class name to training images, in the
            order of the labels; raises UserError where the component cannot work with so few. None: it always can.
        keeps_prior: whether the network's answers carry the training split's class frequencies all the same.
        colour: ``#rrggbb`` in figures; "" leaves the choice to them.
        mixes: whether what it returns holds images made from several, which a report shows beside real ones.
        digest: of its source, where it was read elsewhere: that of a component which travelled without its source.
    """

    axis: str
    name: str
    label: str
    summary: str
    reference: str
    parameters: Mapping[str, Range]
    function: Callable[..., Any]
    origin: Origin
    check: Check | None = None
    keeps_prior: bool = False
    colour: str = ""
    mixes: bool = False
    digest: str = ""

    def complete(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """All parameters, the missing ones at their defaults, each checked.

        Raises:
            UserError: an unknown parameter, or a value outside its range.
        """
        for given in parameters:
            if given not in self.parameters:
                if not self.parameters:
                    raise UserError(f"{self.axis} '{self.name}' has no parameters, but '{given}' was given; remove it")
                raise UserError(
                    f"{self.axis} '{self.name}' has no parameter '{given}'{suggestion(given, self.parameters)}"
                )
        return {
            name: spec.check(f"{self.name}.{name}", parameters.get(name, spec.default))
            for name, spec in self.parameters.items()
        }

    def build(self, *given: Any, **parameters: Any) -> Any:
        """What the builder returns for complete and checked parameters; ``given`` is what the axis says."""
        return self.function(*given, **self.complete(parameters))

    @property
    def identity(self) -> str:
        """The name; of a component from outside the package ``name@digest``, where the digest is of its source."""
        return self.name if self.origin.own else f"{self.name}@{self.digest or source_digest(self.function)}"


def check_feasible(
    components: Iterable[tuple[Component, Mapping[str, Any]]],
    class_counts: Sequence[int] | np.ndarray,
    class_names: Sequence[str] = (),
) -> None:
    """Whether there are images enough; looks at counts alone, so it costs nothing before a sweep.

    Args:
        components: each with its complete parameters.
        class_counts: (C,) int, training images of each class.
        class_names: (C,) for messages; labels are shown where it is empty.
    Raises:
        UserError: a class has no training image, or too few for a component.
    """
    names = class_names or [str(label) for label in range(len(class_counts))]
    counts = {name: int(count) for name, count in zip(names, class_counts, strict=True)}
    for name, count in counts.items():
        if count == 0:
            raise UserError(
                f"every class needs training images, but class {name} has none; "
                "add some, or leave this class out of the data"
            )
    for component, parameters in components:
        if component.check is not None:
            component.check(counts, **parameters)


class Registry:
    """Components of all axes by name.

    The package's own are imported at the first question; entry points are imported when a name that is not known yet
    is asked for, that of its name first, or when all are listed. An import that is interrupted is made again at the
    next question.
    """

    def __init__(self) -> None:
        self._known: dict[str, Component] = {}
        self._installed = EntryPoints()
        self._loaded_own = False

    def add(self, component: Component) -> None:
        """Registers a component.

        Raises:
            ValueError: its name or label is another's already.
        """
        if not component.origin.own:
            self._load_own()  # so that a name that is taken is told here, and not to whoever comes later
            self._installed.given += 1
            if not component.origin.distribution:
                component = _of(component, self._installed.distribution_of(component.origin.module))
        for name, named in NAMED.items():
            if component.name == name or component.label == named.label:
                raise ValueError(
                    f"the {component.axis} in {component.origin} is named like the technique '{name}'; rename it"
                )
        for other in self._known.values():
            same_name = other.name == component.name
            if same_name and other.axis == component.axis and replaces(component.origin, other.origin, other.name):
                continue
            if same_name or other.label == component.label:
                both = f"named '{other.name}'" if same_name else f"labelled '{other.label}'"
                raise ValueError(
                    f"two components are {both}: the {other.axis} in {other.origin} and the {component.axis} in "
                    f"{component.origin}; rename one"
                )
        function = inspect.unwrap(component.function)
        if not component.origin.own and not component.digest and isinstance(function, FunctionType):
            remember(function)
        self._known[component.name] = component

    def get(self, name: str) -> Component | None:
        """The component of that name; None where there is none.

        Raises:
            UserError: there is none, and a distribution that may have had it is broken.
        """
        self._load_own()
        if name not in self._known:
            self._installed.load(name, self._gave)
        if name not in self._known:
            self._installed.load(None, self._gave)
        if name not in self._known and self._installed.broken:
            raise UserError(f"unknown technique '{name}'; {'; '.join(self._installed.broken.values())}")
        return self._known.get(name)

    def all(self) -> tuple[Component, ...]:
        """All components, by name."""
        self._load_own()
        self._installed.load(None, self._gave)
        return tuple(sorted(self._known.values(), key=lambda component: component.name))

    def broken(self) -> list[str]:
        """A sentence for each entry point that could not be loaded."""
        self.all()
        return list(self._installed.broken.values())

    def _load_own(self) -> None:
        if self._loaded_own:
            return
        for axis in AXES.values():
            package = importlib.import_module(f"balancing.components.{axis.folder}")
            for module in sorted(m.name for m in pkgutil.iter_modules(package.__path__)):
                importlib.import_module(f"{package.__name__}.{module}")
        self._loaded_own = True

    def _gave(self, point: EntryPoint, distribution: str) -> bool:
        """Whether an entry point's module defines, or has in it by name, any component; it is the distribution's."""
        module = module_of(point)
        held = list(vars(sys.modules[module]).values())
        modules = {value.__name__ for value in held if isinstance(value, ModuleType)}
        found = [
            component
            for component in self._known.values()
            if not component.origin.own
            and (
                is_in(component.origin.module, module)
                or component.origin.module in modules
                or any(component.function is value for value in held)
            )
        ]
        for component in found:
            if not component.origin.distribution:
                self._known[component.name] = _of(component, distribution)
        return bool(found)


def _of(component: Component, distribution: str) -> Component:
    """A component as that of a distribution; "" leaves it as it is."""
    return (
        replace(component, origin=replace(component.origin, distribution=distribution)) if distribution else component
    )


COMPONENTS = Registry()


@dataclass(frozen=True)
class _Declared:
    """What a decorator says besides the ranges of parameters; see ``Component``."""

    label: str
    reference: str
    check: Check | None
    keeps_prior: bool | None
    colour: str
    mixes: bool


def _component(axis: str, builder: Callable[..., Any], ranges: Mapping[str, Range], declared: _Declared) -> Component:
    """A builder and its declarations as a component; raises ValueError where they are not whole or don't fit."""
    name = builder.__name__
    what = f"{axis} '{name}'"
    if not _NAME.fullmatch(name):
        raise ValueError(
            f"{what} can't be named so: small letters, digits and underscores alone, "
            "since '+' joins components and '.' their parameters"
        )
    if not builder.__doc__ or not builder.__doc__.strip():
        raise ValueError(f"{what} needs a docstring: its first line is shown to users")
    for text in ("label", "reference"):
        if not getattr(declared, text).strip():
            raise ValueError(f"{what} needs a {text}, which is shown to users")
    if declared.colour and not _COLOUR.fullmatch(declared.colour):
        raise ValueError(f"the colour of {what} must be written as '#rrggbb', but is {declared.colour!r}")
    _check_arguments(what, AXES[axis].given, builder, ranges)
    return Component(
        axis=axis,
        name=name,
        label=declared.label,
        summary=builder.__doc__.strip().splitlines()[0],
        reference=declared.reference,
        parameters=dict(ranges),
        function=builder,
        origin=origin_of(builder),
        check=declared.check,
        keeps_prior=AXES[axis].keeps_prior if declared.keeps_prior is None else declared.keeps_prior,
        colour=declared.colour,
        mixes=declared.mixes,
    )


def _check_arguments(what: str, given: Sequence[str], builder: Callable[..., Any], ranges: Mapping[str, Range]) -> None:
    """Raises ValueError where a builder does not take what its axis gives it and what was declared."""
    taken = inspect.signature(builder).parameters.values()
    positional = [p.name for p in taken if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    if len(positional) != len(given):
        raise ValueError(
            f"{what} is given {' and '.join(given) or 'nothing'} by position, but takes ({', '.join(positional)})"
        )
    for parameter, spec in ranges.items():
        if not isinstance(spec, Range):
            raise ValueError(f"{what} declares {parameter}={spec!r}; give an IntRange, a FloatRange or a Choice")
    own = {p.name for p in taken if p.kind is p.KEYWORD_ONLY}
    for wrong in sorted(own & {known.name for known in fields(_Declared)}):
        raise ValueError(f"{what} takes a parameter '{wrong}', which its decorator takes for itself; rename it")
    for wrong in sorted(own - set(ranges)):
        raise ValueError(f"{what} takes a parameter '{wrong}', but declares no range of it; declare one")
    for wrong in sorted(set(ranges) - own):
        raise ValueError(f"{what} declares a range of '{wrong}', but does not take it by name; add it behind a '*'")


class Decorator:
    """``@sampler(...)``, ``@loss(...)`` and so on: registers the decorated builder, and returns it as it is."""

    def __init__(self, axis: str):
        self.axis = axis

    def __call__(
        self,
        *,
        label: str,
        reference: str,
        check: Check | None = None,
        keeps_prior: bool | None = None,
        colour: str = "",
        mixes: bool = False,
        **parameters: Range,
    ) -> Callable[[Builder], Builder]:
        """Arguments are those of ``Component``; ``keeps_prior`` None is what the axis says.

        Raises:
            ValueError: the name or the label is taken, the builder has no docstring to show, or does not take what its
                axis gives it and what is declared.
        """
        declared = _Declared(label, reference, check, keeps_prior, colour, mixes)

        def decorate(builder: Builder) -> Builder:
            COMPONENTS.add(_component(self.axis, builder, parameters, declared))
            return builder

        return decorate


sampler = Decorator("sampler")
augmentation = Decorator("augmentation")
mixer = Decorator("mixer")
loss = Decorator("loss")
schedule = Decorator("schedule")
decision = Decorator("decision")
