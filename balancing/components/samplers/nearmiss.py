"""NearMiss: under-sampling by distances from the smallest class.

Which images stay, and their order, is as in imbalanced-learn.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from balancing.components.axes import TrainingData
from balancing.components.decorators import sampler
from balancing.components.plans import TrainingPlan
from balancing.components.ranges import Choice, IntRange
from balancing.components.samplers.neighbourhood import first_smallest
from balancing.components.samplers.targets import SAMPLING_STRATEGY, most_rows
from balancing.errors import UserError


def _check(
    counts: Mapping[str, int], *, version: int, n_neighbors: int, n_neighbors_ver3: int, sampling_strategy: float
) -> None:
    name = min(counts, key=counts.__getitem__)
    if counts[name] < n_neighbors:
        raise UserError(
            f"class {name} has {counts[name]} training image{'s' * (counts[name] > 1)}, but nearmiss with "
            f"n_neighbors={n_neighbors} needs at least {n_neighbors}; lower nearmiss.n_neighbors to {counts[name]} or "
            "choose undersampling"
        )
    ceiling = most_rows(np.array(list(counts.values())), sampling_strategy)
    if version == 3 and any(ceiling <= count < n_neighbors_ver3 for other, count in counts.items() if other != name):
        few = next(other for other, count in counts.items() if other != name and ceiling <= count < n_neighbors_ver3)
        raise UserError(
            f"class {few} has {counts[few]} training images, but nearmiss with version=3 and "
            f"n_neighbors_ver3={n_neighbors_ver3} needs at least {n_neighbors_ver3} of each class that shrinks; choose "
            "version 1 or undersampling"
        )


@sampler(
    label="NearMiss",
    reference="Mani & Zhang, ICML workshop on learning from imbalanced data sets, 2003",
    check=_check,
    prior_effect="unknown",
    follows="loosely",
    version=Choice((1, 2, 3), default=1),
    n_neighbors=IntRange(1, 5, default=3, maximum=1000),
    n_neighbors_ver3=IntRange(1, 5, default=3, maximum=1000),
    sampling_strategy=SAMPLING_STRATEGY,
)
def nearmiss(
    data: TrainingData,
    random_state: int,
    *,
    version: int,
    n_neighbors: int,
    n_neighbors_ver3: int,
    sampling_strategy: float,
) -> TrainingPlan:
    """Larger classes keep the images that are nearest to the smallest class.

    Version 1 keeps those with the least mean distance to their nearest images of it, version 2 to their farthest.
    Version 3 looks at the few nearest around each image of it, and keeps those of them that are farthest; where they
    are fewer than wanted, the class becomes smaller than asked.

    Args:
        data: T training rows; the smallest class has ``n_neighbors`` at least.
        random_state: changes nothing.
        version: 1, 2 or 3, the paper's.
        n_neighbors: to how many images of the smallest class distances are averaged.
        n_neighbors_ver3: how many images of a larger class version 3 looks at around each of the smallest.
        sampling_strategy: in (0, 1]; the smallest class over the largest afterwards.
    Returns:
        At most T rows, class by class; the smallest class whole.
    """
    from balancing.components.neighbours.real import extreme_distances

    labels, counts = data.train_labels, data.class_counts
    small = data.rows[labels == first_smallest(labels)]
    ceiling, spared, space = most_rows(counts, sampling_strategy), int(np.argmin(counts)), data.space
    kept = []
    for label in range(data.n_classes):
        own = data.rows[labels == label]
        if label != spared and counts[label] >= ceiling:
            if version == 3:
                looked_at = data.nearest(small, own, n_neighbors_ver3)
                own = own[np.isin(own, looked_at)]
            distances = extreme_distances(space, own, small, n_neighbors, farthest=version == 2).sum(axis=1)
            own = own[np.argsort(-distances if version == 3 else distances, kind="stable")[:ceiling]]
        kept.append(own)
    rows = np.concatenate(kept)
    return TrainingPlan.of_rows(rows, data.labels[rows])
