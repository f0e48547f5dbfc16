"""Where the stages of a schedule lie in a trial's epochs. Plain Python: asked before anything trains, too."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from balancing.components.axes import Schedule, Stage
from balancing.errors import UserError


@dataclass(frozen=True)
class Span:
    """The steps of an epoch that one stage trains.

    Args:
        number: of the stage, from 0.
        stage: what trains.
        first, end: from its step ``first``, counted from 0, to the one before ``end``.
        begins: whether the stage has trained no step before.
    """

    number: int
    stage: Stage
    first: int
    end: int
    begins: bool


def steps_of(rows: int, batch_size: int) -> int:
    """Steps of an epoch of so many rows; a last batch of one row is left away: batch normalisation needs two."""
    return -(-rows // batch_size) - (rows % batch_size == 1)


def spans(schedule: Schedule, epoch: int, epochs: int, steps: Callable[[int, int], int]) -> tuple[Span, ...]:
    """The stages that train in an epoch, in their order; a stage begins at the step that is nearest to its share.

    Args:
        epoch: from 1.
        epochs: of the whole training.
        steps: (number of a stage, from 0; epoch) -> the steps of that epoch, if that stage trained it alone. Where
            stages differ in it, shares are of epochs.
    Returns:
        Spans with a step at least; none where an epoch has no step.
    """
    found, starts = [], _starts(schedule)
    for number, stage in enumerate(schedule):
        ends = starts[number : number + 2]
        first, end = _within(ends, epoch, epochs, steps(number, epoch))
        if first < end:
            begins = first > 0 or epoch == 1 or _is_empty(_within(ends, epoch - 1, epochs, steps(number, epoch - 1)))
            found.append(Span(number, stage, first, end, begins))
    return tuple(found)


def check_last(name: str, schedule: Schedule, epochs: int, steps: int) -> None:
    """Raises UserError where the last stage of a technique would train no step.

    Args:
        name: the technique's.
        steps: of an epoch of the last stage.
    """
    if len(schedule) > 1 and _is_empty(_within(_starts(schedule)[-2:], epochs, epochs, steps)):
        raise UserError(
            f"the last stage of '{name}' is {schedule[-1].share:.3g} of all steps, but {epochs} "
            f"epoch{'s' if epochs > 1 else ''} of {steps} leave it none; give more --epochs, a smaller "
            "--batch-size, or an earlier start of that stage"
        )


def _starts(schedule: Schedule) -> list[float]:
    """Where each stage begins, and 1 where the last one ends, as shares of the training."""
    return [*(sum(stage.share for stage in schedule[:number]) for number in range(len(schedule))), 1.0]


def _within(ends: Sequence[float], epoch: int, epochs: int, steps: int) -> tuple[int, int]:
    """First step and the one behind the last, of an epoch's ``steps``, between two shares of the training."""
    first, end = (math.floor(min(max(share * epochs - (epoch - 1), 0.0), 1.0) * steps + 0.5) for share in ends)
    return first, end


def _is_empty(steps: tuple[int, int]) -> bool:
    return steps[0] >= steps[1]
