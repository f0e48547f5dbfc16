"""The decorators that register components, one an axis: ``@sampler(...)``, ``@loss(...)`` and so on."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, fields
from typing import Any, TypeVar

from balancing.components.axes import AXES
from balancing.components.origins import origin_of
from balancing.components.ranges import Range
from balancing.components.registry import COMPONENTS, Component

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_COLOUR = re.compile(r"#[0-9a-f]{6}")

Builder = TypeVar("Builder", bound=Callable[..., Any])


# What a decorator may say besides label, reference and ranges: what a component has by default.
_SAID = {known.name for known in fields(Component) if known.default is not MISSING} - {"digest"}


def _component(axis: str, builder: Callable[..., Any], said: Mapping[str, Any]) -> Component:
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
        if not said[text].strip():
            raise ValueError(f"{what} needs a {text}, which is shown to users")
    colour = said.get("colour", "")
    if colour and not _COLOUR.fullmatch(colour):
        raise ValueError(f"the colour of {what} must be written as '#rrggbb', but is {colour!r}")
    ranges = {parameter: spec for parameter, spec in said.items() if parameter not in {"label", "reference", *_SAID}}
    _check_arguments(what, AXES[axis].given, builder, ranges)
    declared = {"prior_effect": AXES[axis].prior_effect, **{name: said[name] for name in _SAID if name in said}}
    return Component(
        axis=axis,
        name=builder.__name__,
        label=said["label"],
        summary=builder.__doc__.strip().splitlines()[0],
        reference=said["reference"],
        parameters=ranges,
        function=builder,
        origin=origin_of(builder),
        **declared,
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
    for wrong in sorted(own & {"label", "reference", *_SAID}):
        raise ValueError(f"{what} takes a parameter '{wrong}', which its decorator takes for itself; rename it")
    for wrong in sorted(own - set(ranges)):
        raise ValueError(f"{what} takes a parameter '{wrong}', but declares no range of it; declare one")
    for wrong in sorted(set(ranges) - own):
        raise ValueError(f"{what} declares a range of '{wrong}', but does not take it by name; add it behind a '*'")


class Decorator:
    """``@sampler(...)``, ``@loss(...)`` and so on: registers the decorated builder, and returns it as it is."""

    def __init__(self, axis: str):
        self.axis = axis

    def __call__(self, *, label: str, reference: str, **more: Any) -> Callable[[Builder], Builder]:
        """Declares a component.

        Args:
            label, reference: as of ``Component``.
            more: ``check``, ``prior_effect``, ``cost``, ``head``, ``batchwise``, ``binary``, ``one_class``, ``gives``,
                ``of_scores``, ``colour``, ``mixes``, ``transductive``, ``asks_network``, ``refuses`` and ``follows`` as
                of ``Component``, where they are not the usual ones; all others are ranges of parameters.
        Raises:
            ValueError: the name or the label is taken, the builder has no docstring to show, or does not take what its
                axis gives it and what is declared.
        """
        said = {"label": label, "reference": reference, **more}

        def decorate(builder: Builder) -> Builder:
            COMPONENTS.add(_component(self.axis, builder, said))
            return builder

        return decorate


sampler = Decorator("sampler")
augmentation = Decorator("augmentation")
mixer = Decorator("mixer")
loss = Decorator("loss")
schedule = Decorator("schedule")
optimizer = Decorator("optimizer")
decision = Decorator("decision")
