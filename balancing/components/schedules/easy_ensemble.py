"""EasyEnsemble on features: the whole network on the rows as they are, then several heads on balanced undersamples."""

from __future__ import annotations

from balancing.components.axes import Phase, Schedule, Stage, TrainingContext
from balancing.components.decorators import schedule
from balancing.components.ranges import Choice, FloatRange


@schedule(
    label="EasyEnsemble",
    reference="Liu, Wu & Zhou, IEEE Transactions on Systems, Man, and Cybernetics B 39(2), 2009",
    share=FloatRange(0.1, 0.5, default=0.25, minimum=0.01, maximum=0.95),
    n_heads=Choice((4, 8, 16), default=8),
    lr_factor=FloatRange(0.1, 10.0, default=1.0, log=True, minimum=1e-4, maximum=1e3),
)
def easy_ensemble(context: TrainingContext, *, share: float, n_heads: int, lr_factor: float) -> Schedule:
    """At the end several new heads train on the network's features, each on a balanced undersample; their mean answers.

    EasyEnsemble adds up the real-valued scores of its learners before it takes the sign. Of linear heads the mean score
    is the score of one linear head, with the mean of their weights and biases, so that is what the network has
    afterwards: logits are averaged, which is another thing than the mean of probabilities. The paper's learners are
    boosted ensembles of their own; here each is a linear head on what the body has learnt, so no image is lost to the
    body and little to the ensemble.

    Args:
        share: of the steps, those that train the heads, in [0.01, 0.95].
        n_heads: how many; each takes as many steps.
        lr_factor: of the learning rate, for the heads.
    """
    body = Stage(1 - share, Phase(sampled=False), kept=False)
    heads = Phase(
        sampled=False,
        power=0.0,
        mixed=False,
        trained="head",
        new_head=True,
        lr_factor=lr_factor,
        space="features",
        heads=n_heads,
    )
    return body, Stage(share, heads)
