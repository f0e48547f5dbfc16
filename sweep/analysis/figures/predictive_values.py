"""Predictive values against prevalence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from sweep.analysis.decisions.predictive_values import predictive_curves
from sweep.analysis.figures.panels import DASHED
from sweep.analysis.figures.style import GRID, OTHER, WIDTH, Plot, light_grid, of_technique, style, technique_legend
from sweep.analysis.highlights import highlights
from sweep.analysis.names import colour, display_name, marker
from sweep.analysis.results import Results
from sweep.analysis.statistics.paired import BASELINE

_PREVALENCES = np.geomspace(0.005, 0.9, 400)
_PREVALENCE_TICKS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5)


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
    everything = list(dict.fromkeys(data["technique"]))
    techniques = highlights(run, everything)
    with style():
        figure = Figure(figsize=(WIDTH, 5.6), layout="constrained")
        top, bottom = figure.subplots(2, 1, sharex=True)
        for axes, value in ((top, "ppv"), (bottom, "npv")):
            light_grid(axes)
            axes.axvline(prevalence, color=GRID, linewidth=0.9, linestyle=DASHED, zorder=1)
            for (technique, rule), line in data.groupby(["technique", "rule"], sort=False):
                if technique not in techniques:
                    axes.plot(line["prevalence"][::10], line[value][::10], linewidth=0.6, **OTHER)
                    continue
                shown: dict[str, Any] = of_technique(str(technique)) | {"linewidth": 1.5}
                if rule == "argmax":
                    place = 15 + 15 * techniques.index(str(technique))  # markers beside each other, not on top
                    shown |= {"marker": marker(str(technique)), "markersize": 4.5, "markevery": (place, 130)}
                else:
                    shown |= {"linestyle": DASHED, "zorder": 5}
                axes.plot(line["prevalence"], line[value], **shown)
            axes.set_ylabel(f"{value.upper()}")
        low = float(data["npv"].min()) if data["npv"].notna().any() else 0.0  # nobody may say "negative"
        top.set_ylim(-0.02, 1.02)
        bottom.set_ylim(max(-0.02, low - 0.05), 1 + 0.03 * (1 - low) + 0.005)
        bottom.set_xscale("log")
        bottom.set_xlim(_PREVALENCES[0], _PREVALENCES[-1])
        bottom.xaxis.set_major_locator(FixedLocator(list(_PREVALENCE_TICKS)))
        bottom.xaxis.set_minor_locator(NullLocator())
        bottom.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:g} %"))
        bottom.set_xlabel("Prevalence (log)")
        dashed = "Baseline + threshold" if (data["rule"] != "argmax").any() else None
        _legend(figure, techniques, len(everything) - len(techniques), dashed)
    return Plot(
        "predictive_values",
        "Predictive values against prevalence",
        figure,
        _predictive_caption(run, data, prevalence),
        f"Two line charts, PPV and NPV against prevalence from 0.5 % to 90 %, for {len(everything)} techniques.",
    )


def _legend(figure: Figure, techniques: Sequence[str], others: int, dashed: str | None) -> None:
    """``technique_legend`` with one more entry for the baseline at its tuned threshold."""
    if dashed is None:
        technique_legend(figure, techniques, others=others)
        return
    handles = [Line2D([], [], color=colour(t), marker=marker(t), markersize=5) for t in techniques]
    handles.append(Line2D([], [], color=colour(BASELINE), linestyle=DASHED))
    names = [*(display_name(t) for t in techniques), dashed]
    if others:
        handles.append(Line2D([], [], color=GRID))
        names.append(f"{others} other{'s' if others > 1 else ''}")
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
    said = (
        f"{text}At a prevalence of {at} PPV ranges from {worst['ppv']:.2f} ({_called(worst)}) to {best['ppv']:.2f} "
        f"({_called(best)})"
    )
    if near["npv"].isna().all():
        return f"{said}."
    return f"{said}, and NPV from {near['npv'].min():.3f} to {near['npv'].max():.3f}."


def _called(row: pd.Series) -> str:
    return display_name(str(row["technique"])) + (" + threshold" if row["rule"] != "argmax" else "")
