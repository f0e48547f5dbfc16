"""The forest plot: each technique's paired difference to the baseline, with its interval and its seeds."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from textwrap import wrap

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from sweep.analysis.figures.style import GRID, WIDTH, Plot, light_grid, style
from sweep.analysis.figures.text import first_few, signed
from sweep.analysis.highlights import DECISIONS, MOST, by_kind, highlights, kind_of
from sweep.analysis.names import INK, colour, display_name, inline_name, marker
from sweep.analysis.results import Results
from sweep.analysis.statistics.significance import significant

_MANY = " By kind, the largest difference first; in colour: those that the other figures show in colour too."


def forest_plot(run: Results, metric: str | None = None) -> Plot | None:
    """Differences in ``metric`` (by default the one selected by) on the test split; None where there is none.

    More techniques than readers tell apart stand by kind, the highest difference of each kind first.
    """
    name = metric or run.metric
    table = run.differences(name)
    if table.empty:
        return None
    seeds = run.seed_differences(name)
    many = len(table) > MOST
    with style():
        of_each = {str(technique): own for technique, own in seeds.groupby("technique")["difference"]}
        figure = _by_kind(table, of_each, highlights(run)) if many else _one_by_one(table, of_each)
        label = f"Difference to the baseline in test {inline_name(name)}"
        # Beneath the names too, which take much of the width.
        _ = figure.supxlabel(label, fontsize=9.5) if many else figure.axes[0].set_xlabel(label)
    return Plot(
        name="forest",
        title="Paired differences to the baseline",
        figure=figure,
        caption=_caption(table, name) + (_MANY if many else ""),
        alt=f"Forest plot of {len(table)} techniques' differences to the baseline in test {inline_name(name)}.",
    )


def _axes(height: float) -> Axes:
    axes = Figure(figsize=(WIDTH, height), layout="constrained").add_subplot()
    light_grid(axes, "x")
    axes.axvline(0, color=INK, linewidth=0.9)
    axes.xaxis.set_major_locator(MaxNLocator(5))  # so few that their labels stand apart
    axes.tick_params(axis="y", length=0)
    return axes


def _one_by_one(table: pd.DataFrame, seeds: dict[str, pd.Series]) -> Figure:
    """A few techniques: room for each seed beneath its mean."""
    axes = _axes(1.1 + 0.46 * len(table))
    for place, row in enumerate(table.to_dict("records")):
        technique = str(row["technique"])
        own, shown = seeds[technique], colour(technique)
        if np.isfinite(row["low"]):
            axes.hlines(place, row["low"], row["high"], color=shown, linewidth=2.2)
        below = np.full(len(own), place + 0.24)
        axes.scatter(own, below, s=13, color=shown, alpha=0.6, linewidths=0, marker=marker(technique))
        axes.scatter(
            [float(row["difference"])], [place], s=62, color=shown, edgecolors=INK, linewidths=0.7, zorder=4,
            marker=marker(technique),
        )  # fmt: skip
    axes.set_yticks(range(len(table)), [display_name(t) for t in table["technique"]])
    axes.set_ylim(len(table) - 0.45, -0.55)
    return axes.figure  # type: ignore[return-value]


def rows_by_kind(table: pd.DataFrame) -> Iterator[tuple[str, pd.Series | None]]:
    """(kind, None) before each kind's techniques, then (technique, its row of ``table``); each technique once.

    The kind with the largest difference comes first, and so does each kind's technique with its largest.
    """
    by_name = {str(row["technique"]): row for _, row in table.iterrows()}
    for kind, names in by_kind(table.set_index("technique")["difference"]).items():
        yield kind, None
        for name in names:
            yield name, by_name[name]


def _by_kind(table: pd.DataFrame, seeds: dict[str, pd.Series], few: Collection[str]) -> Figure:
    """Many techniques: a heading a kind, a row a technique, grey but for a few."""
    rows = list(rows_by_kind(table))
    labels = [name if row is None else _label(name) for name, row in rows]
    heights = np.array([1.0 + 0.6 * label.count("\n") for label in labels])
    places = np.cumsum(heights) - heights / 2
    axes = _axes(0.9 + 0.255 * float(heights.sum()))
    for place, height, (name, row) in zip(places, heights, rows, strict=True):
        if row is None:
            axes.axhline(place - height / 2, color=INK, linewidth=0.4, alpha=0.5)
            continue
        shown, mark = (colour(name), marker(name)) if name in few else (GRID, "o")
        if np.isfinite(row["low"]):
            axes.hlines(place, row["low"], row["high"], color=shown, linewidth=1.6)
        own = seeds[name]
        axes.scatter(own, np.full(len(own), place), s=11, color=shown, alpha=0.55, linewidths=0, zorder=3)
        axes.scatter(
            [float(row["difference"])],
            [place],
            s=34,
            color=shown,
            edgecolors=INK,
            linewidths=0.6,
            zorder=4,
            marker=mark,
        )
    axes.set_yticks(places, labels, fontsize=9.5, linespacing=0.95)
    for text, (_, row) in zip(axes.get_yticklabels(), rows, strict=True):
        text.set_fontweight("bold" if row is None else "normal")
    axes.set_ylim(heights.sum(), 0)
    return axes.figure  # type: ignore[return-value]


def _label(technique: str) -> str:
    name = display_name(technique)
    if kind_of(technique) == DECISIONS:
        name = name.removeprefix("Baseline + ")
    return "\n".join(wrap(name, 22))


def _caption(table: pd.DataFrame, name: str) -> str:
    seeds = int(table["seeds"].max())
    text = "Right of the line: better than the baseline. "
    if seeds > 1:
        over = int(((table["low"] <= 0) & (table["high"] >= 0)).sum())
        ahead = significant(table)["technique"].tolist()
        sure = ", ".join(first_few([display_name(t) for t in ahead])) if ahead else "none"
        text += (
            f"Large markers: mean over {seeds} seeds; small ones: each seed; lines: 95 % intervals over patients and "
            f"seeds. {over} of {len(table)} intervals hold zero; significantly ahead at the 5 % level (Holm-adjusted): "
            f"{sure}."
        )
    else:
        text += "One seed; lines: 95 % intervals over patients alone: they do not hold the chance in training."
    wide = table.iloc[int((table["high"] - table["low"]).to_numpy().argmax())]
    low, high = signed(wide["low"]), signed(wide["high"])
    return f"{text} Widest: {display_name(wide['technique'])}, {low} to {high} in {inline_name(name)}."
