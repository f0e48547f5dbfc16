"""What curves and tables of two-class scores share: test set, draws of patients, and intervals of numbers and lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from sweep.analysis.results import Results
from sweep.analysis.statistics.few_patients import FewPatients
from sweep.analysis.statistics.intervals import (
    distributions,
    estimate,
    n_patients,
    near_boundary,
    no_rate_near_boundary,
)
from sweep.analysis.statistics.predictions import TestSet

# A band is read by eye and costs more than a number.
BANDED = 500


@dataclass(frozen=True)
class TwoClassTest:
    """Two classes, both in the test split, with the bootstrap's weights beneath a first row of ones, and how many
    patients stand behind each metric."""

    test: TestSet
    positive: int
    is_positive: np.ndarray
    weights: np.ndarray
    behind: Mapping[str, float]
    few: FewPatients

    @property
    def networks(self) -> list[np.ndarray]:
        """(N,) bool of each of the networks that a trial is of: whose scores can be ranked together."""
        folds = self.test[0].test.folds
        if folds is None:
            return [np.ones(len(self.is_positive), dtype=bool)]
        return [folds == fold for fold in np.unique(folds)]

    def scores(self, technique: str) -> list[np.ndarray]:
        """(N,) of each seed, by which images are ranked: see ``Predictions.scores``."""
        return [trial.scores[:, self.positive] for trial in self.test.of(technique)]

    def probabilities(self, technique: str) -> list[np.ndarray]:
        """(N,) of each seed, of the positive class."""
        return [trial.probabilities[:, self.positive] for trial in self.test.of(technique)]


def two_class_test(results: Results, rng: np.random.Generator, samples: int) -> TwoClassTest | None:
    """None with more than two classes, where the test split was not opened, or where it lacks a class."""
    test = results.test_set if results.positive is not None else None
    if test is None or results.positive is None:
        return None
    is_positive = test.labels == results.positive
    if not is_positive.any() or is_positive.all():
        return None
    draws = test.draws(samples, rng)
    weights = np.vstack([np.ones((1, len(test.rows)), np.float32), draws.weights])
    behind = n_patients(test.labels, test.patients, results.positive)
    return TwoClassTest(test, results.positive, is_positive, weights, behind, draws.few)


def row_of(
    names: Sequence[str], seeds: Sequence[Sequence[np.ndarray]], patients: float, few: FewPatients, fewest: float = 0
) -> dict[str, float]:
    """Means and intervals of numbers, from each seed's (1 + J + B,) of each.

    Args:
        patients: as for ``near_boundary``.
        fewest: as for ``no_rate_near_boundary``; 0 where it is not meant.
    """
    row: dict[str, float] = {}
    for name, both in zip(names, np.stack([np.stack(list(seed)) for seed in seeds], axis=1), strict=True):
        found = near_boundary(estimate(both[:, 0], both[:, 1:], few), patients)
        found = no_rate_near_boundary(found, fewest)
        row |= {name: found.mean, f"{name}_low": found.low, f"{name}_high": found.high}
    return row


def line_of(
    technique: str, x: np.ndarray, both: np.ndarray, few: FewPatients | None, ends: tuple[float, float]
) -> pd.DataFrame:
    """technique, x, mean, low, high, from (S, 1 + J + B, G): the test split as it is, then ``patient_draws``.

    Without ``few`` there is no band: low and high are NaN.
    """
    if few is None:
        low = high = np.full(len(x), np.nan)
    else:
        low, high = distributions(both[:, 0], both[:, 1:], few).limits()
    limits = {"low": np.maximum(low, ends[0]), "high": np.minimum(high, ends[1])}
    shown = {name: np.where(np.isfinite(limit), limit, np.nan) for name, limit in limits.items()}
    shown = {"mean": both[:, 0].mean(axis=0), **shown}
    return pd.DataFrame({"technique": technique, "x": x, **shown})
