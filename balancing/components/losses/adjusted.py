"""Cross-entropy of logits that training alone scales and shifts by class; answers are read from the plain ones.

A network that learns under logits + tau log prior has to find what the prior does not say: its own logits are left
without the prior. So the sign in training is plus; minus belongs to a decision made after a plain training.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from balancing.components.axes import Loss, TrainingContext
from balancing.components.decorators import loss
from balancing.components.ledger import log_frequencies
from balancing.components.losses.cross_entropy import cross_entropy
from balancing.components.losses.terms import PerClass, counts_to_weigh
from balancing.components.ranges import FloatRange

if TYPE_CHECKING:
    import torch


def _one_prior(context: TrainingContext) -> np.ndarray:
    """(C,) the log prior of the rows that train, once taken out of the answers."""
    return -log_frequencies(context.class_counts)


def _tau_priors(context: TrainingContext, *, tau: float) -> np.ndarray:
    """(C,) the log prior of the rows that train, tau times taken out of the answers."""
    return -tau * log_frequencies(context.class_counts)


def _vs_shift(context: TrainingContext, *, gamma: float, tau: float) -> np.ndarray | None:
    """(C,) as of ``logit_adjusted`` where gamma is 0; else None, since the scale of logits has no such effect."""
    return _tau_priors(context, tau=tau) if gamma == 0 else None


def _cdt_shift(context: TrainingContext, *, gamma: float) -> np.ndarray | None:
    """(C,) zeros where gamma is 0; else None."""
    return np.zeros(context.n_classes) if gamma == 0 else None


@loss(label="Balanced softmax", reference="Ren et al., NeurIPS 2020", prior_effect=_one_prior)
def balanced_softmax(context: TrainingContext) -> Loss:
    """Cross-entropy of logits to which training adds the log class frequencies, so that answers carry none of them.

    Equal to ``logit_adjusted`` with tau = 1.

    Args:
        context: the class counts of the plan that trains: what a sampler has balanced is not shifted again.
    """
    return adjusted_entropy(np.ones(context.n_classes), log_frequencies(counts_to_weigh(context.class_counts)))


@loss(
    label="Logit-adjusted",
    reference="Menon et al., ICLR 2021",
    prior_effect=_tau_priors,
    tau=FloatRange(0.0, 1.0, default=1.0, maximum=4.0),  # beyond 1 the prior is corrected twice
)
def logit_adjusted(context: TrainingContext, *, tau: float) -> Loss:
    """Cross-entropy of logits to which training adds tau times the log class frequencies.

    Args:
        context: the class counts of the plan that trains: what a sampler has balanced is not shifted again.
        tau: how often the log frequencies are taken out of the answers: 0 is cross-entropy, 1 balanced softmax.
    """
    return adjusted_entropy(np.ones(context.n_classes), tau * log_frequencies(counts_to_weigh(context.class_counts)))


@loss(
    label="Vector scaling (VS)",
    reference="Kini et al., NeurIPS 2021",
    prior_effect=_vs_shift,
    gamma=FloatRange(0.05, 0.5, default=0.15, minimum=0.0, maximum=1.0),
    tau=FloatRange(0.75, 1.5, default=1.0, minimum=0.0, maximum=4.0),
)
def vs(context: TrainingContext, *, gamma: float, tau: float) -> Loss:
    """Cross-entropy of logits that training scales down for rare classes, and shifts by the log class frequencies.

    The shift does nothing more once all training rows are answered right; the scale does.

    Args:
        context: the class counts of the plan that trains.
        gamma: logits of a class of n rows are multiplied by (n / n_max)^gamma; 0 is ``logit_adjusted``.
        tau: as of ``logit_adjusted``; 0 is ``cdt``.
    """
    counts = counts_to_weigh(context.class_counts)
    return adjusted_entropy((counts / counts.max()) ** gamma, tau * log_frequencies(counts))


@loss(
    label="Class-dependent temperatures (CDT)",
    reference="Ye et al., arXiv:2001.01385, 2020",
    prior_effect=_cdt_shift,
    gamma=FloatRange(0.0, 0.4, default=0.2, maximum=1.0),
)
def cdt(context: TrainingContext, *, gamma: float) -> Loss:
    """Cross-entropy of logits that training scales down for rare classes, which then have to be larger.

    Args:
        context: the class counts of the plan that trains.
        gamma: logits of a class of n rows are multiplied by (n / n_max)^gamma; 0 is cross-entropy.
    """
    counts = counts_to_weigh(context.class_counts)
    return adjusted_entropy((counts / counts.max()) ** gamma, np.zeros(context.n_classes))


def adjusted_entropy(scale: np.ndarray, shift: np.ndarray) -> Loss:
    """Cross-entropy of scale * logits + shift, both (C,); a scale of 1 and no shift change no bit."""
    scales, shifts = PerClass(scale), PerClass(shift)

    def adjusted(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """(B, C) logits, (B, C) targets -> (B,)."""
        return cross_entropy(scales.like(logits) * logits + shifts.like(logits), targets)

    return adjusted
