"""Synthetic training images, each between the two it was made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from balancing.components.plans import TrainingPlan
from balancing.data.text import shortened
from sweep.analysis.figures.style import WIDTH, Plot, style
from sweep.analysis.figures.text import listed
from sweep.analysis.highlights import highlights
from sweep.analysis.names import display_name
from sweep.analysis.results import Results
from sweep.analysis.synthetic.measure import chosen_specs, plan_of

if TYPE_CHECKING:
    from balancing.data.images import ImageSet

SHOWN = 3
MOST_TECHNIQUES = 6


@dataclass(frozen=True)
class Mixture:
    """One synthetic image with its parents.

    Args:
        base, mate: (H, W) or (H, W, 3) uint8.
        image: the mixture, the same shape, float64 in 0..255.
        weight: how far it lies from base to mate, 0..1.
        names: of the classes of base, mixture and mate.
    """

    base: np.ndarray
    mate: np.ndarray
    image: np.ndarray
    weight: float
    names: tuple[str, str, str]


def pick(plan: TrainingPlan, count: int, rng: np.random.Generator) -> np.ndarray:
    """Some synthetic rows of a plan, from low to high weights: of each share of them one from its middle half.

    Returns:
        (min(count, synthetic rows),) int64, rows of the plan.
    """
    made = np.flatnonzero(plan.synthetic)
    shares = np.array_split(made[np.argsort(plan.weight[made], kind="stable")], max(1, min(count, len(made))))
    # Weights near 0 and 1 would show a copy.
    middles = [share[len(share) // 4 : -(len(share) // 4) or None] for share in shares if len(share)]
    return np.array([rng.choice(middle) for middle in middles], dtype=np.int64)


def mixtures(plan: TrainingPlan, images: ImageSet, rows: np.ndarray) -> list[Mixture]:
    """The rows of a plan as images."""
    found = []
    for row, image in zip(rows, plan.realise(images.pixels, rows), strict=True):
        base, mate = int(plan.base[row]), int(plan.mate[row])
        labels = (images.labels[base], plan.labels[row], images.labels[mate])
        names = tuple(images.class_names[int(label)] for label in labels)
        pixels = (np.asarray(images.pixels[base]), np.asarray(images.pixels[mate]))
        found.append(Mixture(*pixels, image, float(plan.weight[row]), (names[0], names[1], names[2])))
    return found


def gallery_plot(run: Results, images: ImageSet, rng: np.random.Generator, shown: int = SHOWN) -> Plot | None:
    """A few synthetic images of each technique that makes some, each beside its parents.

    Args:
        images: the run's own.
        rng: draws which are shown.
        shown: of each technique; of more than ``MOST_TECHNIQUES`` the few of ``highlights``.
    Returns:
        None where no chosen technique made any.
    Raises:
        UserError: other images than the run's.
    """
    specs = chosen_specs(run)
    gallery: dict[str, list[Mixture]] = {}
    few = set(highlights(run, specs, MOST_TECHNIQUES))
    for (technique, spec), own in zip(specs.items(), rng.spawn(len(specs)), strict=True):
        if technique not in few:
            continue
        plan = plan_of(run, images, spec)
        if plan.synthetic.any():
            gallery[technique] = mixtures(plan, images, pick(plan, shown, own))
    if not gallery:
        return None
    return Plot(
        name="synthetic_images",
        title="Synthetic images beside their parents",
        figure=_draw(gallery),
        caption=_caption(gallery)
        + (f" {len(few)} of {len(specs)} techniques that mix images are shown." if len(few) < len(specs) else ""),
        alt=_alt(gallery),
        wide=len(gallery) > 1,
        raster=True,
    )


def _draw(gallery: dict[str, list[Mixture]]) -> Figure:
    """A block a technique, two side by side: a row a mixture, the parents left and right of it."""
    columns = min(2, len(gallery))
    rows = -(-len(gallery) // columns)
    deep = max(len(found) for found in gallery.values())
    with style():
        figure = Figure(figsize=(WIDTH * columns, rows * (0.5 + 1.78 * deep)), layout="constrained")
        blocks = figure.subfigures(rows, columns, squeeze=False, wspace=0.03)
        for block, (technique, found) in zip(blocks.flat, gallery.items(), strict=False):
            block.suptitle(display_name(technique), fontsize=10.5, fontweight="bold")
            grid = block.subplots(deep, 3, squeeze=False)
            for axes in grid[len(found) :].flat:
                axes.set_visible(False)
            for line, (across, mixture) in enumerate(zip(grid, found, strict=False)):
                _row(across, mixture, first=line == 0)
    return figure


def _row(across: np.ndarray, mixture: Mixture, *, first: bool) -> None:
    heads = ("Image", "Synthetic", "Its neighbour") if first else ("", "", "")
    notes = ("", f"{mixture.weight:.2f} of the way", "")
    pictures = (mixture.base, mixture.image, mixture.mate)
    for axes, head, note, name, pixels in zip(across, heads, notes, mixture.names, pictures, strict=True):
        picture(axes, pixels)
        name = shortened(name, 20 if not note else 14)
        text = f"{note}\n{name}" if note else name
        axes.set_title(f"{head}\n{text}" if head else text, fontsize=9, linespacing=1.25, pad=4)


def picture(axes: Axes, pixels: np.ndarray) -> None:
    """An image without ticks or edges: (H, W) or (H, W, 3), 0..255."""
    shown = np.clip(pixels, 0, 255).round().astype(np.uint8)
    axes.imshow(shown, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    axes.set_xticks([])
    axes.set_yticks([])
    for edge in axes.spines.values():
        edge.set_visible(False)


def _caption(gallery: dict[str, list[Mixture]]) -> str:
    names = listed([display_name(t) for t in gallery]) if len(gallery) < 3 else f"{len(gallery)} techniques"
    text = (
        f"Synthetic training images of {names}, each between the training image it starts from and the neighbour "
        "towards which it goes: image + weight x (neighbour - image), before augmentation. Drawn at random, from low "
        "to high weights."
    )
    everything = [mixture for found in gallery.values() for mixture in found]
    middle = min(everything, key=lambda m: abs(m.weight - 0.5))
    text += f" Nearest the middle, at {middle.weight:.2f} of the way, look for outlines that appear twice."
    foreign = sum(m.names[2] != m.names[1] for m in everything)
    if foreign:
        text += f" {foreign} of the {len(everything)} shown go towards an image of another class."
    return text


def _alt(gallery: dict[str, list[Mixture]]) -> str:
    parts = []
    for technique, found in gallery.items():
        weights = ", ".join(f"{m.weight:.2f}" for m in found)
        parts.append(f"{display_name(technique)} at {weights} of the way")
    return f"Rows of three images: a training image, a mixture, its neighbour. {'; '.join(parts)}."
