"""A run's trials as numbers: which hyperparameters they varied, and how these are called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from sweep.analysis.names import display_name, in_order
from sweep.analysis.results import Results
from sweep.hyperparameters import HYPERPARAMETERS, shown_in

SHARED_NAMES = {
    "technique": "Technique",
    **{shared.name: shared.label for shared in HYPERPARAMETERS},
    "seed": "Seed",
}


def ended_trials(run: Results) -> pd.DataFrame:
    """The rows of ``Run.trials()`` that ended with a value of the selection metric, a column ``value`` added.

    Those that explored alone, where fresh seeds confirm what these chose: nothing varied among the others.
    """
    trials = run.trials()
    if trials.empty:
        return trials.assign(value=[])
    if not trials["fresh"].all():
        trials = trials[~trials["fresh"].astype(bool)]
    metric = run.metric
    usable = trials[trials["status"].isin(("done", "stopped")) & trials[metric].notna()]
    return usable.assign(value=usable[metric].astype(float)).reset_index(drop=True)


def factor_name(factor: str) -> str:
    """``smote.k_neighbors`` -> ``SMOTE: k neighbors``."""
    if factor in SHARED_NAMES:
        return SHARED_NAMES[factor]
    technique, _, parameter = factor.partition(".")
    return f"{display_name(technique)}: {parameter.replace('_', ' ')}"


@dataclass(frozen=True)
class Factors:
    """Trials as numbers for a forest.

    Args:
        x: (N, F) float64.
        columns: factor -> its columns of ``x``; factors with one value alone are left out.
        rows: factor -> (N,) bool, the trials that it can change: a technique's own parameter only that technique's.
        constant: the factors left out.
    """

    x: np.ndarray
    columns: Mapping[str, list[int]]
    rows: Mapping[str, np.ndarray]
    constant: list[str]


def factors(trials: pd.DataFrame) -> Factors:
    """Technique (one column each), the shared hyperparameters, each technique's own, and the seed.

    Those that are drawn so enter as logarithms. A technique's own parameter is its median for the others, and a choice
    of words is numbered in alphabetical order.

    Args:
        trials: from ``ended_trials``.
    """
    found: dict[str, np.ndarray] = {}
    everywhere = np.ones(len(trials), dtype=bool)
    rows: dict[str, np.ndarray] = {}
    names = in_order(trials["technique"])
    found["technique"] = np.stack([(trials["technique"] == name).to_numpy(dtype=float) for name in names], axis=1)
    for shared in shown_in(trials.columns):
        found[shared.name] = shared.scaled(trials[shared.name])
    for technique in names:
        own = (trials["technique"] == technique).to_numpy()
        given = trials["parameters"][own]
        for parameter in sorted({key for values in given for key in values}):
            values = _as_numbers([values.get(parameter) for values in given])
            column = np.full(len(trials), np.nanmedian(values))
            column[own] = values
            found[f"{technique}.{parameter}"] = column
            rows[f"{technique}.{parameter}"] = own
    found["seed"] = trials["seed"].to_numpy(dtype=float)

    columns: dict[str, list[int]] = {}
    blocks: list[np.ndarray] = []
    constant = []
    for name, values in found.items():
        block = values.reshape(len(trials), -1)
        if len(np.unique(block, axis=0)) < 2:
            constant.append(name)
            continue
        start = sum(b.shape[1] for b in blocks)
        columns[name] = list(range(start, start + block.shape[1]))
        blocks.append(block)
    x = np.concatenate(blocks, axis=1) if blocks else np.zeros((len(trials), 0))
    return Factors(x, columns, {name: rows.get(name, everywhere) for name in columns}, constant)


def _as_numbers(values: list[Any]) -> np.ndarray:
    """Numbers as they are; words by their place in the alphabet. An absent one is the median of the others."""
    if all(isinstance(v, int | float) or v is None for v in values):
        numbers = np.array([np.nan if v is None else float(v) for v in values])
    else:
        words = sorted({str(v) for v in values})
        numbers = np.array([words.index(str(v)) for v in values], dtype=float)
    return np.where(np.isnan(numbers), np.nanmedian(numbers), numbers)
