"""A notebook as a page: its text and its code, without outputs."""

from __future__ import annotations

import json
from pathlib import Path


def cells(path: Path) -> list[tuple[str, str]]:
    """(kind, text) of each cell, kind ``markdown`` or ``code``."""
    found = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return [(cell["cell_type"], "".join(cell["source"])) for cell in found]


def page(path: Path) -> str:
    """The notebook as Markdown, its name as a link to itself beneath the title."""
    parts = [text if kind == "markdown" else f"```python\n{text}\n```" for kind, text in cells(path)]
    title, _, rest = parts[0].partition("\n")
    offered = f"This page is a notebook, [{path.name}]({path.name}), which a test of this project runs."
    return "\n\n".join([title, offered, rest.strip(), *parts[1:]]) + "\n"
