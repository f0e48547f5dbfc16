"""Precision-recall curves."""

from __future__ import annotations

from collections.abc import Collection

from sweep.analysis.decisions.operating_points import (
    Curves,
)
from sweep.analysis.figures.panels import DASHED, bands_sentence, curve_panels, few_sentence, largest_area
from sweep.analysis.figures.style import GRID, Plot, style


def precision_recall_plot(curves: Curves, few: Collection[str] | None = None) -> Plot:
    """Precision-recall curves on the test split with bands, and the prevalence: what guessing reaches.

    Args:
        few: techniques that get a panel; None for all.
    """
    points = curves.points
    lowest = min(curves.prevalence, float(curves.pr["low"].min()))
    with style():
        figure, grid = curve_panels(curves.pr, points, ("average_precision", "AP", "Recall, test"), few)
        for axes in grid:
            axes.axhline(curves.prevalence, color=GRID, linewidth=0.9, linestyle=DASHED, zorder=1)
            axes.set_ylim(max(-0.02, lowest - 0.25 * (1 - lowest) - 0.02), 1.02)
        figure.supylabel("Precision, test", fontsize=9.5)
    text = (
        f"Precision against recall over all thresholds. {bands_sentence(points)}{few_sentence(points, few)} Dashed: "
        f"the share of positives in the test split ({curves.prevalence:.3f}), which guessing reaches; at another "
        f"prevalence the curves lie elsewhere. {largest_area(points, 'average_precision')}"
    )
    alt = f"Precision-recall curves with bands of {len(points)} techniques on the test split."
    return Plot("precision_recall", "Precision-recall curves", figure, text, alt)
