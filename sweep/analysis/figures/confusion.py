"""Confusion matrices, one panel a technique, for two classes or many."""

from __future__ import annotations

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from sweep.analysis.figures.style import WIDTH, Plot, panel_title, style
from sweep.analysis.highlights import highlights
from sweep.analysis.results import Results
from sweep.analysis.tables import confusion_matrices
from sweep.runs.confusion import draw_confusion, short_count

# Beyond this many classes a cell has no room for figures.
_LABELLED = 8
# Beyond this many an axis has no room for their names, which take most of the time that a figure takes.
_NAMED = 30
_BLUES = LinearSegmentedColormap.from_list("shares", ["#f4f7fa", "#8fbfe0", "#0072b2", "#003f63"])


def confusion_plot(run: Results) -> Plot | None:
    """Shares within each true class on the test split, means over seeds; beneath them the mean count."""
    matrices = confusion_matrices(run)
    if not matrices:
        return None
    techniques = highlights(run, (name for name, _ in matrices))
    names = run.class_names
    means = {t: np.mean([m for (name, _), m in matrices.items() if name == t], axis=0) for t in techniques}
    seeds = max(sum(name == t for name, _ in matrices) for t in techniques)
    wide = len(names) > 4
    width = 2 * WIDTH if wide else WIDTH
    columns = min(3 if wide else 2, len(techniques))
    rows = -(-len(techniques) // columns)
    side = min((width - 0.9) / columns * 0.80, 3.2)
    with style():
        figure = Figure(figsize=(width, 0.45 + rows * (side + 0.42)), layout="constrained")
        grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
        for axes in grid.flat[len(techniques) :]:
            axes.set_visible(False)
        for axes, technique in zip(grid.flat, techniques, strict=False):
            draw_confusion(
                axes,
                means[technique],
                names,
                colours=_BLUES,
                most_named=_NAMED,
                most_counted=_LABELLED,
                with_shares=True,
            )
            panel_title(axes, technique, pad=4)
        for column in range(columns - (len(grid.flat) - len(techniques)), columns):
            grid[-2, column].tick_params(labelbottom=True)
        figure.supxlabel("Decided", fontsize=9.5)
        figure.supylabel("True", fontsize=9.5)
    caption = _caption(run, means, seeds)
    total = len({name for name, _ in matrices})
    if total > len(techniques):
        caption += f" {len(techniques)} of {total} techniques; the table beneath has all."
    return Plot("confusion", "Confusion matrices", figure, caption, _alt(techniques, names), wide)


def _caption(run: Results, means: dict[str, np.ndarray], seeds: int) -> str:
    class_counts = run.info["data"]["class_counts"]["test"]
    counts = ", ".join(f"{n} {name}" for name, n in zip(run.class_names, class_counts, strict=True))
    if len(run.class_names) > _NAMED:
        counts = f"{sum(class_counts):,} images of {len(run.class_names)} classes"
    over = f"means over {seeds} seeds" if seeds > 1 else "one seed"
    text = f"Decisions on the test split ({counts}), {over}: share of each true class"
    if len(run.class_names) <= 3:
        text += ", and beneath it how many images."
    else:
        text += (
            "; the figure in a cell is how many images." if len(run.class_names) <= _LABELLED else " (darker is more)."
        )
    if len(run.class_names) > _NAMED:
        text += " Classes are in the order of the data; the matrices themselves are among the tables."
    if run.positive is not None:
        missed = {t: m[run.positive, 1 - run.positive] for t, m in means.items()}
        false = {t: m[1 - run.positive, run.positive] for t, m in means.items()}
        if len(means) > 1:
            text += f" Missed {run.class_names[run.positive]} images range from {short_count(min(missed.values()))} to "
            text += f"{short_count(max(missed.values()))}, false alarms from {short_count(min(false.values()))} to "
            text += f"{short_count(max(false.values()))}."
    return text


def _alt(techniques: list[str], names: list[str]) -> str:
    of = f"{len(names)} classes" if len(names) > _NAMED else f"the classes {', '.join(names)}"
    return f"Confusion matrices of {len(techniques)} techniques for {of}."
