"""The report's figures of numbers; each from a run's records alone, each with a caption computed from them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from sweep.analysis.figures.style import GRID, WIDTH, Plot, light_grid, style, technique_legend
from sweep.analysis.names import INK, colour, display_name, in_order, inline_name, marker, metric_name
from sweep.analysis.results import Results


def number_plots(run: Results) -> list[Plot]:
    """Every figure that this run's records can fill, in the report's order."""
    from sweep.analysis.figures.confusion import confusion_plot

    plots = [
        recall_specificity_plot(run),
        confusion_plot(run),
        epochs_plot(run, "balanced_accuracy"),
        # Over more than two classes mean recall is balanced accuracy.
        epochs_plot(run, "recall") if run.positive is not None else None,
        learning_rate_plot(run),
    ]
    return [plot for plot in plots if plot is not None]


def epochs_plot(run: Results, metric: str) -> Plot | None:
    """A metric on validation against epochs, at the chosen configurations: a line a technique, a band over seeds."""
    chosen = run.chosen_trials()
    epochs = run.epochs()
    if chosen.empty or epochs.empty or metric not in epochs:
        return None
    epochs = epochs[epochs["trial_id"].isin(chosen["trial_id"])]
    techniques = in_order(epochs["technique"])
    last = int(epochs["epoch"].max())
    with style():
        figure = Figure(figsize=(WIDTH, 3.7), layout="constrained")
        axes = figure.add_subplot()
        light_grid(axes, "y")
        for position, technique in enumerate(techniques):
            own = epochs[epochs["technique"] == technique].groupby("epoch")[metric]
            mean, low, high = own.mean(), own.min(), own.max()
            # A little beside each other, so that equal values stay visible.
            x = mean.index.to_numpy(dtype=float) + 0.05 * (position - (len(techniques) - 1) / 2) * min(last, 4) / 4
            shown = colour(technique)
            axes.plot(x, mean, color=shown, marker=marker(technique), markersize=4.5, zorder=3)
            if last == 1:
                axes.vlines(x, low, high, color=shown, alpha=0.5)
            elif int(own.count().max()) > 1:
                axes.fill_between(x, low, high, color=shown, alpha=0.10, linewidth=0)
        axes.set_xlabel("Epoch")
        axes.set_ylabel(f"{metric_name(metric)}, validation")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=10))
        axes.set_xlim(0.6, last + 0.4)
        technique_legend(figure, techniques)
    return Plot(
        name=f"{metric}_by_epoch",
        title=f"{metric_name(metric)} against epochs",
        figure=figure,
        caption=_epochs_caption(epochs, metric),
        alt=f"Line chart of validation {inline_name(metric)} for {len(techniques)} techniques over {last} epochs.",
    )


def _epochs_caption(epochs: pd.DataFrame, metric: str) -> str:
    seeds = int(epochs.groupby("technique")["seed"].nunique().max())
    name = metric_name(metric)
    text = f"{name} on validation after each epoch, at the configuration chosen for each technique. "
    text += f"Lines: mean over {seeds} seeds; bands: lowest to highest seed." if seeds > 1 else "One seed, so no band."
    steps = epochs.sort_values("epoch").groupby("trial_id")[metric].diff().abs().dropna()
    if len(steps):
        ends = epochs[epochs["epoch"] == epochs["epoch"].max()].groupby("technique")[metric].mean()
        text += f" From one epoch to the next a single trial moves by {steps.median():.3f} in the median and by up to "
        text += f"{steps.max():.3f}"
        if len(ends) > 1:
            text += f"; after the last epoch the techniques' means lie {ends.max() - ends.min():.3f} apart"
        text += "."
    return text


def recall_specificity_plot(run: Results) -> Plot | None:
    """Recall against specificity on the test split: a small marker a seed, a large one the mean."""
    tested = run.test_table()
    if tested.empty:
        return None
    techniques = in_order(tested["technique"])
    means = tested.groupby("technique")[["recall", "specificity", "balanced_accuracy"]].mean().loc[techniques]
    with style():
        figure = Figure(figsize=(WIDTH, 4.6), layout="constrained")
        axes = figure.add_subplot()
        (x_low, x_high), (y_low, y_high) = _limits(tested["specificity"]), _limits(tested["recall"])
        light_grid(axes)
        if run.positive is not None:
            _equal_balanced_accuracy(axes, (x_low, x_high), (y_low, y_high))
        for technique in techniques:
            own = tested[tested["technique"] == technique]
            shown: dict[str, Any] = {"color": colour(technique), "marker": marker(technique)}
            axes.scatter(own["specificity"], own["recall"], s=22, alpha=0.55, linewidths=0, zorder=3, **shown)
            mean = means.loc[technique]
            for _, seed in own.iterrows() if len(own) > 1 else ():
                ends_x, ends_y = [mean["specificity"], seed["specificity"]], [mean["recall"], seed["recall"]]
                axes.plot(ends_x, ends_y, color=colour(technique), linewidth=0.6, alpha=0.6, zorder=2)
            axes.scatter(mean["specificity"], mean["recall"], s=95, edgecolors=INK, linewidths=0.8, zorder=4, **shown)
        axes.set_xlim(x_low, x_high)
        axes.set_ylim(y_low, y_high)
        axes.set_xlabel("Specificity, test")
        axes.set_ylabel("Recall, test")
        technique_legend(figure, techniques, lines=False)
    seeds = int(tested.groupby("technique")["seed"].nunique().max())
    text = "Each technique on the test split. "
    text += (
        f"Large markers: means over {seeds} seeds; small ones: each seed. " if seeds > 1 else "One marker: one seed. "
    )
    if run.positive is None:
        text += "Both axes are means over the classes, each against the rest. "
    else:
        text += "Dashed lines join points of equal balanced accuracy (as labelled). "
    if len(techniques) > 1:
        text += (
            f"Highest mean recall: {_leaders(means['recall'])} ({means['recall'].max():.3f}); highest mean "
            f"specificity: {_leaders(means['specificity'])} ({means['specificity'].max():.3f})."
        )
    alt = f"Scatter of test recall against specificity for {len(techniques)} techniques, {len(tested)} trials."
    return Plot("recall_specificity", "Recall against specificity", figure, text.strip(), alt)


def _leaders(means: pd.Series) -> str:
    """The techniques with the highest mean, as it is printed: several may share it."""
    return " and ".join(display_name(str(name)) for name in means.index[means.round(3) == means.max().round(3)])


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


def learning_rate_plot(run: Results) -> Plot | None:
    """The selection metric on validation, a point a trial, against the learning rate; by technique where it is one."""
    metric = run.metric
    trials = run.trials()
    trials = trials[trials[metric].notna() & trials["status"].isin(("done", "stopped"))] if len(trials) else trials
    if trials.empty:
        return None
    techniques = in_order(trials["technique"])
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
    alt = f"Validation {name} of {len(trials)} trials of {len(techniques)} techniques at {len(rates)} learning rates."
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
            }
            axes.scatter(own["lr"][~is_chosen], own[metric][~is_chosen], facecolors="none", **shown)
            axes.scatter(own["lr"][is_chosen], own[metric][is_chosen], facecolors=colour(technique), **shown)
            axes.set_title(display_name(technique), loc="left", pad=3)
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
            shown: dict[str, Any] = {"color": colour(technique), "marker": marker(technique)}
            axes.scatter(own, [position] * len(own), s=30, zorder=3, **shown)
        axes.set_yticks(range(len(techniques)), [display_name(t) for t in techniques])
        axes.set_ylim(len(techniques) - 0.4, -0.6)
        axes.set_xlabel(f"{metric_name(metric)}, validation (learning rate {trials['lr'].iloc[0]:g})")
        axes.xaxis.set_major_locator(MaxNLocator(nbins=6))
        axes.tick_params(axis="y", length=0)
    return figure
