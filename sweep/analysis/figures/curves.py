"""Figures of what scores can do: ROC, precision-recall, predictive values, net benefit, reliability."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from sweep.analysis.decisions.net_benefit import THRESHOLD_PROBABILITIES, treat_all
from sweep.analysis.decisions.operating_points import Curves
from sweep.analysis.decisions.predictive_values import predictive_curves
from sweep.analysis.decisions.thresholds import COST_RATIO
from sweep.analysis.figures.style import GRID, WIDTH, Plot, light_grid, style, technique_legend
from sweep.analysis.names import INK, colour, display_name, inline_name, marker
from sweep.analysis.results import Results
from sweep.analysis.statistics.paired import BASELINE

_PREVALENCES = np.geomspace(0.005, 0.9, 400)
_PREVALENCE_TICKS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
_DASHED: Any = (0, (4, 3))


def _grid(count: int, x_label: str) -> tuple[Figure, list[Axes]]:
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


def _panels(techniques: Sequence[str]) -> list[str]:
    """Who gets a panel: everyone but the baseline, which stands in every panel; all where there is none but it."""
    others = [technique for technique in techniques if technique != BASELINE]
    return others if others and BASELINE in techniques else list(techniques)


def _curve(axes: Axes, line: pd.DataFrame, technique: str, *, behind: bool = False) -> None:
    shown = colour(technique)
    axes.fill_between(line["x"], line["low"], line["high"], color=shown, alpha=0.13 if behind else 0.22, linewidth=0)
    marked: dict[str, Any] = {"marker": marker(technique), "markersize": 3.5, "markevery": (12, 25)}
    axes.plot(line["x"], line["mean"], color=shown, linewidth=1.2 if behind else 1.7, **marked)


def _curve_panels(
    lines: pd.DataFrame, points: pd.DataFrame, area: str, short: str, x_label: str
) -> tuple[Figure, list[Axes]]:
    """A panel a technique with the baseline behind it; a technique's area in its corner."""
    techniques = points["technique"].tolist()
    panels = _panels(techniques)
    areas = points.set_index("technique")[area]
    figure, grid = _grid(len(panels), x_label)
    for axes, technique in zip(grid, panels, strict=True):
        light_grid(axes)
        for name in dict.fromkeys([*(t for t in techniques if t == BASELINE), technique]):
            _curve(axes, lines[lines["technique"] == name], name, behind=name != technique)
        axes.set_title(display_name(technique), loc="left", pad=3)
        axes.text(
            0.97, 0.05, f"{short} {areas[technique]:.3f}", transform=axes.transAxes, ha="right", fontsize=8
        )  # fmt: skip
        axes.set_xlim(-0.02, 1.02)
        axes.xaxis.set_major_locator(FixedLocator([0, 0.5, 1]))
    if panels != techniques:
        technique_legend(figure, [BASELINE])
    return figure, grid


def _bands_sentence(points: pd.DataFrame) -> str:
    seeds = int(points["seeds"].max())
    if seeds > 1:
        return f"Lines: means over {seeds} seeds; bands: pointwise 95 % intervals over patients and seeds" + (
            f" (wide, for {seeds} seeds say little of the next)." if seeds < 5 else "."
        )
    return "One seed; bands: pointwise 95 % intervals over patients alone."


def _ahead(points: pd.DataFrame, name: str) -> str:
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


def roc_plot(curves: Curves) -> Plot:
    """ROC curves on the test split with bands: a panel a technique, the baseline in each."""
    points = curves.points
    with style():
        figure, grid = _curve_panels(curves.roc, points, "auroc", "AUROC", "False positive rate, test")
        for axes in grid:
            axes.plot([0, 1], [0, 1], color=GRID, linewidth=0.8, linestyle=_DASHED, zorder=1)
            axes.set_ylim(-0.02, 1.02)
            axes.yaxis.set_major_locator(FixedLocator([0, 0.5, 1]))
        figure.supylabel("Sensitivity, test", fontsize=9.5)
    text = "Sensitivity against false positive rate (1 \N{MINUS SIGN} specificity) over all thresholds. "
    text += f"{_bands_sentence(points)} Dashed: guessing. "
    alt = f"ROC curves with bands of {len(points)} techniques on the test split."
    return Plot("roc", "ROC curves", figure, text + _ahead(points, "auroc"), alt)


def precision_recall_plot(curves: Curves) -> Plot:
    """Precision-recall curves on the test split with bands, and the prevalence: what guessing reaches."""
    points = curves.points
    lowest = min(curves.prevalence, float(curves.pr["low"].min()))
    with style():
        figure, grid = _curve_panels(curves.pr, points, "average_precision", "AP", "Recall, test")
        for axes in grid:
            axes.axhline(curves.prevalence, color=GRID, linewidth=0.9, linestyle=_DASHED, zorder=1)
            axes.set_ylim(max(-0.02, lowest - 0.25 * (1 - lowest) - 0.02), 1.02)
        figure.supylabel("Precision, test", fontsize=9.5)
    text = (
        f"Precision against recall over all thresholds. {_bands_sentence(points)} Dashed: the share of positives in "
        f"the test split ({curves.prevalence:.3f}), which guessing reaches; at another prevalence the curves lie "
        f"elsewhere. {_ahead(points, 'average_precision')}"
    )
    alt = f"Precision-recall curves with bands of {len(points)} techniques on the test split."
    return Plot("precision_recall", "Precision-recall curves", figure, text, alt)


def predictive_values_plot(run: Results, prevalence: float) -> Plot | None:
    """PPV and NPV against prevalence, by Bayes' rule from each technique's sensitivity and specificity.

    Args:
        prevalence: share of positives in the test split, marked.
    Returns:
        None with more than two classes, or where the test split was not opened.
    """
    data = predictive_curves(run, _PREVALENCES)
    if data.empty:
        return None
    techniques = list(dict.fromkeys(data["technique"]))
    with style():
        figure = Figure(figsize=(WIDTH, 5.6), layout="constrained")
        top, bottom = figure.subplots(2, 1, sharex=True)
        for axes, value in ((top, "ppv"), (bottom, "npv")):
            light_grid(axes)
            axes.axvline(prevalence, color=GRID, linewidth=0.9, linestyle=_DASHED, zorder=1)
            for (technique, rule), line in data.groupby(["technique", "rule"], sort=False):
                shown: dict[str, Any] = {"color": colour(str(technique)), "linewidth": 1.5}
                if rule == "argmax":
                    place = 15 + 15 * techniques.index(str(technique))  # markers beside each other, not on top
                    shown |= {"marker": marker(str(technique)), "markersize": 4.5, "markevery": (place, 130)}
                else:
                    shown |= {"linestyle": _DASHED, "zorder": 5}
                axes.plot(line["prevalence"], line[value], **shown)
            axes.set_ylabel(f"{value.upper()}")
        low = float(data["npv"].min())
        top.set_ylim(-0.02, 1.02)
        bottom.set_ylim(max(-0.02, low - 0.05), 1 + 0.03 * (1 - low) + 0.005)
        bottom.set_xscale("log")
        bottom.set_xlim(_PREVALENCES[0], _PREVALENCES[-1])
        bottom.xaxis.set_major_locator(FixedLocator(list(_PREVALENCE_TICKS)))
        bottom.xaxis.set_minor_locator(NullLocator())
        bottom.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:g} %"))
        bottom.set_xlabel("Prevalence (log)")
        _legend(figure, techniques, "Baseline + threshold" if (data["rule"] != "argmax").any() else None)
    return Plot(
        "predictive_values",
        "Predictive values against prevalence",
        figure,
        _predictive_caption(run, data, prevalence),
        f"Two line charts, PPV and NPV against prevalence from 0.5 % to 90 %, for {len(techniques)} techniques.",
    )


def _legend(figure: Figure, techniques: Sequence[str], dashed: str | None) -> None:
    """``technique_legend`` with one more entry for the baseline at its tuned threshold."""
    if dashed is None:
        technique_legend(figure, techniques)
        return
    handles = [Line2D([], [], color=colour(t), marker=marker(t), markersize=5) for t in techniques]
    handles.append(Line2D([], [], color=colour(BASELINE), linestyle=_DASHED))
    names = [*(display_name(t) for t in techniques), dashed]
    figure.legend(handles, names, loc="outside lower center", ncols=2, columnspacing=1.2, handlelength=2.4)


def _predictive_caption(run: Results, data: pd.DataFrame, prevalence: float) -> str:
    name = run.class_names[run.positive] if run.positive is not None else ""
    text = (
        f"What a call is worth where {name} is rarer or more frequent than in the test split (grey line: "
        f"{100 * prevalence:.0f} %), by Bayes' rule from test sensitivity and specificity, means over seeds. "
    )
    near = data.loc[(data["prevalence"] - 0.05).abs().groupby([data["technique"], data["rule"]]).idxmin()]
    at = f"{100 * near['prevalence'].iloc[0]:.0f} %"
    if near["ppv"].isna().all():
        return text.strip()
    near = near[near["ppv"].notna()].sort_values("ppv", kind="stable")
    best, worst = near.iloc[-1], near.iloc[0]
    if len(near) == 1:
        return f"{text}At a prevalence of {at} PPV is {best['ppv']:.2f}."
    return (
        f"{text}At a prevalence of {at} PPV ranges from {worst['ppv']:.2f} ({_called(worst)}) to {best['ppv']:.2f} "
        f"({_called(best)}), and NPV from {near['npv'].min():.3f} to {near['npv'].max():.3f}."
    )


def _called(row: pd.Series) -> str:
    return display_name(str(row["technique"])) + (" + threshold" if row["rule"] != "argmax" else "")


def decision_curve_plot(benefit: pd.DataFrame, prevalence: float, cost_ratio: float = COST_RATIO) -> Plot:
    """Net benefit against threshold probability, with acting on everyone and on nobody.

    Args:
        benefit: of ``operating_points.benefit_curves``, not empty.
        prevalence: share of positives in the test split.
        cost_ratio: what a miss costs in false alarms, of the point that the caption reads off.
    """
    techniques = list(dict.fromkeys(benefit["technique"]))
    everyone = treat_all(prevalence)
    with style():
        figure = Figure(figsize=(WIDTH, 4.1), layout="constrained")
        axes = figure.add_subplot()
        light_grid(axes)
        axes.axhline(0, color=GRID, linewidth=1.2, zorder=1)
        axes.plot(THRESHOLD_PROBABILITIES, everyone, color=GRID, linewidth=1.2, linestyle=_DASHED, zorder=1)
        for place, technique in enumerate(techniques):
            line = benefit[benefit["technique"] == technique]
            axes.plot(
                line["x"], line["mean"], color=colour(technique), linewidth=1.5, marker=marker(technique),
                markersize=4.5, markevery=(5 + 3 * place, 25),
            )  # fmt: skip
        highest, lowest = float(benefit["mean"].max()), float(benefit["mean"].min())
        bottom = min(0.0, max(lowest, -0.6 * highest)) - 0.08 * max(highest, 0.1)
        axes.set_ylim(bottom, 1.08 * max(highest, 0.05))
        axes.set_xlim(0, 1)
        axes.set_xlabel("Threshold probability")
        axes.set_ylabel("Net benefit, test")
        _grey_labels(axes, everyone)
        technique_legend(figure, techniques)
    return Plot(
        "decision_curve",
        "Decision curve",
        figure,
        _benefit_caption(benefit, prevalence, cost_ratio),
        f"Net benefit against threshold probability for {len(techniques)} techniques, for everyone and for nobody.",
    )


def _grey_labels(axes: Axes, everyone: np.ndarray) -> None:
    """Names of the two grey lines, where no technique's line runs."""
    axes.text(0.01, 0, "act on nobody", ha="left", va="bottom", fontsize=8, alpha=0.8)
    low, high = axes.get_ylim()
    wanted = low + 0.25 * (high - low)
    place = int(np.abs(everyone - wanted).argmin())
    x = float(THRESHOLD_PROBABILITIES[place])
    axes.text(x - 0.015, wanted, "act on everyone", ha="right", va="bottom", fontsize=8, alpha=0.8)


def _benefit_caption(benefit: pd.DataFrame, prevalence: float, cost_ratio: float) -> str:
    text = (
        "Net benefit: true positives, less false positives at the price that the threshold probability says, an image. "
        "Probabilities are taken as the network gives them, so a poorly calibrated one loses. "
    )
    wanted = 1 / (1 + cost_ratio)
    place = int(np.abs(THRESHOLD_PROBABILITIES - wanted).argmin())
    x = float(THRESHOLD_PROBABILITIES[place])
    at = benefit[np.isclose(benefit["x"], x)]
    best, baseline = at.iloc[int(at["mean"].to_numpy().argmax())], at[at["technique"] == BASELINE]
    text += f"At {x:.2f} (a miss costs about {cost_ratio:g} false alarms) acting on everyone has "
    text += f"{_minus(treat_all(prevalence)[place])}"
    if len(at) > 1 and len(baseline):
        text += f", the baseline {_benefit(baseline.iloc[0])}"
    most = "the most, " if len(at) > 1 else ""
    return f"{text}, and {display_name(str(best['technique']))} {most}{_benefit(best)}."


def _benefit(row: pd.Series) -> str:
    if pd.isna(row["low"]) or pd.isna(row["high"]):  # one patient of a class
        return f"{_minus(row['mean'])} (too few patients for an interval)"
    return f"{_minus(row['mean'])} ({_minus(row['low'])} to {_minus(row['high'])})"


def _minus(value: float) -> str:
    return f"{value:.3f}".replace("-", "\N{MINUS SIGN}")


def reliability_plot(run: Results, lines: pd.DataFrame, table: pd.DataFrame) -> Plot | None:
    """Reliability diagrams, a panel a technique, before and after temperature scaling.

    Args:
        lines: of ``calibration.reliability_curves``.
        table: of ``calibration.calibration_table``.
    Returns:
        None where ``lines`` is empty.
    """
    if lines.empty:
        return None
    techniques = list(dict.fromkeys(lines["technique"]))
    both = table.set_index(["technique", "stage"])
    lowest = 0.0
    if run.positive is None:
        lowest = min(float(lines["predicted"].min()), float(lines["observed"].min())) - 0.05
    with style():
        figure, grid = _grid(len(techniques), "Mean probability")
        for axes, technique in zip(grid, techniques, strict=True):
            light_grid(axes)
            axes.plot([0, 1], [0, 1], color=GRID, linewidth=0.9, linestyle=_DASHED, zorder=1)
            for stage in ("after", "before"):
                own = lines[(lines["technique"] == technique) & (lines["stage"] == stage)]
                shown: dict[str, Any] = {"color": colour(technique), "marker": marker(technique), "markersize": 4}
                if stage == "after":
                    shown |= {"linestyle": (0, (2, 2)), "markerfacecolor": "none", "linewidth": 1.0, "alpha": 0.9}
                else:
                    shown |= {"linewidth": 1.5}
                axes.plot(own["predicted"], own["observed"], **shown)
            axes.set_title(display_name(technique), loc="left", pad=3)
            errors = [float(both.loc[(technique, stage), "ece"]) for stage in ("before", "after")]
            axes.text(
                0.04, 0.9, f"ECE {errors[0]:.3f} → {errors[1]:.3f}", transform=axes.transAxes, fontsize=8
            )  # fmt: skip
            axes.set_xlim(lowest - 0.03, 1.03)
            axes.set_ylim(lowest - 0.03, 1.03)
            if run.positive is not None:
                axes.xaxis.set_major_locator(FixedLocator([0, 0.5, 1]))
                axes.yaxis.set_major_locator(FixedLocator([0, 0.5, 1]))
        of = run.class_names[run.positive] if run.positive is not None else None
        figure.supylabel("Share of positives, test" if of else "Share of right decisions, test", fontsize=9.5)
        handles = [
            Line2D([], [], color=INK, marker="o", markersize=4, linewidth=1.5),
            Line2D([], [], color=INK, marker="o", markersize=4, linewidth=1.0, linestyle=(0, (2, 2)), mfc="none"),
        ]
        names = ["as trained", "after temperature scaling"]
        figure.legend(handles, names, loc="outside lower center", ncols=2, handlelength=2.4)
    alt = f"Reliability diagrams of {len(techniques)} techniques before and after temperature scaling."
    return Plot("reliability", "Reliability diagrams", figure, _reliability_caption(run, lines, table), alt)


def _reliability_caption(run: Results, lines: pd.DataFrame, table: pd.DataFrame) -> str:
    what = (
        f"probability of {run.class_names[run.positive]}"
        if run.positive is not None
        else "probability of the decided class"
    )
    bins = int(lines.groupby(["technique", "stage"]).size().max())
    count = int(lines["count"].median())
    text = (
        f"Predicted {what} against how often it was so, test split, all seeds together, in {bins} bins of equal counts "
        f"(about {count} predictions each). On the dashed line probabilities mean what they say; "
    )
    text += "beneath it they are too high. "
    before, after = (table[table["stage"] == stage].set_index("technique")["ece"] for stage in ("before", "after"))
    if len(before) == 1:
        return f"{text}ECE {before.iloc[0]:.3f} as trained, {after.iloc[0]:.3f} after scaling."
    low, high = str(before.idxmin()), str(before.idxmax())
    better = int((after < before).sum())
    return (
        f"{text}ECE as trained lies between {before.min():.3f} ({display_name(low)}) and {before.max():.3f} "
        f"({display_name(high)}); temperature scaling lowers it for {better} of {len(before)} techniques."
    )
