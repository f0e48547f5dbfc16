"""Deferred balancing: a representation is learnt from the rows as they are, the balance comes at the end."""

from __future__ import annotations

from balancing.components.axes import Phase, Schedule, Stage, TrainingContext
from balancing.components.decorators import schedule
from balancing.components.ranges import Choice, FloatRange

# The share of steps before the balance comes. The paper's 160 of 200 epochs; some begin earlier.
START = FloatRange(0.5, 0.9, default=0.8, minimum=0.01, maximum=0.99)
# By how much the learning rate drops when it comes, as in the paper's step schedule.
LR_FACTOR = Choice((1.0, 0.1, 0.01), default=0.1)


@schedule(
    label="DRW",
    reference="Cao et al., NeurIPS 2019",
    start=START,
    one_minus_beta=FloatRange(1e-4, 1e-1, default=1e-4, log=True, minimum=1e-8, maximum=0.9),
    lr_factor=LR_FACTOR,
)
def drw(context: TrainingContext, *, start: float, one_minus_beta: float, lr_factor: float) -> Schedule:
    """Deferred re-weighting: classes weigh by their effective numbers of images, in the last part of the steps alone.

    Args:
        start: share of the steps before the weights come, in [0.01, 0.99].
        one_minus_beta: 1 - beta of the effective numbers; see ``effective_number``.
        lr_factor: of the learning rate, from then on.
    """
    late = Phase(reweight=one_minus_beta, lr_factor=lr_factor)
    return Stage(start, Phase(), kept=False), Stage(1 - start, late)


@schedule(label="DRS", reference="Cao et al., NeurIPS 2019", start=START, lr_factor=LR_FACTOR)
def drs(context: TrainingContext, *, start: float, lr_factor: float) -> Schedule:
    """Deferred re-sampling: each class is drawn as often as any other, in the last part of the steps alone.

    Args:
        start: share of the steps before, in [0.01, 0.99].
        lr_factor: of the learning rate, from then on.
    """
    late = Phase(power=0.0, lr_factor=lr_factor)
    return Stage(start, Phase(sampled=False), kept=False), Stage(1 - start, late)


@schedule(label="Progressive sampling", reference="Kang et al., ICLR 2020")
def progressive(context: TrainingContext) -> Schedule:
    """Rows drawn as they are at first and, epoch by epoch, more and more of each class alike."""
    last = max(context.epochs - 1, 1)
    share = 1 / context.epochs
    stages = tuple(Stage(share, Phase(power=1 - epoch / last)) for epoch in range(context.epochs - 1))
    return (*stages, Stage(1 - share * len(stages), Phase(power=0.0)))
