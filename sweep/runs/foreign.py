"""Components from outside the package: what a run records of them, and whether they are here to go on with."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from balancing.components.installed import GROUP
from balancing.components.registry import COMPONENTS, Component
from balancing.components.techniques import get_technique
from balancing.errors import UserError

if TYPE_CHECKING:
    from sweep.runs.run import Run
    from sweep.runs.spec import TrialSpec


def foreign_components(techniques: Iterable[str]) -> list[Component]:
    """The components of some techniques that don't come with the package, each once."""
    parts = {part.name: part for name in techniques for part in get_technique(name).parts}
    return [part for part in parts.values() if not part.origin.own]


def origins(techniques: Iterable[str]) -> dict[str, dict[str, str]]:
    """Name -> axis, module, distribution, identity (see ``Component``) of each foreign component of some techniques."""
    return {
        part.name: {
            "axis": part.axis,
            "module": part.origin.module,
            "distribution": part.origin.distribution,
            "identity": part.identity,
        }
        for part in foreign_components(techniques)
    }


def record_origins(run: Run, specs: Iterable[TrialSpec]) -> None:
    """Has run.json tell where foreign components come from, of the planned trials and of what decides anew on them."""
    found = origins([*(spec.technique for spec in specs if spec.components), *_deciding(run)])
    before = run.info.get("components", {})
    kept = {name: then for name, then in before.items() if then["axis"] == "decision"}  # of those added since, too
    if found | kept != before:
        run.update_info(components=found | kept)


def _deciding(run: Run) -> list[str]:
    """The techniques that a run was asked for and that decide anew: they have no trials, and stand in config.yaml."""
    import yaml

    try:
        space = yaml.safe_load(run.config_yaml)["space"]
        named = space["techniques"]
    except (UserError, yaml.YAMLError, TypeError, KeyError):
        return []
    found = []
    for name in named if isinstance(named, list) else []:
        with contextlib.suppress(UserError):
            found += [name] if get_technique(name).trained_as else []
    return found


def where_from(then: Mapping[str, str]) -> str:
    """In words, where a recorded component is from: its distribution, or its module."""
    return then["distribution"] or f"module {then['module']}"


def identity_here(name: str) -> str | None:
    """What a component of that name is here (see ``Component.identity``); None where there is none."""
    try:
        found = COMPONENTS.get(name)
    except UserError:  # whatever may have had it can't be loaded
        return None
    return found.identity if found else None


def check_present(run: Run) -> None:
    """Raises UserError where a component of a run is not known here."""
    for name, then in run.info.get("components", {}).items():
        if COMPONENTS.get(name) is None:
            raise UserError(
                f"run {run.path} has the {then['axis']} '{name}' of {where_from(then)}, which is not known here; "
                f"import that before, or install what has it as an entry point of {GROUP}"
            )


def check_unchanged(run: Run) -> None:
    """Raises UserError where a component of a run is not what it was: its trials would not be comparable."""
    check_present(run)
    for name, then in run.info.get("components", {}).items():
        found = COMPONENTS.get(name)
        now = found.identity if found else "none"
        if now != then["identity"]:
            raise UserError(
                f"the {then['axis']} '{then['identity']}' of {run.path} is '{now}' now (behind '@' stands a digest of "
                "its source); put its source back, or start a new run"
            )


def other_component(spec: TrialSpec) -> tuple[str, str, str] | None:
    """The first axis on which other code than a trial's would train here, with both identities; None: all is as it was.

    "none" stands for no component on the axis. A trial that records none was planned with the package's own.

    Raises:
        UserError: the trial's technique is not known here.
    """
    technique = get_technique(spec.technique)
    found = technique.identities
    planned = dict(spec.components) or {part.axis: technique.written(part) for part in technique.parts}
    for axis in (*planned, *found):
        then, now = planned.get(axis, "none"), found.get(axis, "none")
        if then != now:
            return axis, then, now
    return None


def check_components(spec: TrialSpec) -> None:
    """Raises UserError where other code would train than a trial was planned with, which its id would not tell."""
    other = other_component(spec)
    if other is not None:
        axis, then, now = other
        raise UserError(
            f"trial {spec.trial_id} was planned with the {axis} '{then}', but on {socket.gethostname()} it is '{now}' "
            "(behind '@' stands a digest of its source): install the same version of it on every node, or start a new "
            "run"
        )
