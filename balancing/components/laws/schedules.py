"""Laws of schedules."""

from __future__ import annotations

from balancing.components.axes import Phase
from balancing.components.laws.common import built, require, untouched_global_state
from balancing.components.registry import Component


def law_a_phase_follows_from_the_epoch(component: Component) -> None:
    """Each epoch has a Phase, the same in whatever order one asks: a resumed trial asks from the middle."""
    for context, schedule, said in built(component):
        epochs = range(1, context.epochs + 1)
        with untouched_global_state():
            forward = {epoch: schedule(epoch) for epoch in epochs}
            backward = {epoch: schedule(epoch) for epoch in reversed(epochs)}
        wrong = [phase for phase in forward.values() if not isinstance(phase, Phase)]
        require(not wrong, f"a schedule gives a Phase, not {wrong[:1]}: {said}")
        require({p.trained for p in forward.values()} <= {"all", "head"}, f"trained is 'all' or 'head': {said}")
        require(forward == backward, f"a phase depends on what was asked before: {said}")


LAWS = (law_a_phase_follows_from_the_epoch,)
