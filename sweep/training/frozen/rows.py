"""The vectors that a trial behind a frozen body trains on: of images, of views of them, and of mixtures of pixels."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from balancing.components.plans import EpochPlans, TrainingPlan
from balancing.components.techniques import get_technique
from balancing.errors import UserError
from sweep.runs.spec import TrialSpec
from sweep.training.frozen.extract import Eye, Looks, Views
from sweep.training.frozen.joining import load_body
from sweep.training.frozen.store import VectorStore, key_of
from sweep.training.hardware import on_device

if TYPE_CHECKING:
    from sweep.training.inputs import SplitImages
    from sweep.training.method import Part

_KEPT = 32  # trials that may train side by side
_VIEW, _PARTNER = 7, 8  # tell these draws from others of the same seed and epoch


def train_counts(images: SplitImages) -> list[int]:
    """(C,) training images of each class."""
    return np.bincount(images.labels[images.train], minlength=len(images.class_names)).tolist()


def train_looks(images: SplitImages, views: Views) -> Looks:
    """Views of all training images; validation and test images are never augmented."""
    return Looks(TrainingPlan.of_rows(images.train, np.zeros(len(images.train))), views)


@dataclass(frozen=True)
class TrialRows:
    """What a trial trains on, as rows, and its plans in these rows.

    Args:
        spec: of the trial.
        images: with the vectors of the images.
        build: makes the trial's plans, in rows of the images.
    """

    spec: TrialSpec
    images: SplitImages
    build: Callable[[], EpochPlans]

    @cached_property
    def plans(self) -> EpochPlans:
        """As the sampler makes them, in rows of the images."""
        return self.build()

    @cached_property
    def views(self) -> Views | None:
        return Views.of(self.spec, train_counts(self.images))

    @cached_property
    def mixed(self) -> TrainingPlan | None:
        """The plan whose synthetic rows are mixtures of pixels; None where there are none."""
        technique = get_technique(self.spec.technique)
        if technique.part("sampler") is None or "sampler" in technique.on_features:
            return None
        plan = self.plans.of(1)
        return plan if plan.synthetic.any() else None

    @cached_property
    def rows(self) -> np.ndarray:
        """(R, D) float32: of the N images, then of K views of the T training images, then of (views of) the mixtures.

        Raises:
            UserError: the run's body is missing or damaged, or its folder can't be written.
        """
        vectors = self.images.vectors
        assert vectors is not None
        found = vectors.rows
        if self.views is not None:
            found = self._made(train_looks(self.images, self.views), first=vectors.rows)
        if self.mixed is not None:
            found = np.concatenate([found, self._made(Looks(_synthetic(self.mixed), self.views))])
        return found

    def _made(self, looks: Looks, first: np.ndarray | None = None) -> np.ndarray:
        vectors = self.images.vectors
        assert vectors is not None
        source = vectors.source
        if source is None:
            raise UserError(
                f"technique '{self.spec.technique}' needs the frozen network for more than the images as they are, and "
                "it is not at hand; train it by `sweep run`"
            )

        def made() -> Generator[np.ndarray]:
            cuda = source.device == "cuda" and torch.cuda.is_available()
            device = torch.device("cuda" if cuda else "cpu")
            pixels = on_device(self.images.pixels, device, self.images.gpu_share)
            return Eye(load_body(Path(source.run)), pixels, self.spec, device).vectors(looks)

        store = VectorStore(source.folder, source.also)
        return store.opened(key_of(self.spec, source.device, looks), len(looks), made, first).rows

    def named(self, parts: Sequence[Part], epoch: int) -> tuple[Part, ...]:
        """An epoch's parts with plans in ``rows``; in a stage on features, where no pixel counts, as they are."""
        return tuple(
            part
            if part.phase.space == "features"
            else replace(
                part,
                plan=self.plan(part.plan, epoch),
                partners=part.partners and self.plan(part.partners, epoch, _PARTNER),
            )
            for part in parts
        )

    def plan(self, plan: TrainingPlan, epoch: int, which: int = _VIEW) -> TrainingPlan:
        """A plan in rows of the images as one in ``rows``: of each row a view, which each epoch draws anew.

        Args:
            plan: of the trial.
            epoch: from 1.
            which: tells apart draws of one epoch.
        Raises:
            UserError: it mixes other pixels than the first epoch's.
        """
        mixed, views, vectors = self.mixed, self.views, self.images.vectors
        if mixed is None and views is None:
            return plan
        assert vectors is not None
        base, mate, weight, count = plan.base, plan.mate, plan.weight, len(vectors.rows)
        view = np.zeros(len(plan), dtype=np.int64)
        if views is not None:
            view = np.random.default_rng([self.spec.seed, epoch, which]).integers(views.count, size=len(plan))
            place = np.zeros(count, dtype=np.int64)
            place[self.images.train] = np.arange(len(self.images.train))
            start, step = count, len(self.images.train)
            base, mate = (start + view * step + place[rows] for rows in (base, mate))
            count += views.count * step
        synthetic = plan.synthetic
        if mixed is not None and synthetic.any():
            if plan is not mixed and not _same(plan, mixed):
                raise UserError(
                    f"technique '{self.spec.technique}' mixes other images in each epoch, which a frozen network would "
                    "have to look at in each; write its sampler with @features, which mixes what it has seen"
                )
            made = np.cumsum(synthetic) - 1 + count + view * int(synthetic.sum())
            base, mate = (np.where(synthetic, made, rows) for rows in (base, mate))
            weight = np.where(synthetic, 0.0, weight)
        return TrainingPlan(base, mate, weight, plan.labels)


def rows_of(spec: TrialSpec, images: SplitImages, build: Callable[[], EpochPlans]) -> TrialRows:
    """A trial's, kept with the vectors as ``SplitImages.stored`` looks for them, until many other trials came.

    Args:
        build: makes the trial's plans, in rows of the images.
    """
    assert images.vectors is not None
    kept = images.vectors.kept
    if spec.trial_id not in kept:
        while len(kept) >= _KEPT:
            del kept[next(iter(kept))]
        kept[spec.trial_id] = TrialRows(spec, images, build)
    found: TrialRows = kept[spec.trial_id]
    return found


def _synthetic(plan: TrainingPlan) -> TrainingPlan:
    rows = plan.synthetic
    return TrainingPlan(plan.base[rows], plan.mate[rows], plan.weight[rows], plan.labels[rows])


def _same(plan: TrainingPlan, other: TrainingPlan) -> bool:
    pairs = ((plan.base, other.base), (plan.mate, other.mate), (plan.weight, other.weight))
    return all(np.array_equal(one, two) for one, two in pairs)
