"""How results and figures show themselves in a notebook; everything is escaped."""

from __future__ import annotations

import base64
from html import escape
from typing import TYPE_CHECKING

from balancing.html import html_table
from sweep.analysis.names import METRIC_NAMES, display_name

if TYPE_CHECKING:
    from sweep.analysis.figures.style import Plot
    from sweep.analysis.results import Results

_TITLE = "Test split: mean over seeds (95 % interval, patients and seeds)"


def results_html(results: Results) -> str:
    """The results table: a line a technique, a column a metric."""
    rows = []
    for row in results.table().to_dict("records"):
        numbers = [_interval(row[m], row[f"{m}_low"], row[f"{m}_high"]) for m in METRIC_NAMES]
        rows.append([display_name(str(row["technique"])), *numbers, row["seeds"]])
    return html_table(_TITLE, ["technique", *METRIC_NAMES.values(), "seeds"], rows)


def _interval(mean: float, low: float, high: float) -> str:
    if mean != mean:
        return "\N{EN DASH}"
    return f"{mean:.3f} ({low:.3f}\N{EN DASH}{high:.3f})" if low == low and high == high else f"{mean:.3f}"


def plot_html(plot: Plot) -> str:
    """A figure with its title and caption."""
    from sweep.analysis.figures.style import png, svg

    kind, content = ("png", png(plot.figure)) if plot.raster else ("svg+xml", svg(plot.figure).encode())
    source = f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
    picture = f'<img src="{source}" alt="{escape(plot.alt)}" style="max-width: 100%">'
    caption = f"<b>{escape(plot.title)}.</b> {escape(plot.caption)}"
    return f"<figure>{picture}<figcaption>{caption}</figcaption></figure>"
