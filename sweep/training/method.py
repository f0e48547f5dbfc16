"""What a trial trains with, epoch by epoch: its technique's composition as functions that keep no state."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from balancing.components.axes import Augment, Loss, Mix, Phase, TrainingContext, TrainingData
from balancing.components.losses.cross_entropy import cross_entropy
from balancing.components.plans import TrainingPlan
from balancing.components.techniques import get_technique
from sweep.runs.foreign import check_components
from sweep.runs.spec import TrialSpec
from sweep.training.inputs import SplitImages
from sweep.training.network import Trained


def _all(epoch: int) -> Trained:
    return "all"


@dataclass(frozen=True)
class Method:
    """What a trial trains with; every part follows from the epoch (from 1) alone, so that a resume needs no state.

    Args:
        n_classes: C.
        plan: epoch -> the rows that train.
        loss: epoch -> the loss of each image, with its weighting: ``(logits (B, C), targets (B, C)) -> (B,)``.
        augment: a batch of images, before they are normalised; draws from the generator alone.
        mix: mixes each image of a batch with a partner, a permutation of the batch; None mixes none.
        trained: epoch -> what of the network trains.
    """

    n_classes: int
    plan: Callable[[int], TrainingPlan]
    loss: Callable[[int], Loss]
    augment: Augment
    mix: Mix | None = None
    trained: Callable[[int], Trained] = _all


def method_of(spec: TrialSpec, images: SplitImages) -> Method:
    """The spec's method: what its technique's components say, in each epoch what its schedule lets train.

    Plans and what follows from their class counts are made when first asked for; making one raises UserError where the
    technique can't work with so few images.

    Raises:
        UserError: the components here are not those that the trial was planned with.
    """
    check_components(spec)
    technique, own = get_technique(spec.technique), dict(spec.parameters)
    n_classes = len(images.class_names)

    @cache
    def plan(sampled: bool) -> TrainingPlan:
        if sampled:
            return build_plan(spec, images)
        return TrainingPlan.of_rows(images.train, images.labels[images.train])

    @cache
    def context(sampled: bool = True) -> TrainingContext:
        return TrainingContext(plan(sampled).class_counts(n_classes), spec.epochs, spec.strength)

    @cache
    def phase(epoch: int) -> Phase:
        return technique.schedule(context(), **own)(epoch)

    @cache
    def loss(sampled: bool, weighted: bool) -> Loss:
        return technique.loss(context(sampled), **own) if weighted else cross_entropy

    augment = cache(lambda: technique.augment(context(), **own))

    @cache
    def mix() -> Mix:
        found = technique.mix(context(), **own)
        assert found is not None
        return found

    return Method(
        n_classes,
        plan=lambda epoch: plan(phase(epoch).sampled),
        loss=lambda epoch: loss(phase(epoch).sampled, phase(epoch).weighted),
        augment=lambda batch, generator: augment()(batch, generator),
        mix=(lambda *batch: mix()(*batch)) if technique.part("mixer") else None,
        trained=lambda epoch: phase(epoch).trained,
    )


def build_plan(spec: TrialSpec, images: SplitImages) -> TrainingPlan:
    """The spec's training plan; it sees training rows only."""
    n_classes = len(images.class_names)
    data = TrainingData(
        images.pixels, images.labels, images.train, n_classes, images.class_names, neighbours=images.neighbours
    )
    return get_technique(spec.technique).build(data, spec.seed, **spec.parameters)
