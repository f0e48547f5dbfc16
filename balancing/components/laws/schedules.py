"""Laws of schedules."""

from __future__ import annotations

from balancing.components.axes import Phase, Stage
from balancing.components.feature_space import still_body
from balancing.components.laws.common import require, tried, untouched_global_state
from balancing.components.registry import Component


def law_stages_make_a_whole_training(component: Component) -> None:
    """Stages with shares that sum to 1, of which the last may hold the best epoch; equal contexts give equal ones."""
    for context, parameters, said in tried(component):
        with untouched_global_state():
            stages, again = (component.build(context, **parameters) for _ in range(2))
        require(isinstance(stages, tuple) and stages, f"a schedule gives a tuple of stages, not {stages!r}: {said}")
        wrong = [stage for stage in stages if not isinstance(stage, Stage) or not isinstance(stage.phase, Phase)]
        require(not wrong, f"a schedule gives Stages of a Phase, not {wrong[:1]}: {said}")
        require(all(0 < stage.share <= 1 for stage in stages), f"a share lies in (0, 1]: {said}")
        require(abs(sum(stage.share for stage in stages) - 1) < 1e-9, f"the shares don't sum to 1: {said}")
        require(stages[-1].kept, f"no epoch of the last stage may be the best one: {said}")
        known = {"all", "head", "scales"}
        require({s.phase.trained for s in stages} <= known, f"trained is all, head or scales: {said}")
        alone = all(still_body(s.phase) for s in stages if s.phase.space == "features" or s.phase.heads > 1)
        require(alone, f"on features, or as one of several, a head alone is trained, and nothing else moves: {said}")
        several = all(s.phase.space == "features" and s.phase.heads >= 1 for s in stages if s.phase.heads != 1)
        require(several, f"several heads train on features: {said}")
        rates = [rate for s in stages for rate in (s.phase.lr_factor, s.phase.scales_lr) if rate is not None]
        require(all(rate > 0 for rate in rates), f"a learning rate is above 0: {said}")
        scaled = any(s.phase.trained == "scales" or s.phase.scales_lr is not None for s in stages)
        require(not scaled or component.head == "scaled", f"factors of classes train in head='scaled' alone: {said}")
        require(stages == again, f"equal contexts gave different stages: {said}")


LAWS = (law_stages_make_a_whole_training,)
