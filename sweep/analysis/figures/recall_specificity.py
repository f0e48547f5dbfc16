"""Recall against specificity."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sweep.analysis.figures.style import GRID, OTHER, WIDTH, Plot, light_grid, of_technique, style, technique_legend
from sweep.analysis.figures.text import first_few, listed
from sweep.analysis.highlights import highlights
from sweep.analysis.names import INK, colour, display_name, in_order, marker
from sweep.analysis.results import Results


def recall_specificity_plot(run: Results) -> Plot | None:
    """Recall against specificity on the test split: a small marker a seed, a large one the mean."""
    tested = run.test_table()
    tested = tested[tested["recall"].notna()]  # scores that rank alone decide nothing
    if tested.empty:
        return None
    techniques = highlights(run, tested["technique"])
    means = tested.groupby("technique")[["recall", "specificity", "balanced_accuracy"]].mean()
    means = means.loc[in_order(tested["technique"])]
    others = means.drop(techniques)
    with style():
        figure = Figure(figsize=(WIDTH, 4.6), layout="constrained")
        axes = figure.add_subplot()
        (x_low, x_high), (y_low, y_high) = _limits(tested["specificity"]), _limits(tested["recall"])
        light_grid(axes)
        if run.positive is not None:
            _equal_balanced_accuracy(axes, (x_low, x_high), (y_low, y_high))
        axes.scatter(others["specificity"], others["recall"], s=30, linewidths=0, **OTHER)
        for technique in techniques:
            own = tested[tested["technique"] == technique]
            shown: dict[str, Any] = of_technique(technique) | {"marker": marker(technique)}
            axes.scatter(own["specificity"], own["recall"], s=22, alpha=0.55, linewidths=0, zorder=3, **shown)
            mean = means.loc[technique]
            if len(own) > 1:  # a line from each seed to the mean
                for _, seed in own.iterrows():
                    ends_x, ends_y = [mean["specificity"], seed["specificity"]], [mean["recall"], seed["recall"]]
                    axes.plot(ends_x, ends_y, color=colour(technique), linewidth=0.6, alpha=0.6, zorder=2)
            axes.scatter(mean["specificity"], mean["recall"], s=95, edgecolors=INK, linewidths=0.8, zorder=4, **shown)
        axes.set_xlim(x_low, x_high)
        axes.set_ylim(y_low, y_high)
        axes.set_xlabel("Specificity, test")
        axes.set_ylabel("Recall, test")
        technique_legend(figure, techniques, others=len(others), lines=False)
    seeds = int(tested.groupby("technique")["seed"].nunique().max())
    text = "Each technique on the test split. "
    text += (
        f"Large markers: means over {seeds} seeds; small ones: each seed. " if seeds > 1 else "One marker: one seed. "
    )
    if len(others):
        text += f"{len(techniques)} of {len(means)} techniques in colour. "
    if run.positive is None:
        text += "Both axes are means over the classes, each against the rest. "
    else:
        text += "Dashed lines join points of equal balanced accuracy (as labelled). "
    if len(means) > 1:
        text += (
            f"Highest mean recall: {_leaders(means['recall'])} ({means['recall'].max():.3f}); highest mean "
            f"specificity: {_leaders(means['specificity'])} ({means['specificity'].max():.3f})."
        )
    alt = f"Scatter of test recall against specificity for {len(means)} techniques, {len(tested)} trials."
    return Plot("recall_specificity", "Recall against specificity", figure, text.strip(), alt)


def _leaders(means: pd.Series) -> str:
    """The techniques with the highest mean, as it is printed: several may share it."""
    return listed(first_few([display_name(str(name)) for name in means.index[means.round(3) == means.max().round(3)]]))


def _limits(values: pd.Series) -> tuple[float, float]:
    """The values with room around them, at least 0.12 wide, hardly beyond 0..1."""
    low, high = float(values.min()), float(values.max())
    room = max(0.12 * (high - low), (0.12 - (high - low)) / 2, 0.015)
    return max(low - room, -0.03), min(high + room, 1.03)


def _equal_balanced_accuracy(axes: Axes, x_limits: tuple[float, float], y_limits: tuple[float, float]) -> None:
    """Dashed lines of equal (recall + specificity) / 2, labelled where they leave the axes, right or below."""
    (x_low, x_high), (y_low, y_high) = x_limits, y_limits
    width, height = x_high - x_low, y_high - y_low
    step = 0.05 if height < 0.4 else 0.1
    for level in np.arange(step, 0.99, step):
        ends = np.array([-0.1, 1.1])
        axes.plot(ends, 2 * level - ends, color=GRID, linewidth=0.7, linestyle=(0, (4, 4)), zorder=1)
        x = min(x_high - 0.012 * width, 2 * level - y_low - 0.02 * width)
        y = 2 * level - x
        if x_low + 0.1 * width < x and y_low < y < y_high - 0.05 * height:
            axes.text(x, y, f"{level:.2f}", fontsize=7.5, alpha=0.75, ha="right", va="bottom", clip_on=True)
