"""How class activation maps are drawn: over their image, and as a grid of images and techniques."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sweep.analysis.figures.style import style

_COLOURS = "inferno"
_LESION = "#35e0ff"


def overlay(axes: Axes, pixels: np.ndarray, heat: np.ndarray | None = None, mask: np.ndarray | None = None) -> Any:
    """Draws an image, a map over it, and the outline of a mask.

    Args:
        pixels: (H, W) or (H, W, 3) uint8.
        heat: (H, W) float in [0, 1].
        mask: (H, W) bool.
    Returns:
        Matplotlib's image that a colour bar is made for.
    """
    shown = axes.imshow(pixels, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    if heat is not None:
        shown = axes.imshow(heat, cmap=_COLOURS, alpha=0.2 + 0.4 * heat, vmin=0, vmax=1)
    if mask is not None and mask.any():
        axes.contour(mask.astype(float), levels=[0.5], colors=_LESION, linewidths=1.0)
    axes.set_xticks([])
    axes.set_yticks([])
    for edge in axes.spines.values():
        edge.set_visible(False)
    return shown


def cam_grid(
    images: list[np.ndarray],
    titles: list[str],
    maps: dict[str, list[np.ndarray]],
    outcomes: dict[str, list[str]],
    masks: list[np.ndarray | None],
) -> Figure:
    """A row an image: the image, then a column a technique.

    Args:
        images: (R,) of (H, W) or (H, W, 3) uint8.
        titles: (R,) above the images.
        maps: the technique's shown name -> (R,) of (H, W) float in [0, 1]; at least one technique.
        outcomes: the technique's shown name -> (R,) above its maps.
        masks: (R,) of (H, W) bool to outline, or None.
    """
    columns = 1 + len(maps)
    with style():
        figure = Figure(figsize=(1.75 * columns + 0.5, 2.2 * len(images) + 0.3), layout="constrained")
        figure.get_layout_engine().set(w_pad=0.03, h_pad=0.04)  # type: ignore[union-attr, call-arg]
        grid = figure.subplots(len(images), columns, squeeze=False)
        for row, pixels in enumerate(images):
            overlay(grid[row, 0], pixels)
            grid[row, 0].set_title(("Image\n" if row == 0 else "") + titles[row], fontsize=9.5, linespacing=1.3)
            for axes, name in zip(grid[row, 1:], maps, strict=True):
                colours = overlay(axes, pixels, maps[name][row], masks[row])
                head = f"{name}\n" if row == 0 else ""
                axes.set_title(head + outcomes[name][row], fontsize=9.5, linespacing=1.3)
        bar = figure.colorbar(colours, ax=grid, shrink=0.6, aspect=40, pad=0.01, ticks=[0, 0.5, 1])
        bar.solids.set_alpha(1)  # type: ignore[union-attr]
        bar.set_label("evidence for the decided class, relative", fontsize=9.5)
        bar.ax.tick_params(labelsize=9)
    return figure
