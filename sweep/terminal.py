"""Tables for the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from balancing.registry import Choice, techniques

if TYPE_CHECKING:
    from sweep.records import Run


def techniques_table() -> Table:
    """All registered techniques: family, parameters with searched ranges and defaults, reference."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 1, 0))
    for name in ("technique", "family", "what it does", "parameters (searched range, default)", "reference"):
        table.add_column(name)
    for technique in techniques():
        own = []
        for name, spec in technique.parameters.items():
            span = " | ".join(map(str, spec.options)) if isinstance(spec, Choice) else f"{spec.low}..{spec.high}"
            own.append(f"{name} ({span}, {spec.default})")
        table.add_row(technique.name, technique.family, technique.summary, "\n".join(own), technique.reference)
    return table
