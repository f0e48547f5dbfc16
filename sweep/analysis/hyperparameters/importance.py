"""How much each hyperparameter matters for the validation metric, and how configurations compare."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from sweep.analysis.figures.style import WIDTH, Plot, light_grid, style, technique_legend
from sweep.analysis.names import INK, colour, display_name, in_order, inline_name, marker, metric_name
from sweep.analysis.results import Results

FOLDS = 5
REPEATS = 20
_TREES = 100
_FEWEST_TRIALS = 10
# Below: a number, but with a warning.
FEW_CONFIGURATIONS = 20
# A forest that explains less of the variance says nothing about its factors.
LITTLE = 0.1

SHARED_NAMES = {
    "technique": "Technique",
    "lr": "Learning rate",
    "epochs": "Epochs",
    "strength": "Strength",
    "batch_size": "Batch size",
    "seed": "Seed",
}


def ended_trials(run: Results) -> pd.DataFrame:
    """The rows of ``Run.trials()`` that ended with a value of the selection metric, a column ``value`` added."""
    trials = run.trials()
    if trials.empty:
        return trials.assign(value=[])
    metric = run.metric
    usable = trials[trials["status"].isin(("done", "stopped")) & trials[metric].notna()]
    return usable.assign(value=usable[metric].astype(float)).reset_index(drop=True)


def factor_name(factor: str) -> str:
    """``smote.k_neighbors`` -> ``SMOTE: k neighbors``."""
    if factor in SHARED_NAMES:
        return SHARED_NAMES[factor]
    technique, _, parameter = factor.partition(".")
    return f"{display_name(technique)}: {parameter.replace('_', ' ')}"


def percent(share: float) -> str:
    """``71 %``; nothing below 0."""
    return f"{100 * max(share, 0.0):.0f}\N{NO-BREAK SPACE}%"


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

    Learning rates enter as logarithms. A technique's own parameter is its median for the others, and a choice of
    words is numbered in alphabetical order.

    Args:
        trials: from ``ended_trials``.
    """
    found: dict[str, np.ndarray] = {}
    everywhere = np.ones(len(trials), dtype=bool)
    rows: dict[str, np.ndarray] = {}
    names = in_order(trials["technique"])
    found["technique"] = np.stack([(trials["technique"] == name).to_numpy(dtype=float) for name in names], axis=1)
    for name in ("lr", "epochs", "strength", "batch_size"):
        values = trials[name].to_numpy(dtype=float)
        found[name] = np.log10(values) if name == "lr" else values
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


def importance_plot(found: Importance, metric: str) -> Plot:
    """A bar a factor, with the range over shuffles.

    Args:
        metric: the selection metric's name, e.g. ``balanced_accuracy``.
    """
    table = found.table.iloc[:12]
    with style():
        figure = Figure(figsize=(WIDTH, 0.9 + 0.32 * len(table)), layout="constrained")
        axes = figure.add_subplot()
        light_grid(axes, "x")
        places = np.arange(len(table))
        axes.barh(places, table["importance"], height=0.55, color="#0072b2", zorder=2)
        axes.hlines(places, table["low"], table["high"], color=INK, linewidth=1.2, zorder=3)
        axes.axvline(0, color=INK, linewidth=0.7)
        axes.set_yticks(places, [factor_name(name) for name in table["factor"]])
        axes.set_ylim(len(table) - 0.4, -0.6)
        axes.tick_params(axis="y", length=0)
        axes.set_xlabel("Share of the variance between trials")
    caption = (
        f"What validation {inline_name(metric)} hangs on, over {found.trials} trials of {found.configurations} "
        "configurations: the share of its variance that each factor accounts for, alone and with others, from how much "
        "worse a random forest tells held-out trials when the factor's values are shuffled. "
        f"Black lines: the middle 95 % of {REPEATS} shuffles. "
        f"Unshuffled, the forest explains {percent(found.explained)} of the variance"
    )
    caption += "." if found.explained >= LITTLE else ", so hardly anything can be read from these bars."
    if len(found.table) > len(table):
        caption += f" The {len(found.table) - len(table)} least important are left out."
    first = table.iloc[0]
    alt = (
        f"Bar chart of the importance of {len(table)} hyperparameters; the longest bar is "
        f"{factor_name(first['factor'])} at {first['importance']:.2f}."
    )
    return Plot("hyperparameter_importance", "What the metric hangs on", figure, caption, alt)


_AXES = ("technique", "lr", "epochs", "strength", "batch_size")


def parallel_plot(run: Results) -> Plot | None:
    """Parallel coordinates: a line a configuration through its hyperparameters to its validation metric.

    Returns:
        None with fewer than two configurations, or where no shared hyperparameter varied.
    """
    trials = ended_trials(run)
    if trials.empty:
        return None
    metric = run.metric
    shared = trials.groupby("configuration", sort=False)
    lines = shared[list(_AXES)].first().assign(value=shared["value"].mean(), seeds=shared.size())
    varied = [name for name in _AXES[1:] if lines[name].nunique() > 1]
    if len(lines) < 2 or not varied:
        return None
    techniques = in_order(lines["technique"])
    shown = ["technique"] * (len(techniques) > 1) + varied
    chosen = set(run.chosen_trials()["configuration"])
    with style():
        figure = Figure(figsize=(WIDTH * 1.6, 3.9), layout="constrained")
        axes = figure.add_subplot()
        scales = [_Scale(lines[name], name, techniques) for name in shown] + [_Scale(lines["value"], "value", [])]
        _lines(axes, lines, [*shown, "value"], scales, techniques, chosen)
        for place, scale in enumerate(scales):
            _axis(axes, place, scale, last=place == len(scales) - 1)
        heads = [*(SHARED_NAMES[name] + (" (log)" if name == "lr" else "") for name in shown), metric_name(metric)]
        axes.set_xticks(range(len(heads)), heads)
        axes.tick_params(axis="x", length=0, pad=9)
        axes.set_yticks([])
        axes.set_ylim(-0.06, 1.06)
        axes.set_xlim(-0.12, len(heads) - 1 + 0.32)
        for edge in axes.spines.values():
            edge.set_visible(False)
        technique_legend(figure, techniques)
    caption = _parallel_caption(run, lines, metric, shown, chosen)
    alt = (
        f"Parallel coordinates: {len(lines)} configurations of {len(techniques)} techniques as lines through "
        f"{', '.join(SHARED_NAMES[name].lower() for name in shown)} to validation {inline_name(metric)}."
    )
    return Plot("parallel_coordinates", "Every configuration", figure, caption, alt, wide=True)


class _Scale:
    """Where a value stands on its axis, 0 below to 1 above, and the ticks there."""

    def __init__(self, values: pd.Series, name: str, techniques: list[str]):
        self.name, self.techniques = name, techniques
        if name == "technique":
            self.low, self.high = float(len(techniques) - 1), 0.0  # the first above
            self.ticks = [(float(i), display_name(t)) for i, t in enumerate(techniques)]
            return
        numbers = self._number(values)
        self.low, self.high = float(numbers.min()), float(numbers.max())
        self.ticks = self._ticks(values)

    def _number(self, values: Any) -> np.ndarray:
        if self.name == "technique":
            return np.array([self.techniques.index(value) for value in values], dtype=float)
        numbers = np.asarray(values, dtype=float)
        return np.log10(numbers) if self.name == "lr" else numbers

    def place(self, values: Any) -> np.ndarray:
        span = self.high - self.low
        numbers = self._number(values)
        return (numbers - self.low) / span if span else np.full(len(numbers), 0.5)

    def _ticks(self, values: pd.Series) -> list[tuple[float, str]]:
        distinct = np.unique(values.to_numpy(dtype=float))
        if len(distinct) > 6 or self.name == "value":
            distinct = self._round_numbers(distinct)
        pattern = "{:.3g}" if self.name in ("lr", "strength", "value") else "{:.0f}"
        kept: list[tuple[float, str]] = []
        for number, value in zip(self._number(distinct), distinct, strict=True):
            apart = not kept or (number - kept[-1][0]) > 0.05 * (self.high - self.low)
            if apart:
                kept.append((float(number), pattern.format(value)))
        return kept

    def _round_numbers(self, values: np.ndarray) -> np.ndarray:
        """A few round numbers within the values; the values themselves where fewer than two are."""
        if self.name == "lr":
            exponents = np.arange(np.floor(self.low), self.high + 1)
            found = np.outer(10.0**exponents, [1, 3] if self.high - self.low > 0.7 else [1, 1.5, 2, 3, 5, 7]).ravel()
        else:
            found = np.asarray(MaxNLocator(nbins=6).tick_values(self.low, self.high))
        found = found[(found >= values[0]) & (found <= values[-1])]
        return found if len(found) > 1 else values[[0, -1]] if len(values) > 1 else values


def _lines(
    axes: Axes, lines: pd.DataFrame, names: list[str], scales: list[_Scale], techniques: list[str], chosen: set[str]
) -> None:
    """Curves that leave and reach each axis level, so that they can be followed across it."""
    heights = np.stack([scale.place(lines[name]) for name, scale in zip(names, scales, strict=True)], axis=1)
    for column, name in enumerate(names[:-1]):
        heights[:, column] += _beside(lines, heights[:, column], name)
    steps = np.linspace(0, 1, 25)
    smooth = steps**2 * (3 - 2 * steps)
    x = np.concatenate([column + steps for column in range(len(names) - 1)])
    for (configuration, row), height in zip(lines.iterrows(), heights, strict=True):
        technique = str(row["technique"])
        y = np.concatenate([a + (b - a) * smooth for a, b in pairwise(height)])
        is_chosen = configuration in chosen
        axes.plot(
            x,
            y,
            color=colour(technique),
            linewidth=2.2 if is_chosen else 0.8,
            alpha=1.0 if is_chosen else 0.45,
            zorder=4 if is_chosen else 2,
        )
        if is_chosen:
            axes.plot(x[-1], y[-1], color=colour(technique), marker=marker(technique), markersize=5.5, zorder=5)


def _beside(lines: pd.DataFrame, heights: np.ndarray, name: str) -> np.ndarray:
    """Small steps that keep lines through one tick apart, in the order of their results."""
    moved = np.zeros(len(lines))
    gaps = np.diff(np.unique(heights))
    room = 0.28 * min(float(gaps.min()) if len(gaps) else 0.3, 0.16)
    for height in np.unique(heights):
        there = np.flatnonzero(heights == height)
        if len(there) > 1:
            order = np.argsort(lines["value"].to_numpy()[there], kind="stable")
            reach = room * min(1.0, len(there) / 6)
            moved[there[order]] = np.linspace(-reach, reach, len(there))
    return moved


def _axis(axes: Axes, place: int, scale: _Scale, *, last: bool) -> None:
    axes.plot([place, place], [0, 1], color=INK, linewidth=0.8, zorder=3)
    span = scale.high - scale.low
    for value, label in scale.ticks:
        height = (value - scale.low) / span if span else 0.5
        axes.plot([place - 0.012, place + 0.012], [height, height], color=INK, linewidth=0.8, zorder=3)
        beside = place + (0.06 if last else -0.03)
        axes.text(beside, height, label, va="center", ha="left" if last else "right", fontsize=8.5, zorder=6)


def _parallel_caption(run: Results, lines: pd.DataFrame, metric: str, shown: list[str], chosen: set[str]) -> str:
    name = inline_name(metric)
    seeds = int(lines["seeds"].max())
    text = f"Each of the {len(lines)} configurations as a line, to its validation {name}"
    text += f" (mean over up to {seeds} seeds). " if seeds > 1 else ". "
    if chosen:
        text += "Thick with a marker: the one chosen for its technique. "
    constant = [key for key in _AXES[1:] if key not in shown]
    if constant:
        first = lines.iloc[0]
        text += "Not shown, the same everywhere: "
        text += ", ".join(f"{SHARED_NAMES[key].lower()} {first[key]:.3g}" for key in constant) + ". "
    best = lines.iloc[int(lines["value"].to_numpy().argmax())]
    quarter = lines.sort_values("value", ascending=False, kind="stable").iloc[: max(1, len(lines) // 4)]
    text += f"Highest: {display_name(str(best['technique']))} at {best['value']:.3f}"
    low, high = quarter["lr"].min(), quarter["lr"].max()
    if "lr" in shown and low < high:
        text += f"; the best quarter has learning rates from {low:.2g} to {high:.2g}"
    return text + "."
