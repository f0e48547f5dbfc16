"""Parallel coordinates: every configuration as a line."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from sweep.analysis.figures.style import GRID, WIDTH, Plot, style, technique_legend
from sweep.analysis.highlights import highlights
from sweep.analysis.hyperparameters.factors import SHARED_NAMES, ended_trials
from sweep.analysis.names import INK, colour, display_name, in_order, inline_name, marker, metric_name
from sweep.analysis.results import Results
from sweep.hyperparameters import HYPERPARAMETERS, shown_in

_SHARED = {shared.name: shared for shared in HYPERPARAMETERS}


def parallel_plot(run: Results) -> Plot | None:
    """Parallel coordinates: a line a configuration through its hyperparameters to its validation metric.

    Returns:
        None with fewer than two configurations, or where no shared hyperparameter varied.
    """
    trials = ended_trials(run)
    if trials.empty:
        return None
    metric = run.metric
    known = [shared.name for shared in shown_in(trials.columns)]
    of_each = trials.groupby("configuration", sort=False)
    lines = of_each[["technique", *known]].first().assign(value=of_each["value"].mean(), seeds=of_each.size())
    varied = [name for name in known if lines[name].nunique() > 1]
    if len(lines) < 2 or not varied:
        return None
    techniques = in_order(lines["technique"])
    few = highlights(run, techniques)
    techniques = _spread(techniques, few)
    shown = ["technique"] * (len(techniques) > 1) + varied
    chosen = set(run.chosen_trials()["configuration"])
    with style():
        figure = Figure(figsize=(WIDTH * 1.6, 3.9), layout="constrained")
        axes = figure.add_subplot()
        scales = [_Scale(lines[name], name, techniques, few) for name in shown] + [_Scale(lines["value"], "value", [])]
        _lines(axes, lines, [*shown, "value"], scales, chosen, few)
        for place, scale in enumerate(scales):
            _axis(axes, place, scale, last=place == len(scales) - 1)
        heads = [SHARED_NAMES[scale.name] + " (log)" * scale.log for scale in scales[:-1]] + [metric_name(metric)]
        axes.set_xticks(range(len(heads)), heads)
        axes.tick_params(axis="x", length=0, pad=9)
        axes.set_yticks([])
        axes.set_ylim(-0.06, 1.06)
        axes.set_xlim(-0.12, len(heads) - 1 + 0.32)
        for edge in axes.spines.values():
            edge.set_visible(False)
        technique_legend(figure, few, others=len(techniques) - len(few))
    caption = _parallel_caption(run, lines, metric, shown, chosen)
    if len(few) < len(techniques):
        caption += f" {len(few)} of {len(techniques)} techniques have their chosen configuration in colour."
    alt = (
        f"Parallel coordinates: {len(lines)} configurations of {len(techniques)} techniques as lines through "
        f"{', '.join(SHARED_NAMES[name].lower() for name in shown)} to validation {inline_name(metric)}."
    )
    return Plot("parallel_coordinates", "Every configuration", figure, caption, alt, wide=True)


def _spread(techniques: list[str], few: Sequence[str]) -> list[str]:
    """The techniques with the few that have a label as far apart as they can be; as they are where all have one."""
    others = np.array_split(np.array([name for name in techniques if name not in few], dtype=object), len(few))
    return [name for one, own in zip(few, others, strict=True) for name in (one, *own)]


class _Scale:
    """Where a value stands on its axis, 0 below to 1 above, and the ticks there."""

    def __init__(self, values: pd.Series, name: str, techniques: list[str], few: Sequence[str] = ()):
        self.name, self.techniques, self.shared = name, techniques, _SHARED.get(name)
        self.log = self.shared is not None and self.shared.logarithmic(values)
        if name == "technique":
            self.low, self.high = float(len(techniques) - 1), 0.0  # the first above
            self.ticks = [(float(i), display_name(t)) for i, t in enumerate(techniques) if t in few]
            return
        numbers = self._number(values)
        self.low, self.high = float(numbers.min()), float(numbers.max())
        self.ticks = self._ticks(values)

    def _number(self, values: Any) -> np.ndarray:
        if self.name == "technique":
            return np.array([self.techniques.index(value) for value in values], dtype=float)
        numbers = np.asarray(values, dtype=float)
        return np.log10(numbers) if self.log else numbers

    def place(self, values: Any) -> np.ndarray:
        span = self.high - self.low
        numbers = self._number(values)
        return (numbers - self.low) / span if span else np.full(len(numbers), 0.5)

    def _ticks(self, values: pd.Series) -> list[tuple[float, str]]:
        distinct = np.unique(values.to_numpy(dtype=float))
        if len(distinct) > 6 or self.name == "value":
            distinct = self._round_numbers(distinct)
        pattern = "{:.0f}" if self.shared is not None and self.shared.kind is int else "{:.3g}"
        kept: list[tuple[float, str]] = []
        for number, value in zip(self._number(distinct), distinct, strict=True):
            apart = not kept or (number - kept[-1][0]) > 0.05 * (self.high - self.low)
            if apart:
                kept.append((float(number), pattern.format(value)))
        return kept

    def _round_numbers(self, values: np.ndarray) -> np.ndarray:
        """A few round numbers within the values; the values themselves where fewer than two are."""
        if self.log:
            exponents = np.arange(np.floor(self.low), self.high + 1)
            found = np.outer(10.0**exponents, [1, 3] if self.high - self.low > 0.7 else [1, 1.5, 2, 3, 5, 7]).ravel()
        else:
            found = np.asarray(MaxNLocator(nbins=6).tick_values(self.low, self.high))
        found = found[(found >= values[0]) & (found <= values[-1])]
        return found if len(found) > 1 else values[[0, -1]] if len(values) > 1 else values


def _lines(
    axes: Axes, lines: pd.DataFrame, names: list[str], scales: list[_Scale], chosen: set[str], few: Sequence[str]
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
        is_chosen = configuration in chosen and technique in few
        axes.plot(
            x,
            y,
            color=colour(technique) if technique in few else GRID,
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
    constant = [key for key in _SHARED if key in lines and key not in shown]
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
