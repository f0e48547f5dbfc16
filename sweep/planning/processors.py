"""How many processor cores this process may use."""

from __future__ import annotations

import os


def usable_cpus() -> int:
    """As Ray is told and the plan counts them: torch's threads follow OMP_NUM_THREADS, the trials do not."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
