"""Lists as the report writes them."""

from __future__ import annotations

from collections.abc import Iterable

from sweep.analysis.figures.text import first_few, listed
from sweep.analysis.names import display_name

__all__ = ["first_few", "listed", "techniques_listed"]


def techniques_listed(techniques: Iterable[object]) -> str:
    """``SMOTE, Baseline and Oversampling``; of many the first few, and how many more there are."""
    return listed(first_few([display_name(str(name)) for name in techniques]))
