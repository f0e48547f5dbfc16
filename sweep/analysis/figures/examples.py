"""A few images of each class, with their file names: what the networks are given, as it was read."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap

from matplotlib.figure import Figure

from balancing.data.look import Example
from balancing.data.text import shortened
from sweep.analysis.figures.style import Plot, style

_ACROSS = 4
_SIDE = 1.45  # inches
_NAME = 19  # letters of a file name, on two lines


def examples_plot(examples: Sequence[Example]) -> Plot:
    """A row a class.

    Args:
        examples: in the order of their classes; at least one.
    """
    rows: dict[str, list[Example]] = {}
    for example in examples:
        rows.setdefault(example.class_name, []).append(example)
    across = max(_ACROSS, max(map(len, rows.values())))
    with style():
        figure = Figure(figsize=(_SIDE * across + 0.3, (_SIDE + 0.75) * len(rows)), layout="constrained")
        blocks = figure.subfigures(len(rows), 1, squeeze=False)
        for block, (name, shown) in zip(blocks.flat, rows.items(), strict=True):
            block.suptitle(shortened(name, 60), fontsize=10.5, fontweight="bold", x=0.01, ha="left")
            across_axes = block.subplots(1, across)
            for axes in across_axes:
                axes.set_axis_off()
            for axes, example in zip(across_axes, shown, strict=False):
                axes.set_title(_under(example), fontsize=7.5, linespacing=1.2, pad=3)
                if example.pixels is None:
                    axes.text(0.5, 0.5, "\n".join(wrap(example.reason, 22)[:5]), ha="center", va="center", fontsize=7)
                else:
                    axes.imshow(example.pixels, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    unread = sum(example.pixels is None for example in examples)
    return Plot(
        name="examples",
        title="Images of each class",
        figure=figure,
        caption="Up to four images of each class, spread over its files in their order, as they were read."
        + (f" {unread} of them cannot be read." if unread else ""),
        alt="Rows of images, a row a class: "
        + "; ".join(f"{name}: {', '.join(one.name for one in shown)}" for name, shown in rows.items())
        + ".",
        raster=True,
    )


def _under(example: Example) -> str:
    """Its split and the end of its name, where names differ."""
    name = example.name if len(example.name) <= 2 * _NAME else f"…{example.name[-(2 * _NAME - 1) :]}"
    return "\n".join([example.split, *wrap(name, _NAME, break_on_hyphens=False)[:3]])
