"""The laws of each axis, for whoever brings a component: ``check("my_loss")`` runs all laws of its axis.

Each law takes a ``Component`` and raises AssertionError where it is broken. ``LAWS`` lists them by axis. They try the
defaults and both ends of each parameter's searched range.
"""

from __future__ import annotations

from collections.abc import Callable

from balancing.components.laws import augmentations, common, decisions, losses, mixers, optimizers, samplers, schedules
from balancing.components.registry import COMPONENTS, Component
from balancing.errors import UserError

Law = Callable[[Component], None]

LAWS: dict[str, tuple[Law, ...]] = {
    axis: (*common.LAWS, *laws)
    for axis, laws in {
        "sampler": samplers.LAWS,
        "augmentation": augmentations.LAWS,
        "mixer": mixers.LAWS,
        "loss": losses.LAWS,
        "schedule": schedules.LAWS,
        "optimizer": optimizers.LAWS,
        "decision": decisions.LAWS,
    }.items()
}


def check(name: str) -> None:
    """Runs every law of a component's axis on it.

    Raises:
        AssertionError: a law is broken; the message begins with its name.
        UserError: there is no such component.

    >>> check("smote")
    """
    component = COMPONENTS.get(name)
    if component is None:
        raise UserError(f"unknown component '{name}'; import the module that defines it first")
    for law in LAWS[component.axis]:
        run(law, component)


def run(law: Law, component: Component) -> None:
    """One law on one component; whatever goes wrong becomes an AssertionError that names the law."""
    try:
        law(component)
    except Exception as error:
        kind = "" if isinstance(error, AssertionError) else f"{type(error).__name__}: "
        raise AssertionError(f"{law.__name__} on {component.axis} '{component.name}': {kind}{error}") from error
