"""Short ways to ask for many techniques: ``all``, an axis, ``cheap``, and a composition with each part taken away."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from balancing.components.axes import AXES, TrainingContext
from balancing.components.conflicts import conflicts
from balancing.components.frozen_forms import frozen_form
from balancing.components.named import NAMED
from balancing.components.technique import Technique
from balancing.components.techniques import BASELINE, JOINS, get_technique, techniques
from balancing.errors import UserError, suggestion

AROUND = "around:"
# Stages of a schedule lie where they lie whatever the counts.
_EXAMPLE = TrainingContext(np.array([90, 10]), 10, split_counts=np.array([90, 10]))
# Group -> what it has, for people.
GROUPS = {
    "all": "every technique that has a name, each component by itself too",
    "cheap": "those whose steps cost what plain training costs, and that search no neighbours",
    **{axis.folder: f"each {axis.name} by itself, and the baseline" for axis in AXES.values()},
}


@dataclass(frozen=True)
class BehindFrozen:
    """What groups stand for where the network's body is frozen; see ``frozen_forms``.

    Args:
        views: augmented views of each training image that the body has seen.
    """

    views: int = 0


def expand(names: Iterable[str], *, groups: bool = True, behind: BehindFrozen | None = None) -> list[str]:
    """Names of techniques, groups put in their place; each technique once.

    Args:
        names: of techniques, of ``GROUPS``, or ``around:`` and a composition: it, each composition with one of its
            components taken away, and the baseline; without those that would be refused.
        groups: False leaves out what groups stand for, so that those asked for by name are left.
        behind: where the network's body is frozen, so that groups stand for other forms, as ``smote@features``.
    Raises:
        UserError: there is no such technique, or nothing can be taken away from one.
    """
    found: list[str] = []
    for name in names:
        if name in GROUPS:
            found += [technique.name for technique in _group(name, behind)] if groups else []
        elif name.startswith(AROUND):
            found += _around(name.removeprefix(AROUND), behind)
        else:
            found.append(_one(name))
    return list(dict.fromkeys(found))


def left_behind(names: Iterable[str], behind: BehindFrozen) -> dict[str, str]:
    """Technique -> why it can't be behind a frozen body, of those that the groups among the names stand for else."""
    found: dict[str, str] = {}
    for technique in (technique for name in names if name in GROUPS for technique in _members(name, _listed())):
        try:
            frozen_form(technique, views=behind.views)
        except UserError as error:
            found[technique.name] = str(error)
    return found


def _one(name: str) -> str:
    """A technique's name; of an unknown one that is nearly a group's, the error says so."""
    try:
        return get_technique(name).name
    except UserError as error:
        near = suggestion(name if f"{name}s" not in GROUPS else f"{name}s", GROUPS)
        if JOINS in name or "did you mean" not in near or ("did you mean" in str(error) and f"{name}s" not in GROUPS):
            raise
        raise UserError(f"unknown technique '{name}'{near}") from None


def _listed() -> list[Technique]:
    return [technique for technique in techniques() if not any(c.refused for c in conflicts(technique))]


def _group(name: str, behind: BehindFrozen | None) -> list[Technique]:
    members = _members(name, _listed())
    if behind is None:
        return members
    found = []
    for technique in members:
        with contextlib.suppress(UserError):
            found.append(frozen_form(technique, views=behind.views))
    return found


def _members(name: str, listed: list[Technique]) -> list[Technique]:
    if name == "all":
        return listed
    if name == "cheap":
        return [technique for technique in listed if is_cheap(technique)]
    axis = next(axis.name for axis in AXES.values() if axis.folder == name)
    alone = [t for t in listed if len(t.parts) == 1 and t.parts[0].axis == axis and t.name not in NAMED]
    alone += [t for t in listed if t.name in NAMED and len(t.parts) == 1 and t.parts[0].axis == axis]
    return [get_technique(BASELINE), *sorted(alone, key=lambda t: t.name)]


def is_cheap(technique: Technique) -> bool:
    """Whether its steps cost what plain training's cost, and its plan needs no search for neighbours."""
    sampler = technique.part("sampler")
    searches = sampler is not None and (sampler.mixes or sampler.prior_effect == "unknown")
    return cost(technique) <= 1 and not searches


def cost(technique: Technique, context: TrainingContext = _EXAMPLE, **parameters: Any) -> float:
    """Passes of a training step, where plain training makes one: the product of its components'.

    In the mean over its steps. Those of a head on features count for none: for them all, features cost one pass
    forward through the training images.

    Args:
        parameters: the technique's own; defaults where not given.
    """
    stages = technique.schedule(context, **parameters)
    on_features = sum(stage.share for stage in stages if stage.phase.space == "features")
    return math.prod(part.cost for part in technique.parts) * (1 - on_features)


def _around(name: str, behind: BehindFrozen | None) -> list[str]:
    whole = get_technique(name)
    if len(whole.parts) < 2:
        raise UserError(
            f"'{AROUND}{name}' takes components away one by one, but '{whole.name}' is one alone; give a composition "
            "such as around:ldam+drw"
        )
    without = [
        JOINS.join(whole.written(part) for part in whole.parts if part is not left) or BASELINE for left in whole.parts
    ]
    as_trained: Callable[[Technique], Technique] = Technique.behind_frozen if behind else lambda technique: technique
    found = map(get_technique, without)
    fewer = [technique for technique in found if not any(c.refused for c in conflicts(as_trained(technique)))]
    return [BASELINE, whole.name, *(technique.name for technique in fewer)]
