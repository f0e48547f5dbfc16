"""Mixtures of features have no picture: what a few were made of, and the real image that lies nearest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from balancing.components.plans import TrainingPlan
from balancing.data.text import shortened
from sweep.analysis.figures.gallery import MOST_TECHNIQUES, SHOWN, pick, picture
from sweep.analysis.figures.style import WIDTH, Plot, style
from sweep.analysis.highlights import highlights
from sweep.analysis.names import display_name
from sweep.analysis.results import Results
from sweep.analysis.synthetic.in_features import FeatureMixtures, FeaturePool, apart

if TYPE_CHECKING:
    from balancing.data.images import ImageSet


@dataclass(frozen=True)
class FeatureMixture:
    """One mixture of features.

    Args:
        pictures: (H, W) or (H, W, 3) uint8 of base, mate and the nearest training image that is neither.
        distances: of the mixture from each of these, in standard deviations of a feature (root mean square).
        weight: how far it lies from base to mate; below 0 beyond the base.
        names: the classes of the three, and of the mixture.
    """

    pictures: tuple[np.ndarray, np.ndarray, np.ndarray]
    distances: tuple[float, float, float]
    weight: float
    names: tuple[str, str, str, str]


def shown_mixtures(
    plan: TrainingPlan, images: ImageSet, pool: FeaturePool, rng: np.random.Generator, shown: int = SHOWN
) -> list[FeatureMixture]:
    """A few synthetic rows of a plan, from low to high weights."""
    rows = pick(plan, shown, rng)
    made = plan.realise(pool.standard, rows)
    parents = np.stack([plan.base[rows], plan.mate[rows]], axis=1)
    _, nearest = pool.nearest(made, parents)
    found = []
    for place, row in enumerate(rows):
        three = (*parents[place].tolist(), int(nearest[place]))
        distances = apart(np.repeat(made[place : place + 1], 3, axis=0), pool.standard[list(three)])
        names = [images.class_names[int(images.labels[one])] for one in three]
        first, second, third = (np.asarray(images.pixels[one]) for one in three)
        mixture = FeatureMixture(
            (first, second, third),
            (float(distances[0]), float(distances[1]), float(distances[2])),
            float(plan.weight[row]),
            (names[0], names[1], names[2], images.class_names[int(plan.labels[row])]),
        )
        found.append(mixture)
    return found


def feature_parents_plot(
    run: Results, images: ImageSet, mixtures: FeatureMixtures, rng: np.random.Generator
) -> Plot | None:
    """A block a technique: a row a mixture, with its two parents and the nearest other training image.

    Args:
        images: the run's own.
        rng: draws which are shown.
    Returns:
        None where no plan has a synthetic row.
    """
    few = set(highlights(run, mixtures.plans, MOST_TECHNIQUES))
    blocks = {}
    for (technique, plan), own in zip(mixtures.plans.items(), rng.spawn(len(mixtures.plans)), strict=True):
        if technique in few and plan.synthetic.any():
            blocks[technique] = shown_mixtures(plan, images, mixtures.pool, own)
    if not blocks:
        return None
    more = f" {len(few)} of {len(mixtures.plans)} techniques that mix features are shown."
    return Plot(
        name="feature_mixtures",
        title="What mixtures of features were made of",
        figure=_draw(blocks),
        caption="Each row stands for one synthetic training row, which is a point between the features of two images "
        "and has no picture of its own: the image it starts from, the one towards which it goes and how far it has "
        "gone, and the nearest other training image. Below each: how far the mixture lies from it, in standard "
        "deviations of a feature. Drawn at random, from low to high weights; the mixture has the class of the first."
        + (more if len(few) < len(mixtures.plans) else ""),
        alt="Rows of three images, each a parent, the other parent and the nearest other. "
        + "; ".join(f"{display_name(t)} at {', '.join(f'{m.weight:.2f}' for m in own)}" for t, own in blocks.items())
        + ".",
        wide=len(blocks) > 1,
        raster=True,
    )


def _draw(blocks: dict[str, list[FeatureMixture]]) -> Figure:
    columns = min(2, len(blocks))
    rows, deep = -(-len(blocks) // columns), max(len(found) for found in blocks.values())
    with style():
        figure = Figure(figsize=(WIDTH * columns, rows * (0.55 + 2.0 * deep)), layout="constrained")
        parts = figure.subfigures(rows, columns, squeeze=False, wspace=0.03)
        for part, (technique, found) in zip(parts.flat, blocks.items(), strict=False):
            part.suptitle(display_name(technique), fontsize=10.5, fontweight="bold")
            grid = part.subplots(deep, 3, squeeze=False)
            for axes in grid[len(found) :].flat:
                axes.set_visible(False)
            for across, mixture in zip(grid, found, strict=False):
                _row(across, mixture)
    return figure


def _row(across: np.ndarray, mixture: FeatureMixture) -> None:
    gone = f"{mixture.weight:.2f} of the way to" if mixture.weight >= 0 else f"{-mixture.weight:.2f} of the way from"
    heads = ("Starts from", gone, "Nearest other")
    for axes, head, name, far, pixels in zip(
        across, heads, mixture.names, mixture.distances, mixture.pictures, strict=False
    ):
        picture(axes, pixels)
        axes.set_title(f"{head}\n{shortened(name, 16)}", fontsize=9, linespacing=1.25, pad=4)
        axes.set_xlabel(f"{far:.2f} away", fontsize=8.5, labelpad=3)
