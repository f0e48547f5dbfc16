"""Head trials in bundles: a head trains in less time than it takes to start a task for it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from sweep.runs.spec import TrialSpec
from sweep.training.many.bundle import Group
from sweep.training.many.fitting import fits
from sweep.training.many.together import COLUMNS

if TYPE_CHECKING:
    from sweep.config.config import Config

# What a trial by itself costs, in those of one among others.
_ALONE = 5.0
# A slot takes this share of its part of what is left: the last bundles are the smallest, so that all slots end alike.
_SHARE = 2.0
# Of slots that join as they are needed, nobody knows how many.
_JOINING = 16


def is_bundled(config: Config, *, exploring: bool = True) -> bool:
    """Whether a sweep's trials train in bundles: heads, unless something looks at each trial as it goes.

    Args:
        exploring: of those that explore; nothing looks at those that confirm.
    """
    watched = config.sweep.search != "grid" or config.sweep.scheduler != "none"
    return config.network.frozen and not (exploring and watched)


def groups_of(specs: Sequence[TrialSpec], waiting: Collection[str], n_classes: int = 2) -> list[Group]:
    """The planned trials in groups: the seeds of a configuration together, as many as one product holds.

    Args:
        specs: all that are planned.
        waiting: trial ids of those to train.
        n_classes: C.
    Returns:
        Those with something to train, in the order of the plan.
    """
    by_configuration: dict[str, list[TrialSpec]] = {}
    for spec in specs:
        by_configuration.setdefault(spec.configuration_id, []).append(spec)
    most = max(1, COLUMNS // n_classes)
    found = []
    for seeds in by_configuration.values():
        for first in range(0, len(seeds), most):
            planned = tuple(seeds[first : first + most])
            left = tuple(spec.trial_id for spec in planned if spec.trial_id in waiting)
            if left:
                found.append(Group(planned, left))
    return found


def cost_of(group: Group) -> float:
    """What a group costs, in epochs of one head among others."""
    spec = group.planned[0]
    # The product is as wide as all planned seeds, whichever train.
    return spec.epochs * (len(group.planned) if fits(spec) else _ALONE * len(group.waiting))


def bundles_of(groups: Sequence[Group], slots: int) -> list[list[Group]]:
    """Groups in bundles for so many slots: large ones first, then ever smaller.

    So all slots are busy to the end, whatever was predicted, and there are few bundles: about ``2 slots log(groups)``.

    Args:
        slots: trials at once; 0 where nodes join as they are needed.
    Reference: Polychronopoulos & Kuck, IEEE Transactions on Computers 1987 (guided self-scheduling).
    """
    slots = slots or _JOINING
    ordered = sorted(groups, key=cost_of, reverse=True)
    left = sum(cost_of(group) for group in ordered)
    found: list[list[Group]] = []
    while ordered:
        aim, cost = left / (_SHARE * slots), 0.0
        bundle: list[Group] = []
        while ordered and (not bundle or cost + cost_of(ordered[0]) <= aim):
            bundle.append(ordered.pop(0))
            cost += cost_of(bundle[-1])
        left -= cost
        found.append(bundle)
    return found
