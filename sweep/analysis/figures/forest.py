"""The forest plot: each technique's paired difference to the baseline, its answer, its interval and its seeds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from textwrap import wrap

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from sweep.analysis.figures.style import GRID, WIDTH, Plot, light_grid, of_technique, style
from sweep.analysis.figures.text import first_few, signed
from sweep.analysis.highlights import DECISIONS, MOST, by_kind, kind_of
from sweep.analysis.names import INK, display_name, inline_name
from sweep.analysis.results import Results
from sweep.analysis.statistics.significance import EQUIVALENT, HARMS, HELPS, OPEN, answers, significant

_MANY = " By kind, the largest difference first."
_BAND = 0.22  # how dark the margin is


@dataclass(frozen=True)
class Look:
    """How an answer is drawn: by shape as well as colour.

    Args:
        line: of the interval; the markers' fill too, but for what can't be told yet.
    """

    label: str
    shape: str
    fill: str
    line: str


# Okabe & Ito's green, vermilion and blue, darker, and grey: apart for colour-blind readers, on white and on black.
LOOKS = {
    HELPS: Look("helps", ">", "#00805d", "#00805d"),
    EQUIVALENT: Look("doesn't matter", "s", "#3f7fb5", "#3f7fb5"),
    OPEN: Look("can't be told yet", "o", "#eceef0", "#85898d"),
    HARMS: Look("harms", "<", "#c04f00", "#c04f00"),
}


def forest_plot(run: Results, metric: str | None = None) -> Plot | None:
    """Differences in ``metric`` (by default the one selected by) on the test split; None where there is none.

    More techniques than readers tell apart stand by kind, the highest difference of each kind first.
    """
    name = metric or run.metric
    table = run.differences(name)
    if table.empty:
        return None
    table["answer"] = answers(table)
    seeds = run.seed_differences(name)
    many = len(table) > MOST
    with style():
        of_each = {str(technique): own for technique, own in seeds.groupby("technique")["difference"]}
        figure = _by_kind(table, of_each) if many else _one_by_one(table, of_each)
        # Beneath the names too, which take much of the width.
        figure.supxlabel(f"Difference to the baseline in test {inline_name(name)}", fontsize=9.5)
        margin = float(table["margin"].iloc[0])
        figure.axes[0].axvspan(-margin, margin, color=GRID, alpha=_BAND, linewidth=0, zorder=0)
        _legend(figure, table, margin)
    return Plot(
        name="forest",
        title="Paired differences to the baseline",
        figure=figure,
        caption=_caption(table, name) + (_MANY if many else ""),
        alt=_alt(table, name),
    )


def _axes(height: float) -> Axes:
    axes = Figure(figsize=(WIDTH, height), layout="constrained").add_subplot()
    light_grid(axes, "x")
    axes.axvline(0, color=INK, linewidth=0.9)
    axes.xaxis.set_major_locator(MaxNLocator(5))  # so few that their labels stand apart
    axes.tick_params(axis="y", length=0)
    return axes


def _legend(figure: Figure, table: pd.DataFrame, margin: float) -> None:
    """The answers that there are, and the margin."""
    handles: list[Artist] = [
        Line2D([], [], color=look.line, marker=look.shape, markerfacecolor=look.fill, markeredgecolor=INK,
               markeredgewidth=0.6, markersize=6.5, linewidth=1.8, label=look.label)
        for answer, look in LOOKS.items()
        if (table["answer"] == answer).any()
    ]  # fmt: skip
    handles.append(Patch(color=GRID, alpha=_BAND, linewidth=0, label=f"margin: within {margin:g}"))
    figure.legend(handles=handles, loc="outside upper left", ncols=2, columnspacing=1.4, handlelength=1.9)


def _draw(axes: Axes, place: float, row: pd.Series, *, size: float, width: float) -> Look:
    """One technique's interval and mean; returns how its answer looks."""
    look, group = LOOKS[str(row["answer"])], of_technique(str(row["technique"]))["gid"]
    if np.isfinite(row["low"]):
        axes.hlines(place, row["low"], row["high"], color=look.line, linewidth=width, gid=group)
    axes.scatter(
        [float(row["difference"])], [place], s=size, color=look.fill, edgecolors=INK, linewidths=0.7, zorder=4,
        marker=look.shape, gid=group,
    )  # fmt: skip
    return look


def _one_by_one(table: pd.DataFrame, seeds: dict[str, pd.Series]) -> Figure:
    """A few techniques: room for each seed beneath its mean."""
    axes = _axes(1.6 + 0.46 * len(table))
    for place, (_, row) in enumerate(table.iterrows()):
        look = _draw(axes, place, row, size=62, width=2.2)
        own = seeds[str(row["technique"])]
        axes.scatter(own, np.full(len(own), place + 0.26), s=12, color=look.line, alpha=0.6, linewidths=0)
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


def _by_kind(table: pd.DataFrame, seeds: dict[str, pd.Series]) -> Figure:
    """Many techniques: a heading a kind, a row a technique."""
    rows = list(rows_by_kind(table))
    labels = [name if row is None else _label(name) for name, row in rows]
    heights = np.array([1.0 + 0.6 * label.count("\n") for label in labels])
    places = np.cumsum(heights) - heights / 2
    axes = _axes(1.4 + 0.255 * float(heights.sum()))
    for place, height, (name, row) in zip(places, heights, rows, strict=True):
        if row is None:
            axes.axhline(place - height / 2, color=INK, linewidth=0.4, alpha=0.5)
            continue
        look = _draw(axes, place, row, size=34, width=1.6)
        own = seeds[name]
        axes.scatter(own, np.full(len(own), place), s=9, color=look.line, alpha=0.4, linewidths=0, zorder=3)
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


def _alt(table: pd.DataFrame, name: str) -> str:
    counts = table["answer"].value_counts()
    said = ", ".join(f"{counts[answer]} {look.label}" for answer, look in LOOKS.items() if answer in counts)
    return f"Forest plot of {len(table)} techniques' differences to the baseline in test {inline_name(name)}: {said}."


def _caption(table: pd.DataFrame, name: str) -> str:
    seeds = int(table["seeds"].max())
    text = "Right of the line: better than the baseline. "
    if seeds > 1:
        over = int(((table["low"] <= 0) & (table["high"] >= 0)).sum())
        ahead = significant(table)["technique"].tolist()
        sure = ", ".join(first_few([display_name(t) for t in ahead])) if ahead else "none"
        adjusted = f", adjusted for {len(table)} comparisons" if len(table) > 1 else ""
        text += (
            f"Large markers: mean over {seeds} seeds, their shape the answer; small ones: each seed; lines: 95 % "
            f"intervals over patients and seeds. {over} of {len(table)} intervals hold zero; significantly ahead at "
            f"the 5 % level{adjusted}: {sure}."
        )
        if (table["answer"] == EQUIVALENT).any():
            text += " What doesn't matter has its 90 % interval within the margin (two one-sided tests at 5 %)."
    else:
        text += "One seed; lines: 95 % intervals over patients alone: they do not hold the chance in training."
    wide = table.iloc[int((table["high"] - table["low"]).to_numpy().argmax())]
    low, high = signed(wide["low"]), signed(wide["high"])
    return f"{text} Widest: {display_name(wide['technique'])}, {low} to {high} in {inline_name(name)}."
