"""How class activation maps are drawn: over their image, and as a grid of images and techniques."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from balancing.data.masks import Masks
from balancing.data.text import shortened
from sweep.analysis.figures.overlay import COLOURS, opacity
from sweep.analysis.figures.style import Plot, style
from sweep.analysis.maps.cases import Case, CaseMaps
from sweep.analysis.maps.methods import METHOD, cam_method, fields
from sweep.analysis.names import display_name

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
        shown = axes.imshow(heat, cmap=COLOURS, alpha=opacity(heat), vmin=0, vmax=1)
    if mask is not None and mask.any():
        axes.contour(mask.astype(float), levels=[0.5], colors=_LESION, linewidths=1.0)
    axes.set_xticks([])
    axes.set_yticks([])
    for edge in axes.spines.values():
        edge.set_visible(False)
    return shown


def image_plot(pixels: np.ndarray, heat: np.ndarray, title: str, technique: str) -> Figure:
    """One image, and beside it its map over it.

    Args:
        pixels: (H, W) or (H, W, 3) uint8.
        heat: (H, W) float in [0, 1].
        title: above the image.
        technique: whose network made the map.
    """
    with style():
        figure = Figure(figsize=(6.4, 3.6), layout="constrained")
        left, right = figure.subplots(1, 2)
        overlay(left, pixels)
        colours = overlay(right, pixels, heat)
        right.set_title(f"{METHOD}, {display_name(technique)}")
        left.set_title(title, fontsize=9)
        bar = figure.colorbar(colours, ax=right, shrink=0.75, ticks=[0, 0.5, 1])
        bar.solids.set_alpha(1)  # type: ignore[union-attr]
        bar.set_label("evidence for the decision, relative", fontsize=8)
    return figure


def cam_plot(found: CaseMaps, class_names: Sequence[str], masks: Masks | None = None) -> Plot:
    """The grid: a row a test image; the image, then the map of each technique's best trial over it.

    Args:
        found: from ``case_maps``.
        class_names: (C,).
        masks: to outline, of the run's images.
    """
    outlined: list[np.ndarray | None] = [None] * len(found.cases)
    if masks is not None:
        outlined = list(masks.of(np.array([case.row for case in found.cases])))
    titles = [
        f"True: {shortened(class_names[case.label], 14)}\n{case_in_words(case, len(found.maps))}"
        for case in found.cases
    ]
    outcomes = {
        display_name(technique): [
            outcome(p, case.label, class_names).replace(", ", "\n") for p, case in zip(own, found.cases, strict=True)
        ]
        for technique, own in found.probabilities.items()
    }
    maps = {display_name(technique): list(own) for technique, own in found.maps.items()}
    figure = cam_grid(list(found.pixels), titles, maps, outcomes, outlined)
    alt = f"Grid of {len(found.cases)} test images, each with the class activation maps of {', '.join(maps)}."
    caption = _caption(found, len(class_names), masks)
    return Plot("cams", "Where the networks look", figure, caption, alt, wide=True, raster=True)


def case_in_words(case: Case, techniques: int) -> str:
    """``sure, all right``: what a case was chosen for, and how many of the techniques are right."""
    if techniques == 1:
        result = "wrong" if case.wrong else "right"
    elif case.wrong == 0:
        result = "all right"
    else:
        result = "all wrong" if case.wrong == techniques else f"{case.wrong} of {techniques} wrong"
    return result if case.kind == "wrong" else f"{case.kind}, {result}"


def outcome(probabilities: np.ndarray, label: int | None, class_names: Sequence[str]) -> str:
    """``PNEUMONIA .93, correct``: the decided class, its probability, and whether it is true (where that is known)."""
    decided = int(probabilities.argmax())
    chance = f"{probabilities[decided]:.2f}".removeprefix("0")
    ending = "" if label is None else ", correct" if decided == label else ", wrong"
    return f"{shortened(class_names[decided], 14)} {chance}{ending}"


def _caption(found: CaseMaps, n_classes: int, masks: Masks | None) -> str:
    kinds = {case.kind for case in found.cases}
    shown = len({case.label for case in found.cases})
    each = "each class" if shown == n_classes else f"{shown} of the {n_classes} classes"
    text = (
        f"{cam_method(found.method).name} on {found.block}, of each technique's best trial "
        "(highest validation metric among the chosen ones), for the class that trial decided on. The same test images "
        f"for all: of {each} the one that most techniques get right and surest"
    )
    text += ", the least sure one" if "unsure" in kinds else ""
    text += ", and one that most get wrong where there is one." if len(kinds) > 1 else "."
    text += (
        " Above each map: the decision, its probability, the outcome. Each map is scaled to its own smallest and "
        "largest value, so brightness compares places within a map, not maps."
    )
    height, width = found.pixels.shape[1:3]
    down, across = fields(height, width, found.field)
    if min(down, across) == 1:
        text += f" At {height} pixels a side the last block has one field alone, so no place can be told."
    else:
        text += f" The last block sees these images as {down} x {across} fields; no finer place can be told."
    if masks is not None:
        text += f" The outline is {masks.what}."
    if found.others:
        text += f" {found.others} techniques more were trained; no maps of them are made or measured here."
    if found.missing:
        text += f" {found.missing} technique(s) are missing: their networks were not kept."
    return text


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
