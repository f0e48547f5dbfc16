"""Numbers and names as the report writes them, and escaping for its three formats."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from markupsafe import Markup, escape

import sweep.duration

NONE = "\N{EN DASH}"
_MARKDOWN = set("\\`*_[]|~^$")
_CODE = re.compile(r"`([^`]+)`")
_PERCENT = re.compile(r"(?<=\d) %")
_LATEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "`": r"\textasciigrave{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "\N{PLUS-MINUS SIGN}": r"$\pm$",
    "\N{MINUS SIGN}": r"$-$",
    "\N{EN DASH}": "--",
    "…": r"\dots{}",
}


def three(value: float | None) -> str:
    """A metric: three decimals, with a true minus sign; a dash where there is none."""
    return NONE if value is None or math.isnan(value) else f"{value:.3f}".replace("-", "\N{MINUS SIGN}")


def mean_sd(mean: float, sd: float) -> str:
    """``0.747 ± 0.012``; the mean alone where there is no spread."""
    return three(mean) if math.isnan(sd) else f"{three(mean)} ± {three(sd)}"


def p_value(value: float) -> str:
    """Three decimals; ``<0.001`` below, and ``<0.050`` for what lies below the level and rounds to it."""
    text = "0.001" if value < 0.001 else f"{value:.3f}"
    return f"<{text}" if value < float(text) and text in ("0.001", "0.050") else text


def duration(seconds: float) -> str:
    """``3.2 s``, ``12 s``, ``3 min 20 s``, ``1 h 02 min``."""
    return f"{seconds:.1f} s" if seconds < 10 else sweep.duration.duration(seconds)


def parameters(values: Mapping[str, Any]) -> str:
    """``k_neighbors 5, kind 1``; a dash for none."""
    return ", ".join(f"{k} {v:g}" if isinstance(v, float) else f"{k} {v}" for k, v in values.items()) or NONE


def markdown(text: object, *, strip: bool = True) -> str:
    """Text that Markdown shows as it is, in a paragraph or a table cell, on one line; no HTML gets through.

    Args:
        strip: whether space at both ends goes.
    """
    line = " ".join(str(text).split()) if strip else str(text)
    escaped = "".join(f"\\{c}" if c in _MARKDOWN else c for c in line)
    return escaped.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def markdown_prose(text: object) -> str:
    """As ``markdown``, with ``between backticks`` as code."""
    parts = _CODE.split(" ".join(str(text).split()))
    return "".join(f"`{part}`" if i % 2 else markdown(part, strip=False) for i, part in enumerate(parts))


def html_prose(text: object) -> Markup:
    """Escaped, with ``between backticks`` as code and no line break before a percent sign."""
    parts = _CODE.split(str(text))
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if i % 2 else escape(_PERCENT.sub("\N{NO-BREAK SPACE}%", part))
        for i, part in enumerate(parts)
    )


def code_block(text: str, language: str = "") -> str:
    """A fenced Markdown block, its fence longer than any in the text."""
    longest = run = 0
    for c in text:
        run = run + 1 if c == "`" else 0
        longest = max(longest, run)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"


def latex(text: object) -> str:
    """Text that LaTeX sets as it is."""
    return "".join(_LATEX.get(c, c) for c in " ".join(str(text).split()))
