"""The average image of each class, and the averages of the corner, border or marks that give a class away."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from balancing.data.text import shortened
from balancing.quality.appearance import (
    BORDER,
    BORDER_CONTRAST,
    CORNER_NAMES,
    CORNERS,
    MARKS,
    corner_of,
    corner_side,
    frame_width,
    grey,
    strokes,
)
from balancing.quality.findings import Audit, Shortcut
from balancing.quality.shortcuts import severity_of
from sweep.analysis.figures.style import WIDTH, Plot, style
from sweep.analysis.figures.text import listed
from sweep.analysis.results import Results
from sweep.analysis.run_images import check_images

if TYPE_CHECKING:
    from balancing.data.images import ImageSet

MOST_CLASSES = 6
# Of each class, evenly over its images; more change no average that can be seen.
MOST_IMAGES = 1_000
# Kinds of places beneath the averages.
_MOST_PLACES = 2
_BLOCK = 32
# Colours of classes, Okabe & Ito's for colour-blind readers.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")


@dataclass(frozen=True)
class Averages:
    """Of the images of one class.

    Args:
        name: of the class.
        count: images looked at.
        image: (H, W) or (H, W, 3) float64 in 0..255.
        dark: (H, W) float64, the mean of the grey images.
        strokes: (H, W) float64, the share of images with a thin bright stroke in each pixel.
    """

    name: str
    count: int
    image: np.ndarray
    dark: np.ndarray
    strokes: np.ndarray

    @classmethod
    def of(cls, name: str, pixels: np.ndarray, rows: np.ndarray) -> Averages:
        picked = rows[np.linspace(0, len(rows) - 1, min(len(rows), MOST_IMAGES)).round().astype(int)]
        image = np.zeros(pixels.shape[1:])
        dark, thin = np.zeros(pixels.shape[1:3]), np.zeros(pixels.shape[1:3])
        for block in _blocks(picked):
            part = np.asarray(pixels[block])
            image += part.sum(axis=0, dtype=np.float64)
            flat = grey(part)
            dark += flat.sum(axis=0, dtype=np.float64)
            thin += strokes(flat).sum(axis=0)
        return cls(name, len(picked), image / len(picked), dark / len(picked), thin / len(picked))


def _blocks(rows: np.ndarray) -> Iterator[np.ndarray]:
    return (rows[start : start + _BLOCK] for start in range(0, len(rows), _BLOCK))


def edges_plot(run: Results, images: ImageSet) -> Plot | None:
    """What the classes look like on average, in training and validation, and at the edges that tell them apart.

    Returns:
        None where no two classes have images there.
    Raises:
        UserError: other images than the run's.
    """
    check_images(run, images)
    audit = run.audit()
    told = _places(audit) if audit is not None else []
    table = run.split()
    rows = np.sort(table.loc[table["split"].isin(["train", "validation"]), "row"].to_numpy())
    labels = images.labels[rows]
    classes = _shown(np.bincount(labels, minlength=images.n_classes), images.class_names, told)
    if len(classes) < 2:
        return None
    averages = [
        Averages.of(images.class_names[label], images.pixels, rows[labels == label]) for label in sorted(classes)
    ]
    return Plot(
        name="class_averages",
        title="The average image of each class",
        figure=_draw(averages, told),
        caption=_caption(averages, told, images.n_classes),
        alt=_alt(averages, told),
        wide=len(averages) > 3,
        raster=True,
    )


def _places(audit: Audit) -> list[Shortcut]:
    """The worst properties of the edges that give a class away: one of each kind of place."""
    found: dict[str, Shortcut] = {}
    for one in audit.shortcuts:
        if one.family == "edges" and severity_of(one) is not None and _kind(one) is not None:
            found.setdefault(_kind(one) or "", one)
    return list(found.values())[:_MOST_PLACES]


def _kind(one: Shortcut) -> str | None:
    """``corner``, ``border`` or ``marks``; None for a property of another version."""
    if one.property in CORNER_NAMES:
        return "corner"
    return {BORDER: "border", BORDER_CONTRAST: "border", MARKS: "marks"}.get(one.property)


def _shown(counts: np.ndarray, class_names: Sequence[str], told: Sequence[Shortcut]) -> list[int]:
    """Classes that are told of first, then the most frequent; those with an image."""
    named = [class_names.index(one.class_name) for one in told if one.class_name in class_names]
    order = list(dict.fromkeys([*named, *np.argsort(-counts, kind="stable").tolist()]))
    return [label for label in order if counts[label]][:MOST_CLASSES]


def _draw(averages: Sequence[Averages], told: Sequence[Shortcut]) -> Figure:
    """A column a class, a row for whole images and one for each place."""
    columns, rows = len(averages), 1 + len(told)
    side = min((WIDTH * (2 if columns > 3 else 1)) / columns, 1.9)
    with style():
        figure = Figure(figsize=(max(WIDTH, side * columns), rows * (side + 0.28)), layout="constrained")
        grid = figure.subplots(rows, columns, squeeze=False)
        for column, (one, colour) in enumerate(zip(averages, COLOURS, strict=False)):
            _picture(grid[0, column], one.image, 0, 255, colour)
            grid[0, column].set_title(f"{shortened(one.name, 22)}\n{one.count:,} images", color=colour, pad=4)
            for place in told:
                _outline(grid[0, column], one.dark.shape, place)
        for across, place in zip(grid[1:], told, strict=True):
            pictures = [_at(place)(one) for one in averages]
            top = max(float(np.nanmax(picture)) for picture in pictures) or 1.0
            low = 0.0 if _kind(place) == "marks" else min(float(np.nanmin(picture)) for picture in pictures)
            for axes, picture, colour in zip(across, pictures, COLOURS, strict=False):
                _picture(axes, picture, low, max(top, low + 1e-9), colour)
            across[0].set_ylabel(_row_name(place))
    return figure


def _at(place: Shortcut) -> Callable[[Averages], np.ndarray]:
    """What is drawn of a place: the corner; the image without its middle, of which a border is; where strokes lie."""
    if place.property in CORNER_NAMES:
        corner = CORNERS[CORNER_NAMES.index(place.property)]
        return lambda one: corner_of(one.dark, corner)
    if _kind(place) == "border":
        return lambda one: _frame(one.dark)
    return lambda one: np.sqrt(one.strokes)  # where few have one, it is seen too


def _frame(image: np.ndarray) -> np.ndarray:
    """The border's frame alone; NaN inside."""
    high, wide = (frame_width(side) for side in image.shape)
    found = image.copy()
    found[high:-high, wide:-wide] = np.nan
    return found


def _picture(axes: Axes, pixels: np.ndarray, low: float, high: float, colour: str) -> None:
    if pixels.ndim == 3:
        pixels = np.clip(pixels, 0, 255).round().astype(np.uint8)
    axes.imshow(pixels, cmap="gray", vmin=low, vmax=high, interpolation="nearest")
    axes.set_facecolor("#e9e9e9")
    axes.set_xticks([])
    axes.set_yticks([])
    for edge in axes.spines.values():
        edge.set(visible=True, color=colour, linewidth=1.6)


def _outline(axes: Axes, shape: tuple[int, ...], place: Shortcut) -> None:
    """A box around the corner that is drawn beneath."""
    if place.property not in CORNER_NAMES:
        return
    corner = CORNERS[CORNER_NAMES.index(place.property)]
    high, wide = (corner_side(side) for side in shape)
    x = -0.5 if corner.endswith("left") else shape[1] - wide - 0.5
    y = -0.5 if corner.startswith("top") else shape[0] - high - 0.5
    axes.add_patch(Rectangle((x, y), wide, high, fill=False, edgecolor="#f0e442", linewidth=1.2, clip_on=False))


def _row_name(place: Shortcut) -> str:
    corner = f"Corner at\n{CORNERS[CORNER_NAMES.index(place.property)]}" if place.property in CORNER_NAMES else ""
    return corner or {"border": "Border", "marks": "Thin bright\nstrokes"}[_kind(place) or ""]


def _told(one: Shortcut) -> str:
    return f"{one.property} tells {one.class_name} with an AUROC of {one.auroc:.2f}"


def _caption(averages: Sequence[Averages], told: Sequence[Shortcut], n_classes: int) -> str:
    text = "Averages over training and validation images"
    text += f" (at most {MOST_IMAGES:,} of a class)." if any(one.count == MOST_IMAGES for one in averages) else "."
    if told:
        text += (
            f" Beneath, each row on a grey scale of its own, what gives a class away: {listed(list(map(_told, told)))}."
        )
        if any(_kind(one) == "marks" for one in told):
            text += " Of strokes it is the share of images that have one there, brighter for more (as its root)."
    else:
        text += " No corner, border or mark near it gives a class away."
    if n_classes > len(averages):
        text += f" {len(averages)} of {n_classes} classes are shown."
    return text


def _alt(averages: Sequence[Averages], told: Sequence[Shortcut]) -> str:
    parts = [f"{one.name}: mean brightness {one.dark.mean():.0f} of 255" for one in averages]
    text = f"The average images of {listed([one.name for one in averages])}, side by side. {'; '.join(parts)}."
    for place in (one for one in told if _kind(one) != "marks"):
        means = [f"{one.name} {np.nanmean(_at(place)(one)):.3g}" for one in averages]
        text += f" Beneath, {place.property}: {', '.join(means)}."
    return text
