"""What curves and tables of two-class scores share: test set, draws of patients, and intervals of numbers and lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from sweep.analysis.results import Results
from sweep.analysis.statistics.distributions import OfPatients, of_patients, spread
from sweep.analysis.statistics.few_patients import FewPatients
from sweep.analysis.statistics.intervals import (
    estimate,
    n_patients,
    near_boundary,
    no_rate_near_boundary,
)
from sweep.analysis.statistics.predictions import TestSet
from sweep.analysis.statistics.seed_prior import SeedPrior, line_variances

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


def rows_of(
    names: Sequence[str],
    techniques: Mapping[str, Sequence[Sequence[np.ndarray]]],
    patients: float,
    few: FewPatients,
    fewest: float = 0,
) -> dict[str, dict[str, float]]:
    """Technique -> means and intervals of numbers, each a family over the techniques.

    Args:
        techniques: technique -> of each seed the (1 + J + B,) of each number.
        patients: as for ``near_boundary``.
        fewest: as for ``no_rate_near_boundary``; 0 where it is not meant.
    """
    rows: dict[str, dict[str, float]] = {technique: {} for technique in techniques}
    for place, name in enumerate(names):
        all_of_them = {technique: np.stack([seed[place] for seed in seeds]) for technique, seeds in techniques.items()}
        prior = SeedPrior.of_rows({t: (both[:, 0], both[:, 1:], few) for t, both in all_of_them.items()})
        for technique, both in all_of_them.items():
            found = estimate(both[:, 0], both[:, 1:], few, moderated=prior.of(technique))
            found = no_rate_near_boundary(near_boundary(found, patients), fewest)
            rows[technique] |= {name: found.mean, f"{name}_low": found.low, f"{name}_high": found.high}
    return rows


# Of one technique's line: (S, G) of each seed, and what patients say of it; None without a band.
Line = tuple[np.ndarray, OfPatients | None]


def line(both: np.ndarray, few: FewPatients | None) -> Line:
    """From (S, 1 + J + B, G): the test split as it is, then ``patient_draws``. Without ``few`` it has no band."""
    return both[:, 0], None if few is None else of_patients(both[:, 0], both[:, 1:], few)


def lines_of(x: np.ndarray, lines: Mapping[str, Line], ends: tuple[float, float]) -> pd.DataFrame:
    """technique, x, mean, low, high; the two are NaN where a line has no band.

    Args:
        x: (G,).
        lines: technique -> line.
        ends: of what the number can be.
    """
    banded = {name: (values, of_them) for name, (values, of_them) in lines.items() if of_them is not None}
    variances, parts = line_variances(banded), []
    for technique, (values, of_them) in lines.items():
        low = high = np.full(len(x), np.nan)
        if of_them is not None:
            low, high = spread(values, of_them, variances[technique]).limits()
        limits = {"low": np.maximum(low, ends[0]), "high": np.minimum(high, ends[1])}
        shown = {name: np.where(np.isfinite(limit), limit, np.nan) for name, limit in limits.items()}
        parts.append(pd.DataFrame({"technique": technique, "x": x, "mean": values.mean(axis=0), **shown}))
    return pd.concat(parts, ignore_index=True)
