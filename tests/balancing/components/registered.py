"""A registry of one's own for tests that register components."""

from __future__ import annotations

import pytest

from balancing.components.registry import COMPONENTS


def keep_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is registered from here on is gone after the test."""
    COMPONENTS.all()
    monkeypatch.setattr(COMPONENTS, "_known", dict(COMPONENTS._known))
    monkeypatch.setattr(COMPONENTS._installed, "broken", dict(COMPONENTS._installed.broken))
