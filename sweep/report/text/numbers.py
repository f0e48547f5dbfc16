"""Numbers as the report and its tables write them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import sweep.duration
from sweep.analysis.figures.text import NONE, decimals, percent, signed

__all__ = [
    "NONE",
    "decimals",
    "duration",
    "p_equals",
    "p_value",
    "parameters",
    "percent",
    "prevalence_text",
    "signed",
    "three",
]


def three(value: float | None) -> str:
    """A metric: three decimals, with a true minus sign; a dash where there is none."""
    return decimals(value, 3)


def prevalence_text(share: float) -> str:
    """Whole percents from 1 % on; two digits below, where a prevalence may lie."""
    return percent(share) if share >= 0.01 or share == 0 else f"{100 * share:.2g}\N{NO-BREAK SPACE}%"


def p_value(value: float) -> str:
    """Three decimals; ``<0.001`` below, ``<0.050`` for what lies below the level and rounds to it; a dash for none."""
    if math.isnan(value):
        return NONE
    text = "0.001" if value < 0.001 else f"{value:.3f}"
    return f"<{text}" if value < float(text) and text in ("0.001", "0.050") else text


def p_equals(value: float) -> str:
    """``p = 0.012``, ``p < 0.001``, not to be broken."""
    text = p_value(value)
    sign, digits = ("<", text[1:]) if text.startswith("<") else ("=", text)
    return f"p {sign} {digits}".replace(" ", "\N{NO-BREAK SPACE}")


def duration(seconds: float) -> str:
    """``3.2 s``, ``12 s``, ``3 min 20 s``, ``1 h 02 min``."""
    return f"{seconds:.1f} s" if seconds < 10 else sweep.duration.duration(seconds)


def parameters(values: Mapping[str, Any]) -> str:
    """``k_neighbors 5, kind 1``; a dash for none."""
    return ", ".join(f"{k} {v:g}" if isinstance(v, float) else f"{k} {v}" for k, v in values.items()) or NONE
