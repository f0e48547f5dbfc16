"""SMOTE: new rows on the lines between images of a small class and their neighbours in it.

Draws and row order are those of imbalanced-learn's SMOTE.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from balancing.components.axes import TrainingData
from balancing.components.decorators import sampler
from balancing.components.plans import TrainingPlan
from balancing.components.ranges import IntRange
from balancing.components.samplers.targets import SAMPLING_STRATEGY, rows_to_add
from balancing.errors import UserError

K_NEIGHBORS = IntRange(3, 9, default=5, minimum=1, maximum=1000)


def check_class_sizes(
    name: str, counts: Mapping[str, int], k_neighbors: int, sampling_strategy: float, parameter: str = "k_neighbors"
) -> None:
    """Whether every class that is to grow has k_neighbors images besides each.

    Raises:
        UserError: one has not; says which value of the parameter would do.
    """
    added = rows_to_add(np.array(list(counts.values())), sampling_strategy)
    growing = {class_name: count for (class_name, count), n_new in zip(counts.items(), added, strict=True) if n_new}
    for class_name, count in growing.items():
        if count <= k_neighbors:
            lower = f"lower {name}.{parameter} to {count - 1} or " if count > 1 else ""
            raise UserError(
                f"class {class_name} has {count} training image{'s' * (count > 1)}, but {name} with "
                f"{parameter}={k_neighbors} needs at least {k_neighbors + 1}; {lower}choose oversampling"
            )


def _check(counts: Mapping[str, int], *, k_neighbors: int, sampling_strategy: float) -> None:
    check_class_sizes("smote", counts, k_neighbors, sampling_strategy)


@sampler(
    label="SMOTE",
    colour="#d55e00",
    reference="Chawla et al., JAIR 16, 2002",
    check=_check,
    mixes=True,
    k_neighbors=K_NEIGHBORS,
    sampling_strategy=SAMPLING_STRATEGY,
)
def smote(data: TrainingData, random_state: int, *, k_neighbors: int, sampling_strategy: float) -> TrainingPlan:
    """Smaller classes grow by mixtures of an image and one of its k nearest neighbours in the class.

    Args:
        data: T training rows; each class to grow has more than ``k_neighbors`` of them.
        random_state: 0..2**32-1; each class starts anew from it.
        k_neighbors: how many neighbours an image may be mixed with.
        sampling_strategy: in (0, 1]; a smaller class over the largest afterwards.
    Returns:
        The T rows in their order, then the synthetic ones class by class.
    """
    labels = data.train_labels
    parts = [TrainingPlan.of_rows(data.rows, labels)]
    for label, n_new in enumerate(rows_to_add(data.class_counts, sampling_strategy)):
        if n_new:
            members = data.rows[labels == label]
            neighbours = data.nearest(members, members, k_neighbors)
            parts.append(draw_mixtures(members, neighbours, label, int(n_new), random_state))
    return TrainingPlan.joined(parts)


def draw_mixtures(bases: np.ndarray, neighbours: np.ndarray, label: int, n_new: int, random_state: int) -> TrainingPlan:
    """Random pairs of an image and one of its neighbours, and how far to go from the one to the other.

    Args:
        bases: (B,) int64, rows of the image set.
        neighbours: (B, k) int64, rows of the image set.
        label: the class of the new rows.
        n_new: M.
        random_state: 0..2**32-1.
    Returns:
        M rows with weights uniform in [0, 1).
    """
    rng = np.random.RandomState(random_state)
    pairs = rng.randint(neighbours.size, size=n_new)
    weights = rng.uniform(size=n_new)
    base_index, neighbour_index = np.divmod(pairs, neighbours.shape[1])
    labels = np.full(n_new, label, dtype=np.int64)
    return TrainingPlan(bases[base_index], neighbours[base_index, neighbour_index], weights, labels)
