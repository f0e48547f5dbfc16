"""The comparison of balancing techniques: configuration, trials, records, analysis, report.

The public names are imported when they are first used: ``import sweep`` loads neither Ray nor torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from balancing.errors import UserError
    from sweep.analysis.results import Results
    from sweep.api import ComparisonRun, compare, open_run

__all__ = ["ComparisonRun", "Results", "UserError", "__version__", "compare", "open_run"]

_HOME = {
    "ComparisonRun": "sweep.api",
    "Results": "sweep.analysis.results",
    "UserError": "balancing.errors",
    "compare": "sweep.api",
    "open_run": "sweep.api",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from balancing.version import VERSION

        return VERSION
    if name not in _HOME:
        raise AttributeError(f"module 'sweep' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
