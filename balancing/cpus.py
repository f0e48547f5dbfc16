"""The processor's cores."""

from __future__ import annotations

import os


def usable_cpus() -> int:
    """How many cores this process may use; not all systems tell, and there it is all there are."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
