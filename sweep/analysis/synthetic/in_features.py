"""Mixtures of features beside the features of real images: how near they lie, how easily they are told apart.

There is no picture of a mixture of features; what it was made of, and the real image nearest to it, have one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from balancing.components.plans import TrainingPlan
from balancing.components.techniques import get_technique
from balancing.errors import UserError
from sweep.analysis.names import in_order
from sweep.analysis.results import Results
from sweep.analysis.run_images import check_images
from sweep.analysis.synthetic.measure import SAMPLE, Sampled, draw_sample, likeness
from sweep.analysis.synthetic.vectors import vectors_of
from sweep.runs.foreign import other_component
from sweep.runs.spec import TrialSpec

if TYPE_CHECKING:
    from balancing.data.images import ImageSet
    from sweep.training.vectors import Vectors

COMPONENTS_SEEN = 16  # principal components that the classifier sees
_QUANTILES = (0.1, 0.5, 0.9, 0.99)
_AT_ONCE = 2**21  # distances held at a time


def feature_specs(run: Results) -> dict[str, TrialSpec]:
    """The first seed's spec of each chosen configuration that mixes features behind a frozen body; in order."""
    by_id = {spec.trial_id: spec for spec in run.specs()}
    chosen = {choice["technique"]: by_id[choice["trial_ids"][0]] for choice in run.selection()}
    found = {name: chosen[name] for name in in_order(chosen) if chosen[name].frozen and _mixes_features(name)}
    return {name: spec for name, spec in found.items() if other_component(spec) is None}


def _mixes_features(technique: str) -> bool:
    try:
        found = get_technique(technique)
    except UserError:
        return False
    sampler = found.part("sampler")
    return sampler is not None and sampler.mixes and "sampler" in found.on_features


@dataclass(frozen=True)
class FeaturePool:
    """The standardised features of a run's training images, among which the nearest are looked for.

    Args:
        vectors: of the whole image set.
        rows: (T,) int64, training rows.
    """

    vectors: Vectors
    rows: np.ndarray

    @property
    def standard(self) -> np.ndarray:
        """(N, D) float32."""
        return self.vectors.standard

    def nearest(self, queries: np.ndarray, barred: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Distance of each query to the nearest training image.

        Args:
            queries: (Q, D) standardised features.
            barred: (Q, b) int64, rows that a query may not be matched with; None: all may.
        Returns:
            ((Q,) float64 root mean square differences in standard deviations, (Q,) int64 rows).
        """
        own = self.standard[self.rows].astype(np.float64)
        norms = np.einsum("td,td->t", own, own)
        distances, nearest = np.empty(len(queries)), np.empty(len(queries), dtype=np.int64)
        step = max(1, _AT_ONCE // len(own))
        for first in range(0, len(queries), step):
            some = queries[first : first + step].astype(np.float64)
            squared = norms - 2 * some @ own.T + np.einsum("qd,qd->q", some, some)[:, None]
            if barred is not None:
                for column in barred[first : first + step].T:
                    squared[self.rows == column[:, None]] = np.inf
            place = squared.argmin(axis=1)
            nearest[first : first + step] = self.rows[place]
            # From the difference: a product's rounding would show where nothing lies between.
            distances[first : first + step] = apart(some, own[place])
        return distances, nearest

    def seen(self, features: np.ndarray) -> np.ndarray:
        """What the small classifier sees of (n, D) standardised features: (n, F) float64.

        Their first principal components among the training images, and how their values are distributed: mixtures lie
        nearer the middle, which no direction shows.
        """
        wide = features.astype(np.float64)
        size = np.abs(wide)
        columns = [np.log1p(wide.var(axis=1)), size.mean(axis=1), *np.quantile(size, _QUANTILES, axis=1)]
        columns += [wide.min(axis=1), wide.max(axis=1)]
        return np.column_stack([wide @ self._axes(), *columns])

    def _axes(self) -> np.ndarray:
        """(D, 16) or fewer: the directions in which training images differ most."""
        own = self.standard[self.rows].astype(np.float64)
        own -= own.mean(axis=0)
        few = min(COMPONENTS_SEEN, *own.shape)
        found: np.ndarray = np.linalg.eigh(own.T @ own)[1][:, -few:]
        return found


def apart(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(n,) float64: root mean square differences of (n, D) and (n, D) features."""
    found: np.ndarray = np.sqrt(np.square(a.astype(np.float64) - b).mean(axis=1))
    return found


@dataclass(frozen=True)
class FeatureMixtures:
    """Everything about a run's mixtures of features that needs its images: made once for numbers and pictures.

    Args:
        pool: of the run.
        plans: technique -> the training plan of its first chosen trial, built again.
        specs: technique -> that trial's spec.
    """

    pool: FeaturePool
    plans: dict[str, TrainingPlan]
    specs: dict[str, TrialSpec]


def feature_mixtures(run: Results, images: ImageSet) -> FeatureMixtures | None:
    """None where no chosen technique mixes features.

    Raises:
        UserError: other images than the run's.
    """
    from balancing.components.neighbours.store import NeighbourStore
    from sweep.training.inputs import SplitImages
    from sweep.training.method import build_plan

    specs = feature_specs(run)
    if not specs:
        return None
    check_images(run, images)
    vectors = vectors_of(run, images, next(iter(specs.values())))
    train, validation, test = (run.rows_of(part) for part in ("train", "validation", "test"))
    known = NeighbourStore(run.neighbours)
    split = SplitImages(
        images.pixels, images.labels, images.class_names, train, validation, test, known, vectors=vectors
    )
    plans = {name: build_plan(spec, split) for name, spec in specs.items()}
    return FeatureMixtures(FeaturePool(vectors, train), plans, specs)


def measure_in_features(
    sampled: Sampled, pool: FeaturePool, groups: pd.Series, rng: np.random.Generator
) -> dict[str, Any]:
    """The numbers of one technique, each with a 95 % interval from drawing groups anew.

    Args:
        sampled: from ``draw_sample``.
        pool: all training images.
        groups: of each row of the image set (patients), by row.
    Returns:
        As ``measure.measure``, without sharpness, distances in standard deviations of a feature.
    """
    base, mate = sampled.plan.base[sampled.synthetic], sampled.plan.mate[sampled.synthetic]
    real, made = pool.standard[sampled.real], sampled.plan.realise(pool.standard, sampled.synthetic)
    distance, nearest = pool.nearest(made)
    real_distance, _ = pool.nearest(real, sampled.real[:, None])
    near = ((nearest == base) | (nearest == mate)).astype(float)
    pairs = {"distance": (distance, real_distance)}
    return likeness(sampled, groups, rng, (pool.seen(real), pool.seen(made)), near, pairs)


def feature_numbers(run: Results, found: FeatureMixtures, labels: np.ndarray, rng: np.random.Generator) -> pd.DataFrame:
    """How like real images' features the mixtures are, for each technique.

    Args:
        labels: (N,) int64, the image set's.
        rng: of the samples and the bootstrap.
    Returns:
        One row a technique: technique, trial_id, training_rows, synthetic_rows, and the columns of
        ``measure_in_features`` (NaN, and ``sample`` 0, where the plan has no synthetic row).
    """
    rows = []
    for (technique, plan), own in zip(found.plans.items(), rng.spawn(len(found.plans)), strict=True):
        row: dict[str, Any] = {"technique": technique, "trial_id": found.specs[technique].trial_id}
        row |= {"training_rows": len(plan), "synthetic_rows": int(plan.synthetic.sum()), "sample": 0}
        if plan.synthetic.any():
            sampled = draw_sample(plan, labels, found.pool.rows, SAMPLE, own)
            row |= measure_in_features(sampled, found.pool, run.patients, own)
        rows.append(row)
    return pd.DataFrame(rows)
