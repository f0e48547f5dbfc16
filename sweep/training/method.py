"""What a trial trains with, epoch by epoch: its technique's composition as functions of the epoch alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache, lru_cache
from typing import Any

import numpy as np
from torch import nn

from balancing.components.axes import (
    Augment,
    Head,
    Loss,
    Mix,
    Partnered,
    Phase,
    Schedule,
    Step,
    TrainingContext,
    TrainingData,
)
from balancing.components.losses.cross_entropy import cross_entropy
from balancing.components.losses.effective_number import effective_weights
from balancing.components.losses.terms import PerClass
from balancing.components.plans import EpochPlans, TrainingPlan
from balancing.components.registry import COMPONENTS
from balancing.components.samplers.power import draw_by_power
from balancing.components.technique import Technique
from balancing.components.techniques import get_technique
from balancing.errors import UserError
from balancing.metrics import Gives
from sweep.runs.foreign import check_components
from sweep.runs.spec import TrialSpec
from sweep.training.features import Features
from sweep.training.frozen.rows import rows_of
from sweep.training.inputs import SplitImages
from sweep.training.stages import Span, check_last, spans, steps_of

_POWER = 1  # tells the draws of a phase from others of the same seed and epoch
_MEMBERS = 3  # tells the seeds of an ensemble's heads from others of the same seed


def _none() -> None:
    return None


def _one() -> float:
    return 1.0


@dataclass(frozen=True)
class Part:
    """A part of an epoch, which one stage trains: the whole epoch, where no other begins in it.

    Args:
        stage: number of the stage, from 0.
        stages: how many the technique has.
        begins: whether the stage begins with it.
        forgets: whether the optimizer's means are of other weights when the stage begins: of a head that is new now, or
            of what did not train before or trains no more.
        kept: whether the best epoch may be one that ends in it.
        phase: what trains.
        plan: the rows that train.
        start: place of its first row in the stream of the plan's rows; see ``sweep.training.order``.
        rows: how many rows of the stream it trains.
        steps: in how many steps.
        loss: of each image, with its weighting: ``(logits (B, C), targets (B, C)) -> (B,)``.
        mix: mixes each image with a partner; None mixes none.
        partners: rows that the partners of a ``Partnered`` mix are drawn from.
        step: the technique's own optimisation step; None is the plain one.
        members: of an ensemble, the rows that train each head; else none.
    """

    stage: int
    stages: int
    begins: bool
    forgets: bool
    kept: bool
    phase: Phase
    plan: TrainingPlan
    start: int
    rows: int
    steps: int
    loss: Loss
    mix: Mix | Partnered | None = None
    partners: TrainingPlan | None = None
    step: Step | None = None
    members: tuple[TrainingPlan, ...] = ()


@dataclass(frozen=True)
class Method:
    """What a trial trains with; every part follows from the epoch (from 1) alone, so that a resume needs no state.

    Of a stage on features, plan and loss follow from the body too, and are known once ``features`` has them; before
    that the rows as they are stand in. Where its steps lie is known from the start.

    Args:
        n_classes: C.
        parts: epoch -> its parts, in their order; raises UserError where the technique can't work with so few images.
        augment: a batch of images, before they are normalised; draws from the generator alone.
        head: of the network: ``linear``; ``cosine``: unit weights and features; ``scaled``: a factor a class;
            ``distance``: from a centre.
        module: the technique's loss, where it has values of its own that train too: the very object that the parts'
            ``loss`` is wherever the technique's loss trains; else None.
        scale: what the head's outputs are multiplied by where the network is used, since its loss does so in training.
        features: of the training images, for stages that train a head on them.
        rows: (T,) int64, the training images.
        gives: what the network's answers are.
    """

    n_classes: int
    parts: Callable[[int], tuple[Part, ...]]
    augment: Augment
    head: Head = "linear"
    module: Callable[[], nn.Module | None] = _none
    scale: Callable[[], float] = _one
    features: Features = field(default_factory=Features)
    rows: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    gives: Gives = "probabilities"

    def plan(self, epoch: int) -> TrainingPlan:
        """The rows that train when an epoch begins."""
        return self.parts(epoch)[0].plan

    def with_parts(self, change: Callable[[int, Part], Part]) -> Method:
        """Another method: what ``change`` makes of each epoch's parts, given the epoch and the part."""
        return replace(self, parts=lambda epoch: tuple(change(epoch, part) for part in self.parts(epoch)))


def method_of(spec: TrialSpec, images: SplitImages) -> Method:
    """The spec's method: what its technique's components say, in each epoch what its schedule lets train.

    Plans and what follows from their class counts are made when first asked for.

    Raises:
        UserError: the components here are not those that the trial was planned with.
    """
    check_components(spec)
    built = _Built(spec, images)

    @lru_cache(maxsize=2)
    def parts(epoch: int, features: int) -> tuple[Part, ...]:
        return built.parts(epoch)

    augment = cache(lambda: built.technique.augment(built.context(built.sampled().of(1)), **spec.parameters))
    return Method(
        built.n_classes,
        lambda epoch: parts(epoch, built.features.version),
        lambda batch, generator: augment()(batch, generator),
        built.technique.head,
        built.module,
        built.scale,
        built.features,
        images.train,
        built.technique.gives,
    )


class _Built:
    """A technique's composition, built for a trial as far as it is asked for."""

    def __init__(self, spec: TrialSpec, images: SplitImages):
        self.spec, self.images, self.technique = spec, images, technique_of(spec)
        self.n_classes = len(images.class_names)
        self.natural = TrainingPlan.of_rows(images.train, images.labels[images.train])
        self.frozen = rows_of(spec, images, lambda: build_plans(spec, images)) if spec.frozen else None
        self.sampled = cache(lambda: self.frozen.plans if self.frozen else build_plans(spec, images))
        self._loss, self._mix, self._step = cache(self._new_loss), cache(self._new_mix), cache(self._new_step)
        self.module, self.scale = cache(self._find_module), cache(self._find_scale)
        self._schedule = cache(self._new_schedule)
        self._cached_plan = lru_cache(maxsize=4)(self._new_plan)
        self.features = Features()
        self._on_features = lru_cache(maxsize=1)(self._new_plans_on_features)
        self._members = cache(self._new_members)

    def parts(self, epoch: int) -> tuple[Part, ...]:
        schedule = self._schedule()
        if any(stage.phase.heads > 1 for stage in schedule) and self.module() is not None:
            raise UserError(
                f"technique '{self.technique.name}' trains several heads, but its loss has values that train too and "
                "belong to one; take another loss, or crt"
            )
        found = spans(schedule, epoch, self.spec.epochs, self._steps)
        # An epoch without a step still has a plan.
        parts = tuple(self._part(epoch, span) for span in found or [Span(0, schedule[0], 0, 0, begins=False)])
        return self.frozen.named(parts, epoch) if self.frozen else parts

    def context(self, plan: TrainingPlan) -> TrainingContext:
        """What components are told where that plan trains."""
        return self._context(tuple(plan.class_counts(self.n_classes).tolist()))

    def _context(self, counts: tuple[int, ...]) -> TrainingContext:
        spec = self.spec
        return TrainingContext(
            np.array(counts, dtype=np.int64),
            spec.epochs,
            spec.strength,
            self.natural.class_counts(self.n_classes),
            spec.positive,
            spec.batch_size,
        )

    def _new_schedule(self) -> Schedule:
        """Raises UserError where its last stage has no step."""
        found = self.technique.schedule(self.context(self.sampled().of(1)), **self.spec.parameters)
        steps = self._rows_of_epoch(found[-1].phase, self.spec.epochs)
        check_last(self.technique.name, found, self.spec.epochs, steps_of(steps, self.spec.batch_size))
        return found

    def _rows_of_epoch(self, phase: Phase, epoch: int) -> int:
        """How many rows of the stream an epoch of a phase takes; on features as many as there are training images."""
        # What is drawn by power is as many rows as there are, so nothing need be drawn to count them.
        natural = self.spec.budget == "steps" or phase.space == "features" or phase.power is not None
        return len(self.natural) if natural else len(self._plan(phase, epoch))

    def _steps(self, stage: int, epoch: int) -> int:
        return steps_of(self._rows_of_epoch(self._schedule()[stage].phase, epoch), self.spec.batch_size)

    def _part(self, epoch: int, span: Span) -> Part:
        phase, batch = span.stage.phase, self.spec.batch_size
        members = self._members(phase.heads) if phase.heads > 1 else ()
        plan = TrainingPlan.joined(members) if members else self._plan(phase, epoch)
        length = self._rows_of_epoch(phase, epoch)
        counts = tuple((members[0] if members else plan).class_counts(self.n_classes).tolist())
        mix = self._mix(counts) if phase.mixed else None
        return Part(
            span.number,
            len(self._schedule()),
            span.begins,
            span.begins and self._forgets(span.number),
            span.stage.kept and epoch > self.spec.keep_from * self.spec.epochs,
            phase,
            plan,
            start=(epoch - 1) * length + span.first * batch,
            rows=min(span.end * batch, length) - span.first * batch,
            steps=span.end - span.first,
            loss=self._loss(counts, phase.weighted, phase.reweight),
            mix=mix,
            partners=self.natural if isinstance(mix, Partnered) else None,
            step=self._step(counts),
            members=members,
        )

    def _forgets(self, stage: int) -> bool:
        before, phase = (self._schedule()[max(0, number)].phase for number in (stage - 1, stage))
        return stage > 0 and (phase.new_head or phase.trained != before.trained)

    def _plan(self, phase: Phase, epoch: int) -> TrainingPlan:
        return self._cached_plan(phase, epoch, self.features.version)

    def _new_plan(self, phase: Phase, epoch: int, features: int) -> TrainingPlan:
        if phase.power is not None:
            rng = np.random.default_rng([self.spec.seed, epoch, _POWER])
            rows, labels = self.images.train, self.images.labels
            drawn = draw_by_power(rows, labels[rows], self.n_classes, phase.power, len(rows), rng)
            return TrainingPlan.of_rows(drawn, labels[drawn])
        if phase.space == "features" and phase.sampled:
            return self._on_features(features).of(epoch)
        return self.sampled().of(epoch) if phase.sampled else self.natural

    def _new_plans_on_features(self, features: int) -> EpochPlans:
        """Those that the sampler makes of the features; before there are any, the rows as they are."""
        if not self.features.there:
            return EpochPlans.always(self.natural)
        # Another trial's features are others, so nothing is kept for it.
        data = replace(training_data(self.images), vectors=self.features.vectors, neighbours=None)
        return self.technique.plans(data, self.spec.seed, **self.spec.parameters)

    def _new_members(self, heads: int) -> tuple[TrainingPlan, ...]:
        """Of each head of an ensemble the rows: a random undersample, each class as large as the smallest."""
        undersampling = COMPONENTS.get("undersampling")
        assert undersampling is not None
        seeds = np.random.SeedSequence([self.spec.seed, _MEMBERS]).generate_state(heads)
        data = training_data(self.images)
        return tuple(undersampling.build(data, int(seed), sampling_strategy=1.0) for seed in seeds)

    def _new_loss(self, counts: tuple[int, ...], weighted: bool, reweight: float | None) -> Loss:
        if reweight is not None:
            return _reweighted(self._loss(counts, weighted, None), effective_weights(np.array(counts), reweight))
        if weighted:
            module: Any = self.module()
            return module or self.technique.loss(self._context(counts), **self.spec.parameters)
        scale = self.scale()
        return cross_entropy if scale == 1 else lambda logits, targets: cross_entropy(scale * logits, targets)

    def _first_loss(self) -> Loss | None:
        """The technique's loss as the first stage has it in which it trains; None where it trains in none."""
        phase = next((stage.phase for stage in self._schedule() if stage.phase.weighted), None)
        if phase is None or self.technique.part("loss") is None:
            return None
        return self.technique.loss(self.context(self._plan(phase, 1)), **self.spec.parameters)

    def _find_module(self) -> nn.Module | None:
        found = self._first_loss()
        return found if isinstance(found, nn.Module) and any(True for _ in found.parameters()) else None

    def _find_scale(self) -> float:
        return float(getattr(self._first_loss(), "scale", 1.0))

    def _new_step(self, counts: tuple[int, ...]) -> Step | None:
        return self.technique.step(self._context(counts), **self.spec.parameters)

    def _new_mix(self, counts: tuple[int, ...]) -> Mix | Partnered | None:
        return self.technique.mix(self._context(counts), **self.spec.parameters)


def _reweighted(loss: Loss, weights: np.ndarray) -> Loss:
    """A loss in which each row counts by its classes' weights, (C,)."""
    of_classes = PerClass(weights)
    return lambda logits, targets: loss(logits, targets) * (targets @ of_classes.like(targets))


def technique_of(spec: TrialSpec) -> Technique:
    """The technique that a trial trains with: behind a frozen body one that knows that."""
    found = get_technique(spec.technique)
    return found.behind_frozen() if spec.frozen else found


def build_plan(spec: TrialSpec, images: SplitImages) -> TrainingPlan:
    """The plan that the spec's sampler makes, in the first epoch; it sees training rows only."""
    return build_plans(spec, images).of(1)


def build_plans(spec: TrialSpec, images: SplitImages) -> EpochPlans:
    """The plans that the spec's sampler makes for each epoch; it sees training rows only.

    Of one on features the rows as they are, which train before there are features; behind a frozen body there are.
    """
    technique = technique_of(spec)
    if "sampler" in technique.on_features and spec.frozen:
        assert images.vectors is not None
        data = replace(training_data(images), vectors=images.vectors.standard)
        return technique.plans(data, spec.seed, **spec.parameters)
    if "sampler" in technique.on_features:
        return EpochPlans.always(TrainingPlan.of_rows(images.train, images.labels[images.train]))
    return technique.plans(training_data(images), spec.seed, **spec.parameters)


def training_data(images: SplitImages) -> TrainingData:
    """What a sampler sees of a split: its training rows."""
    n_classes = len(images.class_names)
    return TrainingData(
        images.pixels, images.labels, images.train, n_classes, images.class_names, neighbours=images.neighbours
    )
