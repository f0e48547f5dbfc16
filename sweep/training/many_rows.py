"""The rows of heads that train together: vectors, as one product takes them, and what of them trains each seed."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch

from balancing.components.plans import TrainingPlan
from sweep.runs.spec import TrialSpec
from sweep.training.inputs import SplitImages
from sweep.training.method import Part
from sweep.training.order import stream


@dataclass(frozen=True)
class Standard:
    """The standardised vectors of a split, on a device.

    Args:
        train, validation: (T, D) and (V, D) float32, as ``HeadNetwork`` sees them.
        labels: (T,) int64, of the training rows.
        places: (N,) int64, the place of each image among the training rows; -1 of others.
    """

    train: torch.Tensor
    validation: torch.Tensor
    labels: np.ndarray
    places: np.ndarray

    @property
    def device(self) -> torch.device:
        return self.train.device

    @classmethod
    def of(cls, images: SplitImages, device: torch.device) -> Standard:
        """Those of an image set whose vectors are known."""
        vectors = images.vectors
        assert vectors is not None
        mean, std = (torch.from_numpy(values).to(device) for values in (vectors.mean, vectors.std))

        def seen(rows: np.ndarray) -> torch.Tensor:
            found = torch.from_numpy(np.asarray(vectors.rows[rows], dtype=np.float32)).to(device)
            return found.sub_(mean).div_(std)

        places = np.full(len(images.labels), -1, dtype=np.int64)
        places[images.train] = np.arange(len(images.train))
        return cls(seen(images.train), seen(images.validation), images.labels[images.train], places)


@dataclass(frozen=True)
class LocalRows:
    """Plans by places among the training rows, where the image set's rows stood."""

    standard: Standard

    def __call__(self, plan: TrainingPlan) -> TrainingPlan:
        places = self.standard.places
        return replace(plan, base=places[plan.base], mate=places[plan.mate])


@dataclass(frozen=True)
class Mixed:
    """The rows of a plan that are not training rows as they are.

    Args:
        base, mate: (M,) int64, places among the training rows.
        weight: (M, 1) float32.
        labels: (M,) int64.
        times: (M,) float32, the share of each in the mean over all rows.
    """

    base: torch.Tensor
    mate: torch.Tensor
    weight: torch.Tensor
    labels: torch.Tensor
    times: torch.Tensor


@dataclass(frozen=True)
class Share:
    """What an epoch's rows are, without their order.

    Args:
        part: of which it is.
        whole: each row of the plan trains equally often, whatever the epoch.
        times: (T,) float32, the share of each training row in the mean over all rows.
        mixed: the other rows; None where there are none.
    """

    part: Part
    whole: bool
    times: torch.Tensor
    mixed: Mixed | None

    def is_of(self, part: Part) -> bool:
        """Whether another epoch's rows are the same."""
        return self.whole and part.plan is self.part.plan and part.rows == self.part.rows and _is_whole(part)

    @classmethod
    def of(cls, part: Part, spec: TrialSpec, standard: Standard) -> Share:
        """That of an epoch's part."""
        plan, whole = part.plan, _is_whole(part)
        if whole:
            counts = np.full(len(plan), part.rows // len(plan), dtype=np.int64)
        else:
            order = stream(len(plan), spec.seed, part.start, part.rows).numpy()
            counts = np.bincount(order, minlength=len(plan))
        base, mate = standard.places[plan.base], standard.places[plan.mate]
        real = (base == mate) & (standard.labels[base] == plan.labels)
        times = np.bincount(base[real], weights=counts[real], minlength=len(standard.labels)) / part.rows
        other = np.flatnonzero(~real & (counts > 0))
        device = standard.device
        mixed = None
        if len(other):
            mixed = Mixed(
                torch.from_numpy(base[other]).to(device),
                torch.from_numpy(mate[other]).to(device),
                torch.from_numpy(plan.weight[other]).float().to(device).view(-1, 1),
                torch.from_numpy(plan.labels[other]).to(device),
                torch.from_numpy(counts[other] / part.rows).float().to(device),
            )
        return cls(part, whole, torch.from_numpy(times).float().to(device), mixed)


def _is_whole(part: Part) -> bool:
    """Whether the rows are whole passes through the plan, so that their order counts nothing."""
    return part.start % len(part.plan) == 0 and part.rows % len(part.plan) == 0
