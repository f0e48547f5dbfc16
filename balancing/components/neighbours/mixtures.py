"""Nearest neighbours among the rows of a plan, real ones and mixtures, without making the mixtures.

A mixture's product with any row follows from its parents': (b + w (m - b)) x = (1 - w) bx + w mx. So the products of
the parents with the real rows, which are few, give all distances.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from balancing.components.neighbours.real import EXCLUDED, scale_of, to_keys
from balancing.components.plans import TrainingPlan

if TYPE_CHECKING:
    from balancing.components.axes import TrainingData

# Products of parents with real rows, and distances, that are held at a time; both float64.
_PRODUCTS = 2**24
_DISTANCES = 2**20


def nearest_rows(data: TrainingData, plan: TrainingPlan, k: int) -> np.ndarray:
    """For each row of a plan the places of the k nearest other rows.

    Args:
        data: what the plan was made of.
        plan: the T training rows in their order, then M mixtures with weights in [0, 1].
        k: in 1..T-1.
    Returns:
        (T + M, k) int64 in 0..T+M-1, nearest first; of equal distances the earlier place.
    """
    search = _Search(data, plan, k)
    best = torch.cat([search.among_real(), torch.full((search.n_mixed, k), EXCLUDED)])
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

    def __init__(self, data: TrainingData, plan: TrainingPlan, k: int) -> None:
        self.data, self.k, self.space = data, k, data.space
        self.n_real, self.n_mixed = len(data.rows), len(plan) - len(data.rows)
        mixed = slice(self.n_real, None)
        self.weight = torch.from_numpy(plan.weight[mixed])
        places = np.full(int(data.rows.max()) + 1, -1)
        places[data.rows] = np.arange(self.n_real)
        self.base, self.mate = places[plan.base[mixed]], places[plan.mate[mixed]]
        # By their bases, so that a block has few parents.
        self.order = np.argsort(self.base, kind="stable")
        self.norms = self.space.squared_norms(data.rows)
        self.mixed_norms = torch.empty(self.n_mixed, dtype=torch.float64)
        for rows in _blocks(np.arange(self.n_mixed), 256):
            self.mixed_norms[rows] = self._mixed_norms(rows)
        self.places = torch.arange(len(plan))
        self.scale = scale_of(float(self.norms.max()), len(plan))

    def _mixed_norms(self, rows: np.ndarray) -> torch.Tensor:
        base, mate, weight = self.base[rows], self.mate[rows], self.weight[rows]
        parents, where = np.unique(np.concatenate([base, mate]), return_inverse=True)
        products_PP = self.space.products(self.data.rows[parents], self.data.rows[parents])
        crossed = products_PP[where[: len(rows)], where[len(rows) :]]
        rest = 1 - weight
        found: torch.Tensor = (
            rest.square() * self.norms[base] + weight.square() * self.norms[mate] + 2 * rest * weight * crossed
        )
        return found

    def among_real(self) -> torch.Tensor:
        """(T, k) int64: keys of each real row's nearest real rows."""
        rows = self.data.rows
        nearest = self.data.nearest(rows, rows, self.k)
        places = np.argsort(rows)[np.searchsorted(np.sort(rows), nearest)]
        keys = torch.empty(places.shape, dtype=torch.int64)
        for few in _blocks(np.arange(self.n_real), 64):
            others, where = np.unique(places[few], return_inverse=True)
            products_FO = self.space.products(rows[few], rows[others])
            crossed = products_FO.gather(1, torch.from_numpy(where.reshape(len(few), self.k)))
            squared = crossed.mul_(-2).add_(self.norms[few][:, None]).add_(self.norms[places[few]])
            keys[few] = (squared.clamp_(min=0) * self.scale).round_().to(torch.int64) * len(self.places)
        return keys + torch.from_numpy(places)

    def products(self, mixed: np.ndarray) -> tuple[torch.Tensor, np.ndarray]:
        """(P, T) float64: products of these mixtures' parents with all real rows; and the (P,) parents' places."""
        parents = np.unique(np.concatenate([self.base[mixed], self.mate[mixed]]))
        return self.space.products(self.data.rows[parents], self.data.rows), parents

    def keys(self, mixed: np.ndarray, products_PR: torch.Tensor, parents: np.ndarray) -> torch.Tensor:
        """(m, T + M) int64: the distances of these mixtures from all rows, with the rows' places."""
        weight = self.weight[mixed][:, None]
        base, mate = (np.searchsorted(parents, places[mixed]) for places in (self.base, self.mate))
        with_real = torch.lerp(products_PR[base], products_PR[mate], weight)
        with_mixed = torch.lerp(with_real[:, self.base], with_real[:, self.mate], self.weight)
        squared = torch.cat([with_real, with_mixed], dim=1).mul_(-2)
        squared.add_(self.mixed_norms[mixed][:, None]).add_(torch.cat([self.norms, self.mixed_norms]))
        return to_keys(squared, self.scale, self.places)
