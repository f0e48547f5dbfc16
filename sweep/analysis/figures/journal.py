"""Figures at a journal's widths: one column or two, letters of 7 points or more, fonts embedded, a journal's words."""

from __future__ import annotations

import io
from dataclasses import dataclass, replace

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.text import Text

from sweep.analysis.decisions.calibration import calibration_of
from sweep.analysis.decisions.operating_points import score_curves
from sweep.analysis.decisions.reliability import reliability_curves
from sweep.analysis.figures.forest import forest_plot
from sweep.analysis.figures.precision_recall import precision_recall_plot
from sweep.analysis.figures.recall_specificity import recall_specificity_plot
from sweep.analysis.figures.reliability import reliability_plot
from sweep.analysis.figures.roc import roc_plot
from sweep.analysis.figures.style import WIDTH, Plot, style
from sweep.analysis.highlights import highlights
from sweep.analysis.results import Results

COLUMN, PAGE = 89.0, 183.0  # millimetres: one column, and both
LEAST = 7.0  # points: the smallest letters
_INCH = 25.4
_DPI = 600  # of lines and letters
# The report's words for answers -> a journal's.
_WORDS = {"helps": "better", "harms": "worse", "doesn't matter": "equivalent", "can't be told yet": "inconclusive"}
_CAPTION = {"What doesn't matter has its": "Equivalent: the"}


@dataclass(frozen=True)
class JournalFigure:
    """A figure as a journal takes it.

    Args:
        name: of its files, without ending.
        plot: what it shows, with a caption.
        pdf: vectors, with its fonts.
        png: 600 dots an inch.
    """

    name: str
    plot: Plot
    pdf: bytes
    png: bytes


def journal_figures(run: Results) -> list[JournalFigure]:
    """The figures that a paper shows; those that this run has nothing for are left out."""
    few = highlights(run)
    curves = None if run.test_set is None else score_curves(run, np.random.default_rng(0), few=few)
    made = [
        ("forest_column", forest_plot(run), COLUMN, 0.8),
        ("forest_page", forest_plot(run), PAGE, 0.85),
        ("recall_specificity_column", recall_specificity_plot(run), COLUMN, 0.8),
        ("roc_page", None if curves is None else roc_plot(curves, few), PAGE, 0.9),
        ("precision_recall_page", None if curves is None else precision_recall_plot(curves, few), PAGE, 0.9),
        ("reliability_page", _reliability(run), PAGE, 0.9),
    ]
    return [
        JournalFigure(name, _said(plot), *drawn(plot.figure, width, tall))
        for name, plot, width, tall in made
        if plot is not None
    ]


def drawn(figure: Figure, width: float, tall: float = 1.0) -> tuple[bytes, bytes]:
    """A figure of ours as PDF and as PNG at a width.

    Args:
        width: millimetres.
        tall: its height, as a share of what it has.
    """
    inches = width / _INCH
    for legend in figure.legends:
        for text in legend.get_texts():
            text.set_text(_WORDS.get(text.get_text(), text.get_text()))
    scale = min(max(inches / WIDTH, 0.78), 0.9)
    for text in figure.findobj(Text):
        text.set_fontsize(max(LEAST, float(text.get_fontsize()) * scale))
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            low, high = axis.get_view_interval()
            if 1 < high < 1.2 and low >= -0.2:  # a share: nothing can be above 1
                axis.set_ticks([tick for tick in axis.get_ticklocs() if low <= tick <= 1 + 1e-9])
            size = float(axis.get_tick_params().get("labelsize") or 8.5)
            axis.set_tick_params(labelsize=max(LEAST, size * scale))
    figure.set_size_inches(inches, figure.get_figheight() * tall)
    with style(), matplotlib.rc_context({"pdf.fonttype": 42, "ps.fonttype": 42}):
        figure.draw_without_rendering()
        figure.set_layout_engine(None)
        return _saved(figure, "pdf"), _saved(figure, "png")


def _said(plot: Plot) -> Plot:
    caption = plot.caption
    for word, other in _CAPTION.items():
        caption = caption.replace(word, other)
    return replace(plot, caption=caption)


def _saved(figure: Figure, kind: str) -> bytes:
    buffer = io.BytesIO()
    metadata = {"CreationDate": None, "Creator": None, "Producer": None} if kind == "pdf" else {"Software": None}
    figure.savefig(buffer, format=kind, dpi=_DPI, metadata=metadata)
    return buffer.getvalue()


def _reliability(run: Results) -> Plot | None:
    table = calibration_of(run)
    return None if table.empty else reliability_plot(run, reliability_curves(run), table)
