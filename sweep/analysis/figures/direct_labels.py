"""Labels beside what they name, for figures with more techniques than a legend can tell apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from sweep.analysis.names import colour, display_name

_SIZE = 6.5  # points
_LINE = 1.25 * _SIZE / 72  # inches from one label to the next


def label_directly(figure: Figure, techniques: Sequence[str]) -> list[str]:
    """Writes each technique's name at the right of the last axes that show it, with a thin line from its last point.

    The figure grows where it is not high enough for so many names.

    Args:
        techniques: drawn in their ``colour``, by which they are found.
    Returns:
        Those that no axes show.
    """
    left = list(techniques)
    for axes in reversed(figure.axes):
        ends = _ends(axes, left)
        if len(ends) > 1:
            figure.set_figheight(max(figure.get_figheight(), _LINE * len(ends) + 1.2))
            _write(axes, ends)
            left = [technique for technique in left if technique not in ends]
    return left


def _ends(axes: Axes, techniques: Sequence[str]) -> dict[str, tuple[float, float]]:
    """Technique -> the last finite point, in the axes' data, of what is drawn in its colour."""
    by_colour = {colour(technique): technique for technique in techniques}
    found: dict[str, tuple[float, float]] = {}
    drawn = [(to_hex(line.get_color()), np.column_stack([line.get_xdata(), line.get_ydata()])) for line in axes.lines]
    for collection in axes.collections:
        faces = collection.get_facecolor()
        if len(faces):
            drawn.append((to_hex(faces[0]), np.asarray(collection.get_offsets())))  # type: ignore[arg-type]
    for shown, points in drawn:
        finite = points[np.isfinite(points.astype(float)).all(axis=1)] if len(points) else points
        if shown in by_colour and len(finite):
            found[by_colour[shown]] = (float(finite[-1, 0]), float(finite[-1, 1]))
    return found


def _write(axes: Axes, ends: Mapping[str, tuple[float, float]]) -> None:
    to_share = axes.transData + axes.transAxes.inverted()
    height = {technique: float(to_share.transform(point)[1]) for technique, point in ends.items()}
    ordered = sorted(ends, key=lambda technique: height[technique])
    for technique, place in zip(ordered, _apart([height[t] for t in ordered]), strict=True):
        axes.annotate(
            display_name(technique),
            xy=ends[technique],
            xytext=(1.03, place),
            textcoords="axes fraction",
            color=colour(technique),
            fontsize=_SIZE,
            va="center",
            annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": colour(technique), "linewidth": 0.4, "alpha": 0.6},
        )


def _apart(heights: Sequence[float]) -> np.ndarray:
    """Places in [0, 1] a line apart, near to the ascending heights: moved up where they meet, down from the top."""
    gap = min(1 / max(len(heights), 1), 0.05)
    places = np.clip(np.asarray(heights, dtype=float), 0, 1)
    for i in range(1, len(places)):
        places[i] = max(places[i], places[i - 1] + gap)
    over = places[-1] - 1 if len(places) else 0.0
    if over > 0:
        places[-1] = 1.0
        for i in range(len(places) - 2, -1, -1):
            places[i] = min(places[i], places[i + 1] - gap)
    return places
