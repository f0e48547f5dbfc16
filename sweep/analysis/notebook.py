"""How results show themselves in a notebook; everything is escaped."""

from __future__ import annotations

from typing import TYPE_CHECKING

from balancing.html import html_table
from sweep.analysis.names import METRIC_NAMES, display_name

if TYPE_CHECKING:
    from sweep.analysis.results import Results

_TITLE = "Test split: mean over seeds (95 % interval, patients and seeds)"
_NONE = "\N{EN DASH}"


def results_html(results: Results) -> str:
    """The results table: a line a technique, a column a metric."""
    rows = []
    for row in results.table().to_dict("records"):
        numbers = [_interval(row[m], row[f"{m}_low"], row[f"{m}_high"]) for m in METRIC_NAMES]
        rows.append([display_name(str(row["technique"])), *numbers, row["seeds"]])
    title = _TITLE + (f"; {_NONE}: answers that only rank images have AUROC alone" if results.without("recall") else "")
    return html_table(title, ["technique", *METRIC_NAMES.values(), "seeds"], rows)


def _interval(mean: float, low: float, high: float) -> str:
    if mean != mean:
        return _NONE
    return f"{mean:.3f} ({low:.3f}\N{EN DASH}{high:.3f})" if low == low and high == high else f"{mean:.3f}"
