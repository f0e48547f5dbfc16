"""A metric against epochs."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, MaxNLocator

from sweep.analysis.figures.style import OTHER, WIDTH, Plot, light_grid, of_technique, style, technique_legend
from sweep.analysis.highlights import MOST, highlights
from sweep.analysis.names import colour, in_order, inline_name, marker, metric_name
from sweep.analysis.results import Results


def epochs_plot(run: Results, metric: str) -> Plot | None:
    """A metric on validation against epochs, at the chosen configurations: a line a technique, a band over seeds."""
    chosen = run.chosen_trials()
    epochs = run.epochs()
    if chosen.empty or epochs.empty or metric not in epochs:
        return None
    epochs = epochs[epochs["trial_id"].isin(chosen["trial_id"])]
    of_none = epochs.groupby("technique")[metric].transform("count") == 0  # scores have no such metric
    epochs = epochs[~of_none]
    if epochs.empty:
        return None
    techniques = highlights(run, epochs["technique"])
    others = in_order(name for name in epochs["technique"].unique() if name not in techniques)
    last = int(epochs["epoch"].max())
    with style():
        figure = Figure(figsize=(WIDTH, 3.7), layout="constrained")
        axes = figure.add_subplot()
        light_grid(axes, "y")
        for other in others:
            mean = epochs[epochs["technique"] == other].groupby("epoch")[metric].mean()
            axes.plot(mean.index, mean, linewidth=0.7, marker="." if last == 1 else "", **OTHER)
        for position, technique in enumerate(techniques):
            own = epochs[epochs["technique"] == technique].groupby("epoch")[metric]
            mean, low, high = own.mean(), own.min(), own.max()
            # A little beside each other, so that equal values stay visible.
            x = mean.index.to_numpy(dtype=float) + 0.05 * (position - (len(techniques) - 1) / 2) * min(last, 4) / 4
            shown = colour(technique)
            axes.plot(x, mean, marker=marker(technique), markersize=4.5, zorder=3, **of_technique(technique))
            if last == 1:
                axes.vlines(x, low, high, color=shown, alpha=0.5)
            elif int(own.count().max()) > 1:
                axes.fill_between(x, low, high, color=shown, alpha=0.10, linewidth=0)
        axes.set_xlabel("Epoch")
        axes.set_ylabel(f"{metric_name(metric)}, validation")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=10) if last > 1 else FixedLocator([1]))
        axes.set_xlim(0.6, last + 0.4)
        technique_legend(figure, techniques, others=len(others))
    count = len(techniques) + len(others)
    return Plot(
        name=f"{metric}_by_epoch",
        title=f"{metric_name(metric)} against epochs",
        figure=figure,
        caption=_epochs_caption(epochs, metric),
        alt=f"Line chart of validation {inline_name(metric)} for {count} techniques over {last} epochs.",
    )


def _epochs_caption(epochs: pd.DataFrame, metric: str) -> str:
    seeds = int(epochs.groupby("technique")["seed"].nunique().max())
    name = metric_name(metric)
    text = f"{name} on validation after each epoch, at the configuration chosen for each technique. "
    text += f"Lines: mean over {seeds} seeds; bands: lowest to highest seed." if seeds > 1 else "One seed, so no band."
    steps = epochs.sort_values("epoch").groupby("trial_id")[metric].diff().abs().dropna()
    if (total := epochs["technique"].nunique()) > MOST:
        text += f" {MOST} of {total} techniques in colour."
    if len(steps):
        ends = epochs[epochs["epoch"] == epochs["epoch"].max()].groupby("technique")[metric].mean()
        text += f" From one epoch to the next a single trial moves by {steps.median():.3f} in the median and by up to "
        text += f"{steps.max():.3f}"
        if len(ends) > 1:
            text += f"; after the last epoch the techniques' means lie {ends.max() - ends.min():.3f} apart"
        text += "."
    return text
