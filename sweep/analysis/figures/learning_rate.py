"""The selection metric against the learning rate."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from sweep.analysis.figures.style import GRID, WIDTH, Plot, light_grid, of_technique, panel_title, style
from sweep.analysis.highlights import highlights
from sweep.analysis.names import colour, display_name, inline_name, marker, metric_name
from sweep.analysis.results import Results


def learning_rate_plot(run: Results) -> Plot | None:
    """The selection metric on validation, a point a trial, against the learning rate; by technique where it is one."""
    metric = run.metric
    trials = run.trials()
    trials = trials[trials[metric].notna() & trials["status"].isin(("done", "stopped"))] if len(trials) else trials
    if trials.empty:
        return None
    techniques = highlights(run, trials["technique"])
    total = trials["technique"].nunique()
    rates = sorted(trials["lr"].unique())
    chosen = set(run.chosen_trials()["trial_id"])
    figure = (
        _rate_panels(trials, techniques, metric, chosen) if len(rates) > 1 else _rate_strip(trials, techniques, metric)
    )
    name = inline_name(metric)
    if len(rates) == 1:
        text = (
            f"Every trial trained with the learning rate {rates[0]:g}; a point a trial: validation {name}, best epoch."
        )
    else:
        text = f"Validation {name} at the best epoch against the learning rate, one point a trial. Filled: the "
        text += "configuration chosen for the technique; grey line: mean over all techniques at that rate."
        spread = trials.groupby("technique")[metric].agg(lambda v: v.max() - v.min())
        wide = str(spread.idxmax())
        text += (
            f" {display_name(wide)} depends most on its configuration and seed ({spread.max():.3f} between its trials)."
        )
    if total > len(techniques):
        text += f" {len(techniques)} of {total} techniques are shown."
    alt = f"Validation {name} of {len(trials)} trials of {total} techniques at {len(rates)} learning rates."
    return Plot("learning_rate", "Learning rate against technique", figure, text, alt)


def _rate_panels(trials: pd.DataFrame, techniques: list[str], metric: str, chosen: set[str]) -> Figure:
    """One small panel a technique, shared axes."""
    columns = min(2, len(techniques))
    rows = -(-len(techniques) // columns)
    rates = sorted(trials["lr"].unique())
    mean = trials.groupby("lr")[metric].mean()
    with style():
        figure = Figure(figsize=(WIDTH, 0.7 + 1.45 * rows), layout="constrained")
        grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
        for axes in grid.flat[len(techniques) :]:
            axes.set_visible(False)
        for axes, technique in zip(grid.flat, techniques, strict=False):
            own = trials[trials["technique"] == technique]
            is_chosen = own["trial_id"].isin(chosen)
            light_grid(axes, "y")
            axes.plot(mean.index, mean, color=GRID, linewidth=1, zorder=1)
            shown = {
                "marker": marker(technique),
                "s": 26,
                "edgecolors": colour(technique),
                "zorder": 3,
                "linewidths": 1.1,
                "gid": of_technique(technique)["gid"],
            }
            axes.scatter(own["lr"][~is_chosen], own[metric][~is_chosen], facecolors="none", **shown)
            axes.scatter(own["lr"][is_chosen], own[metric][is_chosen], facecolors=colour(technique), **shown)
            panel_title(axes, technique)
            axes.set_xscale("log")
            axes.set_xlim(min(rates) / 1.5, max(rates) * 1.5)
            if len(rates) <= 3 or max(rates) / min(rates) < 10:
                axes.xaxis.set_major_locator(FixedLocator(_apart(rates)))
                axes.xaxis.set_minor_locator(NullLocator())
            axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.3g}"))
        figure.supxlabel("Learning rate (log)", fontsize=9.5)
        figure.supylabel(f"{metric_name(metric)}, validation", fontsize=9.5)
    return figure


def _apart(rates: list[float], most: int = 3) -> list[float]:
    """A few of the rates, from the lowest to the highest, for labels that don't touch."""
    picked = np.unique(np.linspace(0, len(rates) - 1, min(most, len(rates))).round().astype(int))
    ticks = [rates[i] for i in picked]
    return [t for i, t in enumerate(ticks) if i == 0 or t / ticks[0] > 1.15]


def _rate_strip(trials: pd.DataFrame, techniques: list[str], metric: str) -> Figure:
    """One learning rate: a row a technique."""
    with style():
        figure = Figure(figsize=(WIDTH, 1.0 + 0.38 * len(techniques)), layout="constrained")
        axes = figure.add_subplot()
        light_grid(axes, "x")
        for position, technique in enumerate(techniques):
            own = trials[trials["technique"] == technique][metric]
            axes.hlines(position, own.min(), own.max(), color=colour(technique), alpha=0.5)
            shown: dict[str, Any] = of_technique(technique) | {"marker": marker(technique)}
            axes.scatter(own, [position] * len(own), s=30, zorder=3, **shown)
        axes.set_yticks(range(len(techniques)), [display_name(t) for t in techniques])
        axes.set_ylim(len(techniques) - 0.4, -0.6)
        axes.set_xlabel(f"{metric_name(metric)}, validation (learning rate {trials['lr'].iloc[0]:g})")
        axes.xaxis.set_major_locator(MaxNLocator(nbins=6))
        axes.tick_params(axis="y", length=0)
    return figure
