"""How much each hyperparameter matters for the validation metric."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from sweep.analysis.hyperparameters.factors import Factors, ended_trials, factors
from sweep.analysis.results import Results

FOLDS = 5
REPEATS = 20
_TREES = 100
_FEWEST_TRIALS = 10
# Below: a number, but with a warning.
FEW_CONFIGURATIONS = 20
# A forest that explains less of the variance says nothing about its factors.
LITTLE = 0.1


@dataclass(frozen=True)
class Importance:
    """How much of the spread between trials hangs on each factor.

    Args:
        table: factor, importance (its share of the variance between trials), low, high (the middle 95 % over
            shuffles), most important first.
        explained: R2 of the forest on held-out trials; at most 1, below 0 where it knows less than the mean.
        trials, configurations: behind it.
        constant: factors that had one value alone.
    """

    table: pd.DataFrame
    explained: float
    trials: int
    configurations: int
    constant: list[str]


def importance(run: Results, rng: np.random.Generator) -> Importance | None:
    """Permutation importance of each hyperparameter for the validation metric, in a random forest of the trials.

    The forest learns four fifths of the configurations and is asked about the others, five times round: all seeds of a
    configuration are on one side, so what it merely memorised counts for nothing;
    importances near 0 or below are none. Shuffling an independent factor adds twice the
    variance that it accounts for, alone and with others, to the squared error: half of that is its share.

    Args:
        rng: of folds, forests and shuffles.
    Returns:
        None with fewer than ten trials or five configurations, where nothing varied, or where every trial has the same
        value.
    Reference: Breiman, Machine Learning 45, 2001 (permutation); Gregorutti et al., Statistics and Computing 27, 2017
        (its half is a variance); Hutter et al., ICML 2014 (forests over configurations).
    """
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.model_selection import GroupKFold

    trials = ended_trials(run)
    few = len(trials) < _FEWEST_TRIALS or trials["configuration"].nunique() < FOLDS
    if few or np.ptp(trials["value"].to_numpy()) == 0:
        return None
    found = factors(trials)
    if not found.columns:
        return None
    y = trials["value"].to_numpy()
    state = int(rng.integers(2**31))
    missed = np.zeros(len(y))
    worse = {name: np.zeros((REPEATS, len(y))) for name in found.columns}
    folds = GroupKFold(FOLDS, shuffle=True, random_state=state)
    for train, test in folds.split(found.x, groups=trials["configuration"]):
        forest = RandomForestRegressor(_TREES, min_samples_leaf=2, random_state=state).fit(found.x[train], y[train])
        missed[test] = (forest.predict(found.x[test]) - y[test]) ** 2
        for name, columns in found.columns.items():
            shuffled = np.concatenate([_shuffled(found, name, columns, test, rng) for _ in range(REPEATS)])
            told = forest.predict(shuffled).reshape(REPEATS, len(test))
            worse[name][:, test] = (told - y[test]) ** 2
    spread = ((y - y.mean()) ** 2).sum()
    rows = []
    for name, errors in worse.items():
        shares = (errors.sum(axis=1) - missed.sum()) / spread / 2
        low, high = np.quantile(shares, (0.025, 0.975))
        rows.append({"factor": name, "importance": float(shares.mean()), "low": float(low), "high": float(high)})
    table = pd.DataFrame(rows).sort_values("importance", ascending=False, kind="stable").reset_index(drop=True)
    explained = float(1 - missed.sum() / spread)
    return Importance(table, explained, len(y), int(trials["configuration"].nunique()), found.constant)


def _shuffled(found: Factors, name: str, columns: list[int], test: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(n, F): the held-out trials with one factor's values dealt out anew among all trials that have it."""
    x = found.x[test].copy()
    concerned = np.flatnonzero(found.rows[name][test])
    # From all trials, for a fold may hold one value alone.
    donors = rng.choice(np.flatnonzero(found.rows[name]), len(concerned))
    x[concerned[:, None], columns] = found.x[donors[:, None], columns]
    return x
