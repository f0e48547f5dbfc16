"""Two stages: the whole network on the rows as they are, then its classifier, or factors of it, on balanced ones."""

from __future__ import annotations

from balancing.components.axes import Phase, Schedule, Stage, TrainingContext
from balancing.components.decorators import schedule
from balancing.components.ranges import FloatRange

# The share of the steps that the second stage has. The papers' is less, of many more epochs.
SHARE = FloatRange(0.1, 0.5, default=0.25, minimum=0.01, maximum=0.95)


@schedule(
    label="cRT",
    reference="Kang et al., ICLR 2020",
    share=SHARE,
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


@schedule(
    label="LWS",
    reference="Kang et al., ICLR 2020",
    prior_effect="unknown",
    head="scaled",
    share=SHARE,
    lr_factor=FloatRange(1.0, 100.0, default=10.0, log=True, minimum=1e-4, maximum=1e4),
)
def lws(context: TrainingContext, *, share: float, lr_factor: float) -> Schedule:
    """Learnable weight scaling: at the end one factor a class is trained, on rows of which each class has as many.

    f_y = s_y (w_y . phi + b_y), s from 1 on; all else stays, batch-norm statistics too. The paper's equation has no
    bias; as in its code the factor takes it along. In the end the factors are multiplied into the head. A factor is no
    shift of the logits, so how much of the prior it takes out has no closed form and is measured.

    Args:
        share: of the steps, those that train the factors, in [0.01, 0.95].
        lr_factor: of the learning rate, for the factors. The paper's is 1, with SGD at 0.2; Adam moves a factor by
            about the learning rate in a step.
    """
    body = Stage(1 - share, Phase(sampled=False), kept=False)
    return body, Stage(share, Phase(power=0.0, mixed=False, trained="scales", lr_factor=lr_factor))


@schedule(
    label="Shifted batch-norm",
    reference="Zhong et al., CVPR 2021",
    head="scaled",
    share=SHARE,
    lr_factor=FloatRange(0.05, 0.5, default=0.5, log=True, minimum=1e-4, maximum=1e3),
)
def shifted_bn(context: TrainingContext, *, share: float, lr_factor: float) -> Schedule:
    """Cross-entropy first; at the end the head goes on, on balanced rows, which the batch-norm statistics follow.

    MiSLAS' two stages: the whole network by cross-entropy, with the mixer where there is one; then its head, which does
    not begin anew, by the technique's loss on whole rows of which each class has as many. The body's weights stay, its
    batch-norm statistics go on moving. As in the authors' code a factor a class trains beside the head, as of ``lws``,
    at the learning rate as it is.

    Args:
        share: of the steps, those that train the head, in [0.01, 0.95].
        lr_factor: of the learning rate, for the head's weights and biases.
    """
    body = Stage(1 - share, Phase(sampled=False, weighted=False), kept=False)
    head = Phase(power=0.0, mixed=False, trained="head", lr_factor=lr_factor, moving_statistics=True, scales_lr=1.0)
    return body, Stage(share, head)
