"""The forest plot: each technique's paired difference to the baseline, with its interval and its seeds."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from sweep.analysis.figures.style import WIDTH, Plot, light_grid, style
from sweep.analysis.figures.text import signed
from sweep.analysis.names import INK, colour, display_name, inline_name, marker
from sweep.analysis.results import Results
from sweep.analysis.statistics.significance import significant


def forest_plot(run: Results, metric: str | None = None) -> Plot | None:
    """Differences in ``metric`` (by default the one selected by) on the test split; None where there is none."""
    name = metric or run.metric
    table = run.differences(name)
    if table.empty:
        return None
    seeds = run.seed_differences(name)
    with style():
        figure = Figure(figsize=(WIDTH, 1.1 + 0.46 * len(table)), layout="constrained")
        axes = figure.add_subplot()
        light_grid(axes, "x")
        axes.axvline(0, color=INK, linewidth=0.9)
        for place, row in enumerate(table.to_dict("records")):
            technique = str(row["technique"])
            own = seeds[seeds["technique"] == technique]["difference"]
            shown = colour(technique)
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
        axes.tick_params(axis="y", length=0)
        axes.set_xlabel(f"Difference to the baseline in test {inline_name(name)}")
    return Plot(
        name="forest",
        title="Paired differences to the baseline",
        figure=figure,
        caption=_caption(table, name),
        alt=f"Forest plot of {len(table)} techniques' differences to the baseline in test {inline_name(name)}.",
    )


def _caption(table: pd.DataFrame, name: str) -> str:
    seeds = int(table["seeds"].max())
    text = "Right of the line: better than the baseline. "
    if seeds > 1:
        over = int(((table["low"] <= 0) & (table["high"] >= 0)).sum())
        sure = ", ".join(display_name(t) for t in significant(table)["technique"]) or "none"
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
