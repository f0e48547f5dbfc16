"""SVM-SMOTE: SMOTE that starts from the support vectors of a small class.

Draws and row order are those of imbalanced-learn's SVMSMOTE.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from balancing.components.axes import TrainingData
from balancing.components.decorators import sampler
from balancing.components.plans import TrainingPlan
from balancing.components.ranges import FloatRange, IntRange
from balancing.components.samplers.neighbourhood import check_rows
from balancing.components.samplers.smote import K_NEIGHBORS, check_class_sizes, draw_mixtures
from balancing.components.samplers.targets import SAMPLING_STRATEGY, rows_to_add
from balancing.errors import UserError


def _check(
    counts: Mapping[str, int], *, k_neighbors: int, m_neighbors: int, out_step: float, sampling_strategy: float
) -> None:
    check_class_sizes("svm_smote", counts, k_neighbors, sampling_strategy)
    if rows_to_add(np.array(list(counts.values())), sampling_strategy).any():
        check_rows("svm_smote", counts, "m_neighbors", m_neighbors)


@sampler(
    label="SVM-SMOTE",
    reference="Nguyen, Cooper & Kamei, IJKESDP 3(1), 2011",
    check=_check,
    prior_effect="unknown",
    mixes=True,
    refuses="while building",
    follows="loosely",
    k_neighbors=K_NEIGHBORS,
    m_neighbors=IntRange(5, 15, default=10, minimum=1, maximum=1000),
    out_step=FloatRange(0.25, 0.75, default=0.5, minimum=0.0, maximum=1.0),
    sampling_strategy=SAMPLING_STRATEGY,
)
def svm_smote(
    data: TrainingData,
    random_state: int,
    *,
    k_neighbors: int,
    m_neighbors: int,
    out_step: float,
    sampling_strategy: float,
) -> TrainingPlan:
    """Smaller classes grow around their support vectors: between images near other classes, outwards from others.

    A support vector all of whose m neighbours are of other classes is left out. One with at least half of such is mixed
    with a neighbour in its class; from others new rows lie beyond them, away from a neighbour. Where there are none of
    one kind, its share of new rows is not made, and the class stays smaller than asked. The support vectors are those
    of an SVM with a radial kernel on the values themselves, which is slow for large images.

    Args:
        data: T training rows, more than ``m_neighbors``; each class to grow has more than ``k_neighbors`` of them.
        random_state: 0..2**32-1.
        k_neighbors: how many neighbours an image may be mixed with.
        m_neighbors: how many neighbours decide of which kind it is.
        out_step: in [0, 1]; how far beyond an image a new row may lie, in distances to the neighbour.
        sampling_strategy: in (0, 1]; a smaller class over the largest afterwards.
    Returns:
        The T rows in their order, then the synthetic ones class by class; weights below 0 lie outwards.
    Raises:
        UserError: all support vectors of a class to grow have neighbours of other classes alone.
    """
    labels, added = data.train_labels, rows_to_add(data.class_counts, sampling_strategy)
    parts = [TrainingPlan.of_rows(data.rows, labels)]
    supports = _supports(data, random_state) if added.any() else data.rows[:0]
    rng = np.random.RandomState(random_state)
    for label, n_new in enumerate(added):
        if not n_new:
            continue
        members, own = data.rows[labels == label], supports[data.labels[supports] == label]
        n_foreign = (data.labels[data.nearest(own, data.rows, m_neighbors)] != label).sum(axis=1)
        own, n_foreign = own[n_foreign < m_neighbors], n_foreign[n_foreign < m_neighbors]
        if not len(own):
            raise UserError(
                f"all support vectors of class {data.class_name(label)} have neighbours of other classes alone, so "
                "svm_smote has none to start from; raise svm_smote.m_neighbors or choose smote"
            )
        n_between = int(rng.beta(10, 10) * (n_new + 1))
        near = n_foreign >= m_neighbors / 2
        for bases, n, step in ((own[near], n_between, 1.0), (own[~near], int(n_new) - n_between, -out_step)):
            if len(bases):
                partners = data.nearest(bases, members, k_neighbors)
                mixtures = draw_mixtures(bases, partners, label, n, random_state)
                parts.append(replace(mixtures, weight=step * mixtures.weight))
    return TrainingPlan.joined(parts)


def _supports(data: TrainingData, random_state: int) -> np.ndarray:
    """(S,) int64: the rows that are support vectors; they follow from the vectors alone, whatever the random state."""
    from sklearn.svm import SVC

    from balancing.components.neighbours.real import squared_distances
    from balancing.components.neighbours.spaces import VectorSpace
    from balancing.components.neighbours.store import rows_once

    def fitted() -> np.ndarray:
        values, space = data.matrix(data.rows), data.space
        if isinstance(space, VectorSpace) and space.holds_products:  # libsvm's own are a third as fast
            gamma = 1 / (values.shape[1] * (values.var() or 1.0))
            kernel = squared_distances(space, data.rows, data.rows).mul_(-gamma).exp_().numpy()
            machine = SVC(kernel="precomputed", random_state=random_state).fit(kernel, data.train_labels)
        else:
            machine = SVC(gamma="scale", random_state=random_state).fit(values, data.train_labels)
        found: np.ndarray = data.rows[machine.support_]
        return found

    return rows_once(data, "support vectors", fitted)
