"""Net benefit against threshold probability."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from balancing.components.decisions.threshold import COST_RATIO
from sweep.analysis.decisions.net_benefit import THRESHOLD_PROBABILITIES, treat_all
from sweep.analysis.figures.panels import DASHED
from sweep.analysis.figures.style import GRID, OTHER, WIDTH, Plot, light_grid, of_technique, style, technique_legend
from sweep.analysis.figures.text import decimals
from sweep.analysis.names import display_name, marker
from sweep.analysis.statistics.paired import BASELINE


def decision_curve_plot(
    benefit: pd.DataFrame, prevalence: float, cost_ratio: float = COST_RATIO, few: Collection[str] | None = None
) -> Plot:
    """Net benefit against threshold probability, with acting on everyone and on nobody.

    Args:
        benefit: of ``operating_points.benefit_curves``, not empty.
        prevalence: share of positives in the test split.
        cost_ratio: what a miss costs in false alarms, of the point that the caption reads off.
        few: techniques in colour, the others grey; None for all.
    """
    everything = list(dict.fromkeys(benefit["technique"]))
    techniques = [name for name in everything if few is None or name in few]
    others = [name for name in everything if name not in techniques]
    everyone = treat_all(prevalence)
    with style():
        figure = Figure(figsize=(WIDTH, 4.1), layout="constrained")
        axes = figure.add_subplot()
        light_grid(axes)
        axes.axhline(0, color=GRID, linewidth=1.2, zorder=1)
        axes.plot(THRESHOLD_PROBABILITIES, everyone, color=GRID, linewidth=1.2, linestyle=DASHED, zorder=1)
        for other in others:
            line = benefit[benefit["technique"] == other]
            axes.plot(line["x"], line["mean"], linewidth=0.6, **OTHER)
        for place, technique in enumerate(techniques):
            line = benefit[benefit["technique"] == technique]
            axes.plot(
                line["x"], line["mean"], linewidth=1.5, marker=marker(technique), **of_technique(technique),
                markersize=4.5, markevery=(5 + 3 * place, 25),
            )  # fmt: skip
        highest, lowest = float(benefit["mean"].max()), float(benefit["mean"].min())
        bottom = min(0.0, max(lowest, -0.6 * highest)) - 0.08 * max(highest, 0.1)
        axes.set_ylim(bottom, 1.08 * max(highest, 0.05))
        axes.set_xlim(0, 1)
        axes.set_xlabel("Threshold probability")
        axes.set_ylabel("Net benefit, test")
        _grey_labels(axes, everyone)
        technique_legend(figure, techniques, others=len(others))
    return Plot(
        "decision_curve",
        "Decision curve",
        figure,
        _benefit_caption(benefit, prevalence, cost_ratio)
        + (f" {len(techniques)} of {len(everything)} techniques in colour." if others else ""),
        f"Net benefit against threshold probability for {len(everything)} techniques, for everyone and for nobody.",
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
    text += f"{decimals(treat_all(prevalence)[place], 3)}"
    if len(at) > 1 and len(baseline):
        text += f", the baseline {_benefit(baseline.iloc[0])}"
    most = "the most, " if len(at) > 1 else ""
    return f"{text}, and {display_name(str(best['technique']))} {most}{_benefit(best)}."


def _benefit(row: pd.Series) -> str:
    if pd.isna(row["low"]) or pd.isna(row["high"]):  # one patient of a class
        return f"{decimals(row['mean'], 3)} (too few patients for an interval)"
    return f"{decimals(row['mean'], 3)} ({decimals(row['low'], 3)} to {decimals(row['high'], 3)})"
