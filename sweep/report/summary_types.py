"""Words in which sections declare the types of their values in ``summary.json``; see ``sweep.report.schema``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, TypedDict


@dataclass(frozen=True)
class Bounds:
    """The range of a number, ends included."""

    least: float | None = None
    most: float | None = None


@dataclass(frozen=True)
class Open:
    """Of a ``TypedDict``: it may have more keys than it names.

    Args:
        cells: what these hold: a table's cells, or anything.
    """

    cells: bool = False


CELLS, ANYTHING = Open(cells=True), Open()
Count = Annotated[int, Bounds(least=0)]
Share = Annotated[float | None, Bounds(0, 1)]


class Reason(TypedDict):
    """Why a section is empty."""

    reason: Annotated[str, "why there is nothing here"]
