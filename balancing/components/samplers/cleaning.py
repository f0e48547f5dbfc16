"""Cleaning: images of larger classes go whose neighbours are of other classes.

Which go, and the order of the rest, is as in imbalanced-learn. At equal distances the earlier row is nearer.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from balancing.components.axes import TrainingData
from balancing.components.decorators import sampler
from balancing.components.plans import TrainingPlan
from balancing.components.ranges import Choice
from balancing.components.samplers.neighbourhood import (
    Neighbourhood,
    agree,
    check_rows,
    first_smallest,
    refuse_empty,
    refuse_few,
)

N_NEIGHBORS = Choice((1, 3, 5), default=3)
KIND_SEL = Choice(("all", "mode"), default="all")


def of_positions(name: str, data: TrainingData, kept: np.ndarray) -> TrainingPlan:
    """The plan of the training rows at (K,) int64 positions; raises UserError where a class has none of them."""
    labels = data.train_labels[kept]
    refuse_empty(name, data, np.bincount(labels, minlength=data.n_classes))
    return TrainingPlan.of_rows(data.rows[kept], labels)


def _check_tomek(counts: Mapping[str, int]) -> None:
    check_rows("tomek_links", counts, "n_neighbors", 1)


@sampler(
    label="Tomek links",
    reference="Tomek, IEEE Transactions on Systems, Man, and Cybernetics 6(11), 1976",
    check=_check_tomek,
    prior_effect="unknown",
    refuses="while building",
)
def tomek_links(data: TrainingData, random_state: int) -> TrainingPlan:
    """Larger classes lose the images that are, with one of another class, each other's nearest.

    Args:
        data: T training rows.
        random_state: changes nothing.
    Returns:
        At most T rows, in their order; the smallest class whole.
    """
    kept = without_links(Neighbourhood(data), np.arange(len(data.rows)), int(np.argmin(data.class_counts)))
    return of_positions("tomek_links", data, kept)


def without_links(hood: Neighbourhood, kept: np.ndarray, spared: int) -> np.ndarray:
    """The (K,) int64 positions that are in no Tomek link among them, or of the class that is spared; in their order.

    One that is there twice is its own nearest, so in no link.
    """
    labels = hood.labels
    nearest = np.full(len(labels), -1)
    once, times = np.unique(kept, return_counts=True)
    nearest[once] = np.where(times > 1, once, hood.nearest(once, 1)[:, 0])
    mutual = nearest[nearest[kept]] == kept
    linked = mutual & (labels[nearest[kept]] != labels[kept]) & (labels[kept] != spared)
    return kept[~linked]


def _check_enn(counts: Mapping[str, int], *, n_neighbors: int, kind_sel: str) -> None:
    check_rows("enn", counts, "n_neighbors", n_neighbors)


@sampler(
    label="ENN",
    reference="Wilson, IEEE Transactions on Systems, Man, and Cybernetics 2(3), 1972",
    check=_check_enn,
    prior_effect="unknown",
    refuses="while building",
    n_neighbors=N_NEIGHBORS,
    kind_sel=KIND_SEL,
)
def enn(data: TrainingData, random_state: int, *, n_neighbors: int, kind_sel: str) -> TrainingPlan:
    """Larger classes lose the images whose nearest neighbours are not of their class (edited nearest neighbours).

    Args:
        data: T training rows, more than ``n_neighbors``.
        random_state: changes nothing.
        n_neighbors: how many neighbours are asked.
        kind_sel: an image stays where "all" of them are of its class; or where its class is their "mode", the most
            frequent one, of equally frequent ones the first.
    Returns:
        At most T rows, class by class; the smallest class whole.
    """
    kept = edited(Neighbourhood(data), np.arange(len(data.rows)), n_neighbors, kind_sel)
    return of_positions("enn", data, kept)


def edited(hood: Neighbourhood, kept: np.ndarray, n_neighbors: int, kind_sel: str) -> np.ndarray:
    """What one pass of ENN leaves of (K,) int64 positions, class by class; the smallest class of them whole."""
    stays = agree(hood.labels[kept], hood.labels[hood.nearest(kept, n_neighbors)], kind_sel)
    counts = np.bincount(hood.labels[kept], minlength=hood.n_classes)
    stays |= hood.labels[kept] == np.argmin(np.where(counts, counts, counts.max() + 1))
    left = kept[stays]
    found: np.ndarray = left[np.argsort(hood.labels[left], kind="stable")]
    return found


def _check_repeated(counts: Mapping[str, int], *, n_neighbors: int, kind_sel: str) -> None:
    check_rows("repeated_enn", counts, "n_neighbors", n_neighbors)


@sampler(
    label="Repeated ENN",
    reference="Tomek, IEEE Transactions on Systems, Man, and Cybernetics 6(6), 1976",
    check=_check_repeated,
    prior_effect="unknown",
    refuses="while building",
    n_neighbors=N_NEIGHBORS,
    kind_sel=KIND_SEL,
)
def repeated_enn(data: TrainingData, random_state: int, *, n_neighbors: int, kind_sel: str) -> TrainingPlan:
    """ENN again and again until nothing goes, or a larger class has become the smallest.

    Args:
        data, random_state, n_neighbors, kind_sel: as of ``enn``.
    Returns:
        At most T rows, class by class; the smallest class whole.
    """
    hood, kept = Neighbourhood(data), np.arange(len(data.rows))
    for _ in range(_MOST_PASSES):
        refuse_few("repeated_enn", data, kept, n_neighbors)
        before, kept = len(kept), edited(hood, kept, n_neighbors, kind_sel)
        if len(kept) == before or _is_beyond(hood, kept):
            break
    return of_positions("repeated_enn", data, kept)


_MOST_PASSES = 100


def _is_beyond(hood: Neighbourhood, kept: np.ndarray) -> bool:
    """Whether a class is now smaller than the smallest was, or gone."""
    counts, smallest = np.bincount(hood.labels[kept], minlength=hood.n_classes), first_smallest(hood.labels)
    others = np.delete(counts, smallest)
    return bool((others < (hood.labels == smallest).sum()).any())


def _check_all_knn(counts: Mapping[str, int], *, n_neighbors: int) -> None:
    check_rows("all_knn", counts, "n_neighbors", n_neighbors)


@sampler(
    label="AllKNN",
    reference="Tomek, IEEE Transactions on Systems, Man, and Cybernetics 6(6), 1976",
    check=_check_all_knn,
    prior_effect="unknown",
    refuses="while building",
    n_neighbors=N_NEIGHBORS,
)
def all_knn(data: TrainingData, random_state: int, *, n_neighbors: int) -> TrainingPlan:
    """ENN with one neighbour, then with two of what is left, and so on.

    It ends early where a larger class has become the smallest. There is no ``kind_sel`` as of ``enn``: of two
    neighbours, one of each class, the "mode" would be the class that happens to have the lower number.

    Args:
        data: T training rows, more than ``n_neighbors``.
        random_state: changes nothing.
        n_neighbors: how many neighbours are asked in the last pass; all of them must be of an image's class.
    Returns:
        At most T rows, class by class; the smallest class whole.
    """
    hood, kept = Neighbourhood(data), np.arange(len(data.rows))
    for k in range(1, n_neighbors + 1):
        refuse_few("all_knn", data, kept, k)
        kept = edited(hood, kept, k, "all")
        if _is_beyond(hood, kept):
            break
    return of_positions("all_knn", data, kept)
