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
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import EntryPoint
from types import FunctionType, ModuleType
from typing import Any, Literal

import numpy as np

from balancing.components.axes import AXES, Head
from balancing.components.digests import source_digest
from balancing.components.installed import EntryPoints, is_in, module_of
from balancing.components.ledger import PriorEffect
from balancing.components.named import NAMED
from balancing.components.origins import Origin, replaces
from balancing.components.ranges import Range
from balancing.components.sources import remember
from balancing.errors import UserError, suggestion

Check = Callable[..., None]


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
        prior_effect: what it does to the class frequencies that the network's answers carry: see
            ``balancing.components.ledger``.
        cost: of a training step, in passes forward and back of the same batch; 1 is plain training.
        head: of the network, as the component needs it: ``cosine`` has unit weights and features, and no bias;
            ``scaled`` multiplies each class's weights and bias by a factor, which is 1 unless a phase trains it.
        batchwise: a row's loss depends on the others of its batch.
        binary: works with two classes alone.
        one_class: trains on the rows of the commonest class of the training split alone; of equals, the first.
        gives: what the network's outputs are: logits of ``probabilities``, or ``scores`` that rank alone.
        of_scores: what a decision makes of scores that rank alone: ``probabilities`` where it calibrates them by a
            scale and a bias, ``decisions`` where it sets a threshold; "" where it takes them for probabilities, and
            is refused.
        colour: ``#rrggbb`` in figures; "" leaves the choice to them.
        mixes: whether what it returns holds images made from several, which a report shows beside real ones.
        asks_network: of a decision: it is fitted on what is known of the network's head, too.
        digest: of its source, where it was read elsewhere: that of a component which travelled without its source.
        transductive: of a decision: a row's scores depend on the others that it is applied to.
        refuses: whether counts tell all that a sampler can't work with, so that ``check`` says it; or it raises a
            UserError, too, once it sees the images, such as where cleaning would empty a class.
        follows: how close a sampler comes to ``sampling_strategy``: ``nearly`` misses by half of the class's images at
            most, ``loosely`` may miss by more.
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
    prior_effect: PriorEffect = "unknown"
    cost: float = 1.0
    head: Head = "linear"
    one_class: bool = False
    batchwise: bool = False
    binary: bool = False
    gives: Literal["probabilities", "scores"] = "probabilities"
    of_scores: Literal["", "decisions", "probabilities"] = ""
    colour: str = ""
    mixes: bool = False
    transductive: bool = False
    asks_network: bool = False
    digest: str = ""
    refuses: Literal["beforehand", "while building"] = "beforehand"
    follows: Literal["exactly", "nearly", "loosely"] = "exactly"

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
        UserError: a class has no training image, or too few for a component, or a component of two classes has more.
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
        if component.binary and len(counts) != 2:
            raise UserError(
                f"{component.axis} '{component.name}' works with two classes alone, but there are {len(counts)}; "
                "leave it out, or keep two classes of the data"
            )
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
