"""Laws of decisions."""

from __future__ import annotations

import numpy as np

from balancing.components.laws.common import CLASS_NUMBERS, SEED, require, settings, untouched_global_state
from balancing.components.registry import Component


def law_scores_are_one_a_class(component: Component) -> None:
    """Fitted on validation, with or without a known prior: (N, C) logits give (N, C) finite scores, and stay."""
    rng = np.random.default_rng(SEED)
    for n_classes in CLASS_NUMBERS:
        labels = np.arange(60) % n_classes
        logits = rng.normal(size=(60, n_classes)) + 2 * np.eye(n_classes)[labels]
        kept = logits.copy()
        for parameters in settings(component):
            for prior in (np.full(n_classes, 1 / n_classes), None):
                with untouched_global_state():
                    apply = component.build(**parameters)(logits, labels, prior)
                    scores, again = apply(logits), apply(logits)
                said = f"{n_classes} classes with {parameters or 'defaults'}"
                require(scores.shape == logits.shape, f"(60, C) logits gave {scores.shape}: {said}")
                require(np.isfinite(scores).all(), f"a score is no finite number: {said}")
                require(np.array_equal(scores, again), f"equal logits gave different scores: {said}")
                require(np.array_equal(logits, kept), f"the given logits were changed: {said}")


LAWS = (law_scores_are_one_a_class,)
