"""EOS: new rows on the lines from images of a small class to neighbours of other classes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from balancing.components.axes import TrainingData
from balancing.components.decorators import sampler
from balancing.components.plans import TrainingPlan
from balancing.components.ranges import IntRange
from balancing.components.samplers.neighbourhood import check_rows
from balancing.components.samplers.targets import SAMPLING_STRATEGY, rows_to_add
from balancing.errors import UserError


def _check(counts: Mapping[str, int], *, n_neighbors: int, sampling_strategy: float) -> None:
    if rows_to_add(np.array(list(counts.values())), sampling_strategy).any():
        check_rows("eos", counts, "n_neighbors", n_neighbors)


@sampler(
    label="EOS",
    reference="Dablain, Bellinger, Krawczyk & Chawla, arXiv:2207.06080, 2022",
    check=_check,
    prior_effect="unknown",
    mixes=True,
    refuses="while building",
    n_neighbors=IntRange(5, 15, default=10, minimum=1, maximum=1000),
    sampling_strategy=SAMPLING_STRATEGY,
)
def eos(data: TrainingData, random_state: int, *, n_neighbors: int, sampling_strategy: float) -> TrainingPlan:
    """Smaller classes grow towards others: by mixtures of a row and one of its nearest of another class.

    base + r (enemy - base), r ~ U(0, 1), with the label of the base; the enemy is any of those of other classes among
    the k nearest of the base, and only rows that have one are bases. Made for a network's features (``eos@features``
    with a schedule that trains the head alone): the paper's three phases are those of ``eos@features+crt``. The
    authors' code takes the neighbour before the one whose class it looked at, which is not followed here.

    Args:
        data: T training rows, more than ``n_neighbors``.
        random_state: 0..2**32-1; each class starts anew from it.
        n_neighbors: among how many nearest rows enemies are looked for.
        sampling_strategy: in (0, 1]; a smaller class over the largest afterwards.
    Returns:
        The T rows in their order, then the synthetic ones class by class; their mates are of other classes.
    Raises:
        UserError: no row of a class to grow has an enemy.
    """
    labels = data.train_labels
    parts = [TrainingPlan.of_rows(data.rows, labels)]
    for label, n_new in enumerate(rows_to_add(data.class_counts, sampling_strategy)):
        if not n_new:
            continue
        members = data.rows[labels == label]
        nearest = data.nearest(members, data.rows, n_neighbors)
        foreign = data.labels[nearest] != label
        n_enemies = foreign.sum(axis=1)
        if not n_enemies.any():
            raise UserError(
                f"no image of class {data.class_name(label)} has one of another class among its {n_neighbors} nearest, "
                "so eos has none to go towards; raise eos.n_neighbors or choose smote"
            )
        # Each row's enemies first, nearest first.
        enemies = np.take_along_axis(nearest, np.argsort(~foreign, axis=1, kind="stable"), axis=1)
        rng = np.random.RandomState(random_state)
        base = rng.choice(np.flatnonzero(n_enemies), size=n_new)
        which = np.floor(rng.uniform(size=n_new) * n_enemies[base]).astype(np.int64)
        weight = rng.uniform(size=n_new)
        drawn = np.full(n_new, label, dtype=np.int64)
        parts.append(TrainingPlan(members[base], enemies[base, which], weight, drawn))
    return TrainingPlan.joined(parts)
