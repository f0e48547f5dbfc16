"""Deletion and insertion curves of the activation maps, drawn."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from sweep.analysis.figures.style import WIDTH, Plot, light_grid, of_technique, style, technique_legend
from sweep.analysis.figures.text import decimals
from sweep.analysis.maps.perturbation import Curves
from sweep.analysis.names import INK, display_name, marker


def faithfulness_plot(curves: Mapping[str, Curves], checks: pd.DataFrame) -> Plot | None:
    """Probability of the decided class while pixels go, and while they come, in the order of each technique's maps.

    Args:
        curves: technique -> its curves, means over images are drawn.
        checks: of ``sweep.analysis.maps.checks.Checks``, for the caption.
    Returns:
        None where no technique has an image whose map tells a place.
    """
    drawn = {technique: found for technique, found in curves.items() if len(found.deletion)}
    if not drawn:
        return None
    floor = np.mean([found.floor.mean(axis=0) for found in drawn.values()], axis=0)
    lowest = min(
        float(line.mean(axis=0).min()) for found in drawn.values() for line in (found.deletion, found.insertion)
    )
    share = 100 * np.linspace(0, 1, len(floor))
    with style():
        figure = Figure(figsize=(WIDTH, 3.6), layout="constrained")
        panels = figure.subplots(1, 2, sharey=True)
        # Put in by a random order, an image goes through the same states backwards.
        for axes, name, by_chance in zip(panels, ("deletion", "insertion"), (floor, floor[::-1]), strict=True):
            light_grid(axes)
            axes.plot(share, by_chance, color=INK, linewidth=1.6, linestyle=(0, (3, 2)), zorder=5)
            for technique, found in drawn.items():
                axes.plot(
                    share, getattr(found, name).mean(axis=0), linewidth=1.5, marker=marker(technique), markersize=4,
                    **of_technique(technique),
                )  # fmt: skip
            axes.set_xlim(0, 100)
            axes.set_ylim(max(0.0, lowest - 0.08), 1.02)
            axes.set_title(name.capitalize())
            axes.set_xlabel("Pixels taken away, %" if name == "deletion" else "Pixels put in, %")
        panels[0].set_ylabel("Probability of the decided class")
        technique_legend(figure, list(drawn))
    return Plot(
        "deletion_insertion",
        "Deletion and insertion",
        figure,
        _caption(checks[checks["technique"].isin(drawn)]),
        f"Deletion and insertion curves of {len(drawn)} techniques, and of a random order.",
        wide=True,
    )


def _caption(checks: pd.DataFrame) -> str:
    count = int(checks["curve_images"].max())
    best = checks.iloc[int(checks["insertion_gain"].to_numpy().argmax())]
    gain, low, high = (decimals(best[f"insertion_gain{end}"], 3) for end in ("", "_low", "_high"))
    return (
        "What a good map marks is missed at once: its curve falls faster (left) and rises faster (right) than the "
        f"dashed one, of a random order as coarse. Means over {count} images. Furthest above it on insertion: "
        f"{display_name(best['technique'])}, by an area of {gain} (95 % interval {low} to {high})."
    )
