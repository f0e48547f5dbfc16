"""Libraries of the extra ``export``: brought in where they are used, and a sentence where they are missing."""

from __future__ import annotations

import importlib
from types import ModuleType

from balancing.errors import UserError

EXTRA = "balancing-act[export]"


def need(library: str, what: str) -> ModuleType:
    """A library of the extra ``export``.

    Args:
        library: as it is imported.
        what: takes it, as a sentence begins.
    Raises:
        UserError: it is not installed.
    """
    try:
        return importlib.import_module(library)
    except ImportError as error:
        raise UserError(f"{what} takes {library}, which is not installed; pip install '{EXTRA}'") from error
