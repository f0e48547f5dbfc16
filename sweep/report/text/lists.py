"""Lists as the report writes them."""

from __future__ import annotations

from collections.abc import Iterable

from sweep.analysis.figures.text import listed
from sweep.analysis.names import display_name

__all__ = ["listed", "techniques_listed"]


def techniques_listed(techniques: Iterable[object]) -> str:
    """``SMOTE, Baseline and Oversampling``."""
    return listed([display_name(str(name)) for name in techniques])
