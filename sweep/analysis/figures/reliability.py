"""Reliability diagrams."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator

from sweep.analysis.figures.panels import DASHED, panel_grid
from sweep.analysis.figures.style import GRID, Plot, light_grid, of_technique, panel_title, style
from sweep.analysis.highlights import highlights
from sweep.analysis.names import INK, display_name, marker
from sweep.analysis.results import Results


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
    techniques = highlights(run, lines["technique"])
    ece = table.set_index(["technique", "stage"])["ece"].to_dict()
    lowest = 0.0
    if run.positive is None:
        lowest = min(float(lines["predicted"].min()), float(lines["observed"].min())) - 0.05
    with style():
        figure, grid = panel_grid(len(techniques), "Mean probability")
        for axes, technique in zip(grid, techniques, strict=True):
            light_grid(axes)
            axes.plot([0, 1], [0, 1], color=GRID, linewidth=0.9, linestyle=DASHED, zorder=1)
            for stage in ("after", "before"):
                own = lines[(lines["technique"] == technique) & (lines["stage"] == stage)]
                shown: dict[str, Any] = of_technique(technique) | {"marker": marker(technique), "markersize": 4}
                if stage == "after":
                    shown |= {"linestyle": (0, (2, 2)), "markerfacecolor": "none", "linewidth": 1.0, "alpha": 0.9}
                else:
                    shown |= {"linewidth": 1.5}
                axes.plot(own["predicted"], own["observed"], **shown)
            panel_title(axes, technique)
            errors = [ece[technique, stage] for stage in ("before", "after")]
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
    shown, total = len(highlights(run, lines["technique"])), lines["technique"].nunique()
    few = f"; {shown} of {total} techniques" if shown < total else ""
    text = (
        f"Predicted {what} against how often it was so, test split, all seeds together, in {bins} bins of equal counts "
        f"(about {count} predictions each){few}. On the dashed line probabilities mean what they say; "
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
