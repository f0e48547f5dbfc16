"""Markdown that is written by programs: text that nothing in it can break, tables, docstrings."""

from __future__ import annotations

import html
import inspect
import re
from collections.abc import Iterable, Sequence

# Headings of a docstring in Google's form, as they are shown.
_PARTS = {"Args": "Takes", "Returns": "Returns", "Raises": "Raises", "Yields": "Yields", "Reference": "From"}
_PART = re.compile(rf"^({'|'.join(_PARTS)}):(.*)$")
_ITEM = re.compile(r"^(\*{0,2}\w[\w, *]*?)(?: \([^)]*\))?: +(.*)$")


def plain(text: str) -> str:
    """Text as Markdown shows it letter by letter, save ``code`` and `code`, which stay."""
    parts = re.split(r"(`+[^`]+`+)", text)
    return "".join(f"`{part.strip('`')}`" if part.startswith("`") else _escaped(part) for part in parts)


def _escaped(text: str) -> str:
    return re.sub(r"([\\*_\[\]|~])", r"\\\1", html.escape(text, quote=False))


def code(value: object) -> str:
    """Code within a line, and within a cell."""
    return f"<code>{html.escape(str(value), quote=False).replace('|', '&#124;')}</code>" if str(value) else ""


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of cells that are Markdown; "" without a row."""
    lines = ["| " + " | ".join(" ".join(cell.split()) for cell in row) + " |" for row in rows]
    return "\n".join(["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|", *lines, ""]) if lines else ""


def docstring(documented: object, *, without: Sequence[str] = ()) -> str:
    """A docstring as Markdown: paragraphs, examples as code, and lists of what is taken, returned and raised.

    Args:
        documented: what has it.
        without: names that are left out of what it takes.
    """
    text = inspect.getdoc(documented) or ""
    blocks: list[str] = []
    for heading, lines in _parts(text):
        if heading not in ("Args", "Raises"):
            prose = _prose(lines)
            blocks.append(f"**{_PARTS[heading]}:** {prose}" if heading else prose)
            continue
        items = [(name, meaning) for name, meaning in _items(lines) if name not in without]
        if items:
            blocks.append(f"**{_PARTS[heading]}**")
            blocks.append("\n".join(f"- {code(name)}: {plain(meaning)}" for name, meaning in items))
    return "\n\n".join(filter(None, blocks)) + "\n"


def arguments(documented: object) -> dict[str, str]:
    """What a docstring says of each argument."""
    parts = dict(_parts(inspect.getdoc(documented) or ""))
    found: dict[str, str] = {}
    for names, meaning in _items(parts.get("Args", [])):
        found |= dict.fromkeys(re.split(r", *", names), meaning)
    return found


def _parts(text: str) -> list[tuple[str, list[str]]]:
    """(heading or "", its lines) in order."""
    found: list[tuple[str, list[str]]] = [("", [])]
    for line in text.splitlines():
        heading = _PART.match(line)
        if heading:
            found.append((heading[1], [heading[2].strip()] if heading[2].strip() else []))
        elif found[-1][0] and line and not line.startswith(" "):
            found.append(("", [line]))
        else:
            found[-1][1].append(line)
    return found


def _items(lines: Sequence[str]) -> list[tuple[str, str]]:
    """(name, meaning) of each item, continued lines joined."""
    shown = inspect.cleandoc("\n" + "\n".join(lines)).splitlines()
    found: list[tuple[str, str]] = []
    for line in shown:
        item = _ITEM.match(line)
        if item and not line.startswith(" "):
            found.append((item[1], item[2]))
        elif found and line.strip():
            found[-1] = (found[-1][0], f"{found[-1][1]} {line.strip()}")
    return found


def _prose(lines: Sequence[str]) -> str:
    """Paragraphs; what is indented after ``::`` as code."""
    found: list[str] = []
    for paragraph in re.split(r"\n\s*\n", inspect.cleandoc("\n".join(lines)).strip("\n")):
        if not paragraph:
            continue
        if all(line.startswith("    ") for line in paragraph.splitlines()):
            found.append(f"```\n{inspect.cleandoc(paragraph)}\n```")
        elif paragraph.startswith(("- ", "* ")):
            found.append(
                "\n".join(plain(line) if line[0] != "-" else f"- {plain(line[2:])}" for line in paragraph.splitlines())
            )
        else:
            found.append(plain(re.sub(r"::$", ":", " ".join(paragraph.split()))))
    return "\n\n".join(found)
