"""The known layout that options are of."""

from __future__ import annotations

from balancing.data.layouts import Layout, load_layout
from balancing.data.options import NONE, Options


def layout_of(options: Options) -> Layout | None:
    """The layout that was named, or recognised and laid over; None without one."""
    return None if options.layout in (None, NONE) else load_layout(str(options.layout))
