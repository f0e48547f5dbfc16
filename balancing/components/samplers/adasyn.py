"""ADASYN: SMOTE whose new rows are shared out by how many neighbours of other classes an image has.

Draws and row order are those of imbalanced-learn's ADASYN.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from balancing.components.axes import TrainingData
from balancing.components.decorators import sampler
from balancing.components.plans import TrainingPlan
from balancing.components.samplers.smote import K_NEIGHBORS, check_class_sizes
from balancing.components.samplers.targets import SAMPLING_STRATEGY, rows_to_add
from balancing.errors import UserError


def _check(counts: Mapping[str, int], *, n_neighbors: int, sampling_strategy: float) -> None:
    check_class_sizes("adasyn", counts, n_neighbors, sampling_strategy, "n_neighbors")


@sampler(
    label="ADASYN",
    reference="He, Bai, Garcia & Li, IJCNN 2008",
    check=_check,
    prior_effect="unknown",
    mixes=True,
    refuses="while building",
    follows="nearly",
    n_neighbors=K_NEIGHBORS,
    sampling_strategy=SAMPLING_STRATEGY,
)
def adasyn(data: TrainingData, random_state: int, *, n_neighbors: int, sampling_strategy: float) -> TrainingPlan:
    """Smaller classes grow by mixtures, most from images with the most neighbours of other classes.

    Each image's share of the new rows is rounded, so a class may miss its size by half a row for each of its images.

    Args:
        data: T training rows; each class to grow has more than ``n_neighbors`` of them.
        random_state: 0..2**32-1; one generator for all classes.
        n_neighbors: how many neighbours are asked for their class, and may be mixed with.
        sampling_strategy: in (0, 1]; a smaller class over the largest afterwards.
    Returns:
        The T rows in their order, then the synthetic ones class by class.
    Raises:
        UserError: no image of a class to grow has a neighbour of another class.
    """
    rng = np.random.RandomState(random_state)
    labels = data.train_labels
    parts = [TrainingPlan.of_rows(data.rows, labels)]
    for label, n_new in enumerate(rows_to_add(data.class_counts, sampling_strategy)):
        if not n_new:
            continue
        members = data.rows[labels == label]
        nearest, partners = data.nearest_in_both(members, n_neighbors, n_neighbors)
        foreign = (data.labels[nearest] != label).sum(axis=1) / n_neighbors
        if not foreign.any():
            raise UserError(
                f"no image of class {data.class_name(label)} has one of another class among its {n_neighbors} nearest, "
                "so adasyn has nothing to share new rows out by; raise adasyn.n_neighbors or choose smote"
            )
        times = np.rint(foreign / np.sum(foreign) * n_new).astype(np.int64)
        bases = np.repeat(np.arange(len(members)), times)
        if not len(bases):  # all shares are below a half
            continue
        columns = rng.choice(n_neighbors, size=len(bases))
        weights = rng.uniform(size=len(bases))
        drawn = np.full(len(bases), label, dtype=np.int64)
        parts.append(TrainingPlan(members[bases], partners[bases, columns], weights, drawn))
    return TrainingPlan.joined(parts)
