"""How much of the metric hangs on each hyperparameter."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from sweep.analysis.figures.style import WIDTH, Plot, light_grid, style
from sweep.analysis.figures.text import percent
from sweep.analysis.hyperparameters.factors import factor_name
from sweep.analysis.hyperparameters.importance import LITTLE, REPEATS, Importance
from sweep.analysis.names import INK, inline_name


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
        f"Unshuffled, the forest explains {percent(max(found.explained, 0.0))} of the variance"
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
