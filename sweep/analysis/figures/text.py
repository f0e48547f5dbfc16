"""Numbers and lists as captions write them; the report's own text builds on these."""

from __future__ import annotations

import math
from collections.abc import Sequence

NONE = "\N{EN DASH}"
_WHOLE = 7


def decimals(value: float | None, digits: int) -> str:
    """So many decimals, with a true minus sign; a dash where there is no number."""
    return NONE if value is None or math.isnan(value) else f"{value:.{digits}f}".replace("-", "\N{MINUS SIGN}")


def signed(value: float, digits: int = 3) -> str:
    """So many decimals, always with a sign; a true minus; a dash where there is no number."""
    return NONE if math.isnan(value) else f"{value:+.{digits}f}".replace("-", "\N{MINUS SIGN}")


def percent(share: float, digits: int = 0) -> str:
    """``0.712`` -> ``71 %``, not to be broken; a dash where there is no number."""
    return NONE if math.isnan(share) else f"{100 * share:z.{digits}f}\N{NO-BREAK SPACE}%"  # z: no -0


def first_few(parts: Sequence[str], most: int = 4) -> list[str]:
    """Parts of a list: all that a run of eight techniques could have; of more the first ``most``, and ``37 more``."""
    return list(parts) if len(parts) <= _WHOLE else [*parts[:most], f"{len(parts) - most} more"]


def listed(parts: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``; at least one."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
