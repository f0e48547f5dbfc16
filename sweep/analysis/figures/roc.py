"""ROC curves."""

from __future__ import annotations

from collections.abc import Collection

from matplotlib.ticker import FixedLocator

from sweep.analysis.decisions.operating_points import (
    Curves,
)
from sweep.analysis.figures.panels import DASHED, bands_sentence, curve_panels, few_sentence, largest_area
from sweep.analysis.figures.style import GRID, Plot, style


def roc_plot(curves: Curves, few: Collection[str] | None = None) -> Plot:
    """ROC curves on the test split with bands: a panel a technique, the baseline in each.

    Args:
        few: techniques that get a panel; None for all.
    """
    points = curves.points
    with style():
        figure, grid = curve_panels(curves.roc, points, ("auroc", "AUROC", "False positive rate, test"), few)
        for axes in grid:
            axes.plot([0, 1], [0, 1], color=GRID, linewidth=0.8, linestyle=DASHED, zorder=1)
            axes.set_ylim(-0.02, 1.02)
            axes.yaxis.set_major_locator(FixedLocator([0, 0.5, 1]))
        figure.supylabel("Sensitivity, test", fontsize=9.5)
    text = "Sensitivity against false positive rate (1 \N{MINUS SIGN} specificity) over all thresholds. "
    text += f"{bands_sentence(points)}{few_sentence(points, few)} Dashed: guessing. "
    alt = f"ROC curves with bands of {len(points)} techniques on the test split."
    return Plot("roc", "ROC curves", figure, text + largest_area(points, "auroc"), alt)
