"""Cleaning around the smallest class: the neighbourhood cleaning rule, and one-sided selection.

Draws, which images go, and the order of the rest are as in imbalanced-learn.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from balancing.components.axes import TrainingData
from balancing.components.decorators import sampler
from balancing.components.plans import TrainingPlan
from balancing.components.ranges import Choice, FloatRange, IntRange
from balancing.components.samplers.cleaning import edited, of_positions, without_links
from balancing.components.samplers.neighbourhood import Neighbourhood, check_rows, first_smallest, most_frequent


def _check_ncr(counts: Mapping[str, int], *, n_neighbors: int, threshold_cleaning: float) -> None:
    check_rows("ncr", counts, "n_neighbors", n_neighbors)


@sampler(
    label="Neighbourhood cleaning",
    reference="Laurikkala, AIME 2001",
    check=_check_ncr,
    prior_effect="unknown",
    refuses="while building",
    n_neighbors=Choice((3, 5, 7), default=3),
    threshold_cleaning=FloatRange(0.5, 3.0, default=0.5, minimum=0.001, maximum=1e6),
)
def ncr(data: TrainingData, random_state: int, *, n_neighbors: int, threshold_cleaning: float) -> TrainingPlan:
    """Larger classes lose images that their neighbours outvote, and those that outvote images of the smallest class.

    Args:
        data: T training rows, more than ``n_neighbors``.
        random_state: changes nothing.
        n_neighbors: how many neighbours are asked. An image of the smallest class has a vote of its own among them.
        threshold_cleaning: only classes with more than so many times the smallest's images lose those that outvote it;
            below 1 all do.
    Returns:
        At most T rows, in their order; the smallest class whole.
    """
    hood, every = Neighbourhood(data), np.arange(len(data.rows))
    stays = np.zeros(len(every), dtype=bool)
    stays[edited(hood, every, n_neighbors, "mode")] = True
    small = every[hood.labels == first_smallest(hood.labels)]
    nearest = hood.nearest(every, n_neighbors)[small]
    voters = np.column_stack([small, nearest[:, : n_neighbors - 1]])
    outvoted = most_frequent(hood.labels[voters]) != hood.labels[small]
    guilty = np.unique(nearest[outvoted])
    counts = data.class_counts
    cleaned = counts > threshold_cleaning * len(small)
    cleaned[np.argmin(counts)] = False
    stays[guilty[cleaned[hood.labels[guilty]]]] = False
    return of_positions("ncr", data, np.flatnonzero(stays))


def _check_selection(counts: Mapping[str, int], *, n_seeds_S: int) -> None:
    check_rows("one_sided_selection", counts, "n_neighbors", 1)


@sampler(
    label="One-sided selection",
    reference="Kubat & Matwin, ICML 1997",
    check=_check_selection,
    prior_effect="unknown",
    refuses="while building",
    n_seeds_S=IntRange(1, 20, default=1, maximum=1000),
)
def one_sided_selection(data: TrainingData, random_state: int, *, n_seeds_S: int) -> TrainingPlan:
    """Larger classes keep images nearer to the smallest class than to a few random ones of their own, less Tomek links.

    Args:
        data: T training rows.
        random_state: 0..2**32-1; draws the random images of each larger class.
        n_seeds_S: how many are drawn, with replacement; one that is drawn twice stays twice, as in imbalanced-learn.
    Returns:
        Rows class by class; the smallest class whole.
    """
    rng = np.random.RandomState(random_state)
    hood, spared = Neighbourhood(data), int(np.argmin(data.class_counts))
    smallest = np.flatnonzero(hood.labels == first_smallest(hood.labels))
    kept = []
    for label in range(data.n_classes):
        own = np.flatnonzero(hood.labels == label)
        if label == spared:
            kept.append(own)
            continue
        seeds = own[rng.randint(len(own), size=n_seeds_S)]
        rest = own[~np.isin(own, seeds)]
        pool = data.rows[np.append(smallest[~np.isin(smallest, seeds)], np.unique(seeds))]
        nearest = data.nearest(data.rows[rest], pool, 1)[:, 0] if len(rest) and len(pool) > 1 else data.rows[rest]
        kept.append(np.append(seeds, rest[data.labels[nearest] != label]))
    return of_positions("one_sided_selection", data, without_links(hood, np.concatenate(kept), spared))
