"""Small panels that share their axes, a technique in each, for curves with bands."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator

from sweep.analysis.figures.style import GRID, WIDTH, light_grid, of_technique, panel_title, technique_legend
from sweep.analysis.names import colour, display_name, inline_name, marker
from sweep.analysis.statistics.paired import BASELINE

DASHED: Any = (0, (4, 3))


def panel_grid(count: int, x_label: str) -> tuple[Figure, list[Axes]]:
    """Small panels in two columns that share their axes; the lowest of each column names the x axis."""
    columns = min(count, 2)
    rows = -(-count // columns)
    height = 3.3 if count == 1 else 1.85 if count <= 6 else 1.6
    figure = Figure(figsize=(WIDTH, 0.75 + rows * height), layout="constrained")
    axes = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for unused in axes.flat[count:]:
        unused.set_visible(False)
    for lowest in axes.flat[max(0, count - columns) : count]:
        lowest.tick_params(labelbottom=True)
        lowest.set_xlabel(x_label)
    return figure, list(axes.flat[:count])


def _panels(techniques: Sequence[str], few: Collection[str] | None) -> list[str]:
    """Who gets a panel: everyone but the baseline, which stands in every panel; all where there is none but it."""
    shown = [technique for technique in techniques if few is None or technique in few]
    others = [technique for technique in shown if technique != BASELINE]
    return others if others and BASELINE in shown else shown


def _curve(axes: Axes, line: pd.DataFrame, technique: str, *, behind: bool = False) -> None:
    shown = colour(technique)
    axes.fill_between(line["x"], line["low"], line["high"], color=shown, alpha=0.13 if behind else 0.22, linewidth=0)
    marked: dict[str, Any] = {"marker": marker(technique), "markersize": 3.5, "markevery": (12, 25)}
    axes.plot(line["x"], line["mean"], linewidth=1.2 if behind else 1.7, **of_technique(technique), **marked)


def _everyone(axes: Axes, lines: pd.DataFrame) -> None:
    """The lowest and the highest of all techniques' lines at each place."""
    wide = lines.pivot(index="x", columns="technique", values="mean")
    for edge in (wide.min(axis=1), wide.max(axis=1)):
        axes.plot(edge.index, edge, color=GRID, linewidth=0.9, linestyle=(0, (1, 1)), zorder=1.5)


def curve_panels(
    lines: pd.DataFrame,
    points: pd.DataFrame,
    naming: tuple[str, str, str],
    few: Collection[str] | None = None,
) -> tuple[Figure, list[Axes]]:
    """A panel a technique with the baseline behind it; a technique's area in its corner.

    Args:
        naming: the area's column in ``points``, its short name, and the x axis' name.
        few: techniques that get a panel, with the lowest and the highest line of all behind; None for all.
    """
    area, short, x_label = naming
    techniques = points["technique"].tolist()
    panels = _panels(techniques, few)
    areas = points.set_index("technique")[area]
    figure, grid = panel_grid(len(panels), x_label)
    for axes, technique in zip(grid, panels, strict=True):
        light_grid(axes)
        if few is not None and len(few) < len(techniques):
            _everyone(axes, lines)
        for name in dict.fromkeys([*(t for t in techniques if t == BASELINE), technique]):
            _curve(axes, lines[lines["technique"] == name], name, behind=name != technique)
        panel_title(axes, technique)
        axes.text(
            0.97, 0.05, f"{short} {areas[technique]:.3f}", transform=axes.transAxes, ha="right", fontsize=8
        )  # fmt: skip
        axes.set_xlim(-0.02, 1.02)
        axes.xaxis.set_major_locator(FixedLocator([0, 0.5, 1]))
    if BASELINE not in panels and BASELINE in techniques:
        technique_legend(figure, [BASELINE])
    return figure, grid


def few_sentence(points: pd.DataFrame, few: Collection[str] | None) -> str:
    """What is not drawn as a line; "" where all are."""
    if few is None or len(few) >= len(points):
        return ""
    return f" {len(few)} of {len(points)} techniques; dotted: the lowest and the highest line of all."


def bands_sentence(points: pd.DataFrame) -> str:
    seeds = int(points["seeds"].max())
    if seeds > 1:
        return f"Lines: means over {seeds} seeds; bands: pointwise 95 % intervals over patients and seeds" + (
            f" (wide, for {seeds} seeds say little of the next)." if seeds < 5 else "."
        )
    return "One seed; bands: pointwise 95 % intervals over patients alone."


def largest_area(points: pd.DataFrame, name: str) -> str:
    """Which technique has the largest area, with its interval, and the baseline's."""
    best = points.iloc[int(points[name].to_numpy().argmax())]
    called = "average precision" if name == "average_precision" else inline_name(name)

    def numbers(row: pd.Series) -> str:
        return f"{row[name]:.3f} ({row[f'{name}_low']:.3f} to {row[f'{name}_high']:.3f})"

    baseline = points[points["technique"] == BASELINE]
    if len(points) == 1:
        return f"{called[:1].upper()}{called[1:]}: {numbers(best)}."
    text = f"Highest mean {called}: {display_name(str(best['technique']))}, {numbers(best)}"
    if len(baseline) and best["technique"] != BASELINE:
        text += f"; the baseline has {numbers(baseline.iloc[0])}"
    return text + "."
