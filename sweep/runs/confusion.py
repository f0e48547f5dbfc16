"""A confusion matrix, drawn: one way for the event files and for the report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from balancing.data.text import shortened


def draw_confusion(
    axes: Any,
    matrix: np.ndarray,
    names: Sequence[str],
    *,
    colours: Any = "Blues",
    most_named: int = 20,
    most_counted: int = 20,
    with_shares: bool = False,
) -> None:
    """Colours by shares of the true class, with names and counts where there is room.

    Args:
        axes: matplotlib's, to draw in.
        matrix: (C, C), rows are true classes, columns decisions; counts, or their means.
        names: (C,).
        colours: a colour map of matplotlib, or its name.
        most_named, most_counted: classes up to which axes hold their names, and cells their counts.
        with_shares: whether the cells of up to three classes hold shares too.
    """
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap=colours, vmin=0, vmax=1, aspect="equal")
    for edge in axes.spines.values():
        edge.set_visible(False)
    if len(names) > most_named:
        axes.set_xticks([])
        axes.set_yticks([])
        return
    two = len(names) == 2
    short = [shortened(name, 14) for name in names]
    axes.set_xticks(range(len(names)), short, rotation=0 if two else 45, ha="center")
    axes.set_yticks(range(len(names)), short, rotation=90 if two else 0, va="center")
    if not two:
        for label in axes.get_xticklabels():
            label.set(ha="right", rotation_mode="anchor")
    axes.tick_params(length=0, pad=2)
    if len(names) > most_counted:
        return
    few = len(names) <= 3
    for (row, column), share in np.ndenumerate(shares):
        # Fixed colours: a cell keeps its own background on a dark page too.
        ink = "#ffffff" if share > 0.5 else "#1b1c1e"
        count = short_count(float(matrix[row, column]))
        text = f"{100 * share:.1f} %\n({count})" if with_shares and few else count
        size = 9.5 if few else 7.5
        axes.text(column, row, text, ha="center", va="center", color=ink, fontsize=size, linespacing=1.35)


def short_count(count: float) -> str:
    """One decimal, none where it is 0."""
    return f"{count:.1f}".removesuffix(".0")
