"""Numbers with their intervals, as sentences and tables write them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from sweep.report.text.numbers import NONE, signed, three

INTERVAL = "95\N{NO-BREAK SPACE}% interval"


def limits(low: float, high: float, write: Callable[[float], str] = three) -> str:
    """``0.780 to 0.841``; a dash where there is none."""
    return NONE if np.isnan(low) or np.isnan(high) else f"{write(low)} to {write(high)}"


def signed_limits(low: float, high: float) -> str:
    """``-0.010 to +0.031`` with true minus signs; a dash where there is none."""
    return limits(low, high, signed)


def with_interval(value: float, low: float, high: float, write: Callable[[float], str] = three) -> str:
    """``0.812 (0.780 to 0.841)``; the number alone where there is no interval; a dash where there is no number."""
    if pd.isna(value):
        return NONE
    return write(value) if pd.isna(low) or pd.isna(high) else f"{write(value)} ({limits(low, high, write)})"


def ranged(row: Mapping[str, Any] | pd.Series, name: str, write: Callable[[float], str] = three) -> str:
    """``with_interval`` of ``name``, ``<name>_low`` and ``<name>_high``."""
    return with_interval(row[name], row[f"{name}_low"], row[f"{name}_high"], write)


def explained(
    row: Mapping[str, Any] | pd.Series, name: str, write: Callable[[float], str] = three, unit: str = ""
) -> str:
    """As ``ranged``, saying what the interval is, or why there is none; for the middle of a sentence.

    Args:
        unit: stands after the number.
    """
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    if pd.isna(low) or pd.isna(high):
        return f"{write(row[name])}{unit} (too few patients for an interval)"
    return f"{write(row[name])}{unit} ({INTERVAL} {limits(low, high, write)})"


def signed_range(row: Mapping[str, Any] | pd.Series, name: str) -> str:
    """``+0.012 (-0.004 to +0.031)`` with true minus signs."""
    return ranged(row, name, signed)


def interval_sentence(seeds: pd.Series) -> str:
    """What the intervals hold, for a caption; ``seeds`` of each row."""
    low, high = int(seeds.min()), int(seeds.max())
    if high > 1:
        many = f"{high} seeds" if low == high else f"{low} to {high} seeds"
        alone = " (of a row with one seed, over patients alone)" if low == 1 else ""
        return f"Means over {many} with 95\N{NO-BREAK SPACE}% intervals over patients and seeds{alone}."
    return "One seed; 95\N{NO-BREAK SPACE}% intervals over patients alone."
