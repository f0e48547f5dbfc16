"""What is asked of a tracker, and whether it can be had."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass

from balancing.errors import UserError, suggestion

PROJECT = "balancing-act"
# Tracker -> the modules that it takes, and the extra that brings them.
NEEDED = {"mlflow": ("mlflow", "sqlalchemy", "alembic"), "wandb": ("wandb",)}


@dataclass(frozen=True)
class Asked:
    """Where a run is logged to.

    Args:
        to: ``mlflow`` or ``wandb``.
        project: MLflow's experiment, W&B's project; "" for what the tracker's own variable says, or ``balancing-act``.
        uri: a folder, a database or a server; "" for what the tracker's own variable says, or a store beside the run.
        mode: of W&B: ``offline`` or ``online``; "" for what ``WANDB_MODE`` says, or offline.
    """

    to: str
    project: str = ""
    uri: str = ""
    mode: str = ""


def require(to: str) -> None:
    """Raises UserError where there is no such tracker, or its library is not installed."""
    if to not in NEEDED:
        raise UserError(f"unknown tracker {to!r}{suggestion(str(to), NEEDED)}")
    if any(importlib.util.find_spec(name) is None for name in NEEDED[to]):
        raise UserError(f"logging to {to} needs its library; install it by: pip install 'balancing-act[{to}]'")
