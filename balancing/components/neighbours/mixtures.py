"""Nearest neighbours among the rows of a plan, real ones and mixtures, without making the mixtures.

A mixture's product with any row follows from its parents': (b + w (m - b)) x = (1 - w) bx + w mx. So the products of
the parents with the real rows, which are few, give all distances.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from balancing.components.neighbours.real import EXCLUDED, scale_of, to_keys
from balancing.components.neighbours.spaces import Space
from balancing.components.plans import TrainingPlan

if TYPE_CHECKING:
    pass

# Products of parents with real rows, and distances, that are held at a time; both float64.
_PRODUCTS = 2**24
_DISTANCES = 2**20


def nearest_rows(space: Space, plan: TrainingPlan, nearest: np.ndarray) -> np.ndarray:
    """For each row of a plan the places of the k nearest other rows.

    Args:
        space: where distances are measured.
        plan: T real rows, none twice, then M mixtures of them with weights in [0, 1].
        nearest: (T, k) int64, for each real row the k nearest others among them, rows of the image set.
    Returns:
        (T + M, k) int64 in 0..T+M-1, nearest first; of equal distances the earlier place.
    """
    search, k = _Search(space, plan, len(nearest)), nearest.shape[1]
    best = torch.cat([search.among_real(nearest), torch.full((search.n_mixed, k), EXCLUDED)])
    for few in _blocks(search.order, max(1, _PRODUCTS // (2 * search.n_real))):
        products_PR, parents = search.products(few)
        for rows in _blocks(few, max(1, _DISTANCES // len(plan))):
            keys_MN = search.keys(rows, products_PR, parents)
            places = search.n_real + rows
            keys_MN[torch.arange(len(rows)), torch.from_numpy(places)] = EXCLUDED
            best[places] = keys_MN.topk(k, dim=1, largest=False, sorted=True).values
            # The same distances from the other side: a key of a real row names the mixture.
            seen = keys_MN[:, : search.n_real] - torch.arange(search.n_real) + torch.from_numpy(places)[:, None]
            seen = torch.cat([best[: search.n_real], seen.T], dim=1)
            best[: search.n_real] = seen.topk(k, dim=1, largest=False, sorted=True).values
    return best.remainder(len(plan)).numpy()


def _blocks(rows: np.ndarray, size: int) -> list[np.ndarray]:
    return [rows[first : first + size] for first in range(0, len(rows), size)]


class _Search:
    """One search: places, norms, and the scale that all keys have in common."""

    def __init__(self, space: Space, plan: TrainingPlan, n_real: int) -> None:
        self.space, self.rows = space, plan.base[:n_real]
        self.n_real, self.n_mixed = n_real, len(plan) - n_real
        mixed = slice(self.n_real, None)
        self.weight = torch.from_numpy(plan.weight[mixed])
        places = np.full(int(self.rows.max()) + 1, -1)
        places[self.rows] = np.arange(self.n_real)
        self.base, self.mate = places[plan.base[mixed]], places[plan.mate[mixed]]
        # By their bases, so that a block has few parents.
        self.order = np.argsort(self.base, kind="stable")
        self.norms = self.space.squared_norms(self.rows)
        # |b + w (m - b)|^2 = (1 - w) |b|^2 + w |m|^2 - w (1 - w) |m - b|^2
        gaps = self.space.squared_gaps(plan.base[mixed], plan.mate[mixed])
        self.mixed_norms = torch.lerp(self.norms[self.base], self.norms[self.mate], self.weight)
        self.mixed_norms -= self.weight * (1 - self.weight) * gaps
        self.places = torch.arange(len(plan))
        self.scale = scale_of(float(self.norms.max()), len(plan))

    def among_real(self, nearest: np.ndarray) -> torch.Tensor:
        """(T, k) int64: keys of each real row's nearest real rows, which are given."""
        places = np.argsort(self.rows)[np.searchsorted(np.sort(self.rows), nearest)]
        gaps = self.space.squared_gaps(np.repeat(self.rows, nearest.shape[1]), nearest.ravel()).reshape(places.shape)
        keys = (gaps * self.scale).round_().to(torch.int64) * len(self.places)
        return keys + torch.from_numpy(places)

    def products(self, mixed: np.ndarray) -> tuple[torch.Tensor, np.ndarray]:
        """(P, T) float64: products of these mixtures' parents with all real rows; and the (P,) parents' places."""
        parents = np.unique(np.concatenate([self.base[mixed], self.mate[mixed]]))
        return self.space.products(self.rows[parents], self.rows), parents

    def keys(self, mixed: np.ndarray, products_PR: torch.Tensor, parents: np.ndarray) -> torch.Tensor:
        """(m, T + M) int64: the distances of these mixtures from all rows, with the rows' places."""
        weight = self.weight[mixed][:, None]
        base, mate = (np.searchsorted(parents, places[mixed]) for places in (self.base, self.mate))
        with_real = torch.lerp(products_PR[base], products_PR[mate], weight)
        with_mixed = torch.lerp(with_real[:, self.base], with_real[:, self.mate], self.weight)
        squared = torch.cat([with_real, with_mixed], dim=1).mul_(-2)
        squared.add_(self.mixed_norms[mixed][:, None]).add_(torch.cat([self.norms, self.mixed_norms]))
        return to_keys(squared, self.scale, self.places)
