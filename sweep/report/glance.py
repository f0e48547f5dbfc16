"""The picture beside the answer: each technique's gain with its interval, sorted, and what else it changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from sweep.analysis.beside import RECALL
from sweep.analysis.names import display_name, inline_name, metric_name
from sweep.analysis.results import Results
from sweep.analysis.statistics.paired import BASELINE
from sweep.analysis.statistics.significance import answers
from sweep.report.sections.beside import MARKS, OF_ANSWERS, OF_THRESHOLD
from sweep.report.table import Cell, Mark
from sweep.report.text.intervals import with_interval
from sweep.report.text.numbers import NONE, signed, three
from sweep.report.words.verdict import judged_rows, unjudged

# Rows that are seen at one glance; of more techniques the best stand there, and those that a reader looks for.
MOST = 12
_SHORT = {"brier": "Brier score", "ece": "Calibration", RECALL: "Recall at 90\N{NO-BREAK SPACE}% spec."}


@dataclass(frozen=True)
class Line:
    """A technique's row.

    Args:
        gain: the difference with its interval, as text.
        left, middle, right: where interval and difference stand, in percents of the strip's width.
        mark: of the answer.
        beside: of each further column; None where there is no such number.
        told: of each further column: the number with its interval, for whoever asks.
    """

    technique: str
    name: str
    gain: str
    left: float
    middle: float
    right: float
    mark: Mark
    beside: Sequence[Mark | None]
    told: Sequence[str]

    @property
    def parts(self) -> tuple[str, str]:
        """The difference, and its interval in brackets ("" without one): a narrow page shows the first alone."""
        return Cell(self.gain).parts


@dataclass(frozen=True)
class Glance:
    """The picture.

    Args:
        metric: the one that decides, as spoken.
        baseline: the baseline's own value, with its interval.
        lines: by gain, the largest first.
        omitted: how many techniques have no row here.
        columns: what else the techniques change, short.
        zero: where no difference stands, in percents of the strip's width; ``margin`` where it begins and ends.
        ticks: (place in percents, text) of the axis.
    """

    metric: str
    baseline: str
    lines: Sequence[Line]
    omitted: int
    columns: Sequence[str]
    zero: float
    margin: tuple[float, float]
    ticks: Sequence[tuple[float, str]]


def glance(run: Results, values: Mapping[str, Any] | None = None) -> Glance | None:
    """The picture of a run; None where nothing can be said of its techniques.

    Args:
        values: of the section ``beside``; None where there is none.
    """
    if unjudged(run):
        return None
    table = judged_rows(run).sort_values("difference", ascending=False, kind="stable")
    shown = table[table["technique"].isin(_shown(table))]
    low, high, ticks = _axis(shown, run.margin)

    def place(value: float) -> float:
        return round(100 * (min(max(value, low), high) - low) / (high - low), 2)

    beside = _beside(run, values or {})
    said = answers(shown)
    lines = []
    for answer, (_, row) in zip(said, shown.iterrows(), strict=True):
        name = str(row["technique"])
        cells = [column.get(name) for _, column in beside]
        lines.append(
            Line(
                technique=name,
                name=display_name(name),
                gain=with_interval(row["difference"], row["low"], row["high"], signed),
                left=place(row["low"]) if pd.notna(row["low"]) else place(row["difference"]),
                middle=place(row["difference"]),
                right=place(row["high"]) if pd.notna(row["high"]) else place(row["difference"]),
                mark=MARKS[OF_ANSWERS[answer]],
                beside=[cell[0] if cell else None for cell in cells],
                told=[cell[1] if cell else "" for cell in cells],
            )
        )
    return Glance(
        metric=inline_name(run.metric),
        baseline=_baseline(run),
        lines=lines,
        omitted=len(table) - len(shown),
        columns=[name for name, _ in beside],
        zero=place(0.0),
        margin=(place(-run.margin), place(run.margin)),
        ticks=[(place(value), _tick(value)) for value in ticks],
    )


def _shown(table: pd.DataFrame) -> list[str]:
    """The techniques that have a row: all, or the best, the last, and the baseline's own decisions.

    Args:
        table: by difference, the largest first.
    """
    names = [str(name) for name in table["technique"]]
    if len(names) <= MOST:
        return names
    asked = [name for name in names if name.startswith(f"{BASELINE}+")][:3]
    asked = list(dict.fromkeys([*asked, names[-1]]))
    return [*[name for name in names if name not in asked][: MOST - len(asked)], *asked]


def _axis(shown: pd.DataFrame, margin: float) -> tuple[float, float, list[float]]:
    """Ends and ticks of the strip: zero and the margin are on it, and every difference.

    An interval much wider than all differences is cut off, so that the others can be read.
    """
    differences = shown["difference"].to_numpy(dtype=float)
    ends = shown[["low", "high"]].to_numpy(dtype=float)
    widths = np.abs(ends - differences[:, None])
    usual = 3 * float(np.nanmedian(widths)) if np.isfinite(widths).any() else 0.0
    low = float(np.nanmin([-margin, differences.min(), np.nanmin(np.maximum(ends[:, 0], differences - usual))]))
    high = float(np.nanmax([margin, differences.max(), np.nanmax(np.minimum(ends[:, 1], differences + usual))]))
    room = 0.04 * (high - low)
    low, high = low - room, high + room
    step = next(
        (size for size in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5) if (high - low) / size <= 5.5),
        1.0,
    )
    ticks = [step * k for k in range(int(np.ceil(low / step)), int(np.floor(high / step)) + 1)]
    return low, high, ticks


def _tick(value: float) -> str:
    """``0``, ``+0.02`` with a true minus sign."""
    return signed(value).rstrip("0") if round(value, 9) else "0"


def _baseline(run: Results) -> str:
    known = run.intervals().set_index(["technique", "metric"])
    if (BASELINE, run.metric) not in known.index:
        return NONE
    row = known.loc[[(BASELINE, run.metric)]].iloc[0]
    return with_interval(row["mean"], row["low"], row["high"], three)


def _beside(run: Results, values: Mapping[str, Any]) -> list[tuple[str, dict[str, tuple[Mark, str]]]]:
    """Each further column: its name, and of each technique the mark and the number."""
    columns: dict[str, dict[str, tuple[Mark, str]]] = {}
    for row in values.get("techniques", ()):
        metric = str(row["metric"])
        name = _SHORT.get(metric, metric_name(metric))
        columns.setdefault(name, {})[str(row["technique"])] = (MARKS[str(row["arrow"])], _number(row))
    rule = "threshold" if run.positive is not None else "prior corr."
    for row in values.get("threshold", ()):
        mark = MARKS[OF_THRESHOLD[str(row["answer"])]]
        columns.setdefault(f"Against baseline + {rule}", {})[str(row["technique"])] = (mark, _number(row))
    return list(columns.items())


def _number(row: Any) -> str:
    return with_interval(row["difference"], row["low"], row["high"], signed)
