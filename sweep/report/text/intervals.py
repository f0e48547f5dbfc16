"""Numbers with their intervals, as the sections on thresholds, curves and calibration write them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from sweep.analysis.verdict import signed
from sweep.report.table import Cell, number
from sweep.report.text.numbers import NONE, three

INTERVAL = "95\N{NO-BREAK SPACE}% interval"


def ranged(row: Mapping[str, Any] | pd.Series, name: str, write: Callable[[float], str] = three) -> str:
    """``0.812 (0.780 to 0.841)`` of ``name``, ``<name>_low`` and ``<name>_high``; a dash where there is none."""
    if pd.isna(row[name]):
        return NONE
    text, low, high = write(row[name]), row[f"{name}_low"], row[f"{name}_high"]
    return text if pd.isna(low) or pd.isna(high) else f"{text} ({write(low)} to {write(high)})"


def signed_range(row: Mapping[str, Any] | pd.Series, name: str) -> str:
    """``+0.012 (-0.004 to +0.031)`` with true minus signs."""
    return ranged(row, name, signed)


def ranged_cell(row: Mapping[str, Any] | pd.Series, name: str, write: Callable[[float], str] = three) -> Cell:
    """``ranged`` as a cell that sorts by the number."""
    return number(ranged(row, name, write), row[name])


def signed_cell(row: Mapping[str, Any] | pd.Series, name: str) -> Cell:
    """``signed_range`` as a cell that sorts by the number."""
    return number(signed_range(row, name), row[name])


def spoken_seeds(seeds: int) -> str:
    """``one seed``, ``3 seeds``."""
    return "one seed" if seeds == 1 else f"{seeds} seeds"


def interval_sentence(seeds: pd.Series) -> str:
    """What the intervals hold, for a caption; ``seeds`` of each row."""
    low, high = int(seeds.min()), int(seeds.max())
    if high > 1:
        many = f"{high} seeds" if low == high else f"{low} to {high} seeds"
        alone = " (of a row with one seed, over patients alone)" if low == 1 else ""
        return f"Means over {many} with 95\N{NO-BREAK SPACE}% intervals over patients and seeds{alone}."
    return "One seed; 95\N{NO-BREAK SPACE}% intervals over patients alone."
