"""Which configurations' seeds may train as one product."""

from __future__ import annotations

from sweep.runs.spec import TrialSpec
from sweep.training.method import technique_of

# Mixers whose rows are convex combinations of two rows, in shares that do not hang on the rows.
_CONVEX = ("mixup", "remix", "unimix", "balanced_mixup")
# Steps of their own that ``steps.py`` has for many heads at once.
_STEPS = ("sam", "pesg")


def fits(spec: TrialSpec) -> bool:
    """Whether the seeds of a configuration may train at once; a trial whose epochs turn out to be longer does not."""
    if not spec.frozen or spec.hidden or spec.views:
        return False
    technique = technique_of(spec)
    sampler, mixer, step = (technique.part(axis) for axis in ("sampler", "mixer", "optimizer"))
    if sampler is not None and sampler.mixes and "sampler" not in technique.on_features:
        return False  # mixtures of pixels are rows of their own
    if step is not None and not (step.origin.own and step.name in _STEPS and technique.head == "linear"):
        return False
    if technique.head == "cosine":
        return mixer is None and (sampler is None or not sampler.mixes)
    convex = mixer is None or (mixer.origin.own and mixer.name in _CONVEX)
    return technique.head in ("linear", "scaled") and convex
