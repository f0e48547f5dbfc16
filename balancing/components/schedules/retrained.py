"""Two stages: the whole network on the rows as they are, then its classifier alone on balanced ones."""

from __future__ import annotations

from balancing.components.axes import Phase, Schedule, Stage, TrainingContext
from balancing.components.decorators import schedule
from balancing.components.ranges import FloatRange


@schedule(
    label="cRT",
    reference="Kang et al., ICLR 2020",
    share=FloatRange(0.1, 0.5, default=0.25, minimum=0.01, maximum=0.95),
    lr_factor=FloatRange(0.1, 10.0, default=1.0, log=True, minimum=1e-4, maximum=1e3),
)
def crt(context: TrainingContext, *, share: float, lr_factor: float) -> Schedule:
    """Classifier re-training: at the end a new head alone is trained, on rows of which each class has as many.

    Args:
        share: of the steps, those that train the new head, in [0.01, 0.95].
        lr_factor: of the learning rate, for the head.
    """
    body = Stage(1 - share, Phase(sampled=False), kept=False)
    head = Phase(power=0.0, mixed=False, trained="head", new_head=True, lr_factor=lr_factor)
    return body, Stage(share, head)
