"""Escaping for the report's three formats: HTML, Markdown, LaTeX."""

from __future__ import annotations

import re

from markupsafe import Markup, escape

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
