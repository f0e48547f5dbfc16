"""k-means SMOTE: SMOTE within clusters that hold enough of a small class.

Clusters, draws and row order are those of imbalanced-learn's KMeansSMOTE.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from balancing.components.axes import TrainingData
from balancing.components.decorators import sampler
from balancing.components.plans import TrainingPlan
from balancing.components.ranges import IntRange
from balancing.components.samplers.smote import check_class_sizes, draw_mixtures
from balancing.components.samplers.targets import SAMPLING_STRATEGY, rows_to_add
from balancing.errors import UserError


def _check(counts: Mapping[str, int], *, k_neighbors: int, n_clusters: int, sampling_strategy: float) -> None:
    check_class_sizes("kmeans_smote", counts, k_neighbors, sampling_strategy)
    n_images = sum(counts.values())
    if n_images < n_clusters and rows_to_add(np.array(list(counts.values())), sampling_strategy).any():
        raise UserError(
            f"there are {n_images} training images, but kmeans_smote with n_clusters={n_clusters} needs at least "
            f"{n_clusters}; lower kmeans_smote.n_clusters or choose smote"
        )


@sampler(
    label="k-means SMOTE",
    reference="Douzas, Bacao & Last, Information Sciences 465, 2018",
    check=_check,
    prior_effect="unknown",
    mixes=True,
    refuses="while building",
    follows="nearly",
    k_neighbors=IntRange(1, 5, default=2, maximum=1000),
    n_clusters=IntRange(4, 16, default=8, minimum=1, maximum=1000),
    sampling_strategy=SAMPLING_STRATEGY,
)
def kmeans_smote(
    data: TrainingData, random_state: int, *, k_neighbors: int, n_clusters: int, sampling_strategy: float
) -> TrainingPlan:
    """Smaller classes grow within clusters that hold enough of them, most in the sparsest.

    Clusters are mini-batch k-means' on all training images. One counts where the class has a share of half its share of
    all new rows, and more than ``k_neighbors`` images. Each cluster's new rows are rounded up.

    Args:
        data: T training rows; all of their values are held as float64.
        random_state: 0..2**32-1.
        k_neighbors: how many neighbours in cluster and class an image may be mixed with.
        n_clusters: how many clusters.
        sampling_strategy: in (0, 1]; a smaller class over the largest afterwards.
    Returns:
        The T rows in their order, then the synthetic ones class by class and cluster by cluster.
    Raises:
        UserError: no cluster holds enough of a class to grow.
    """
    labels, added = data.train_labels, rows_to_add(data.class_counts, sampling_strategy)
    parts = [TrainingPlan.of_rows(data.rows, labels)]
    if not added.any():
        return parts[0]
    cluster_of = _clusters(data, n_clusters, random_state)
    for label, n_new in enumerate(added):
        if not n_new:
            continue
        least = n_new / added.sum() / 2 if n_clusters > 1 else -np.inf
        groups = []
        for cluster in range(n_clusters):
            inside = cluster_of == cluster
            share = float((labels[inside] == label).mean()) if inside.any() else 0.0
            # As a product of floats, for imbalanced-learn's rounding decides of clusters that just have enough.
            if inside.any() and share >= least and share * inside.sum() >= k_neighbors + 1:
                groups.append(data.rows[inside & (labels == label)])
        if not groups:
            raise UserError(
                f"none of the {n_clusters} clusters holds enough images of class {data.class_name(label)} for "
                f"kmeans_smote; change kmeans_smote.n_clusters, lower kmeans_smote.k_neighbors or choose smote"
            )
        sparsities = np.array([_sparsity(data, own) for own in groups])
        for own, weight in zip(groups, sparsities / sparsities.sum(), strict=True):
            partners = data.nearest(own, own, k_neighbors)
            parts.append(draw_mixtures(own, partners, label, math.ceil(n_new * weight), random_state))
    return TrainingPlan.joined(parts)


def _clusters(data: TrainingData, n_clusters: int, random_state: int) -> np.ndarray:
    """(T,) int: the cluster of each training row."""
    from sklearn.cluster import MiniBatchKMeans

    machine = MiniBatchKMeans(n_clusters=n_clusters, random_state=random_state)
    found: np.ndarray = machine.fit_predict(data.matrix(data.rows))
    return found


def _sparsity(data: TrainingData, own: np.ndarray) -> float:
    """Mean distance between (n,) rows to a power that grows with n, over n."""
    from sklearn.metrics import pairwise_distances

    distances = pairwise_distances(data.matrix(own), metric="euclidean")
    np.fill_diagonal(distances, 0)
    n = len(own)
    return float((distances.sum() / (n**2 - n)) ** (math.log(n, 1.6) ** 1.8 * 0.16) / n)
