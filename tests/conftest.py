"""Fixtures for all tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def chest_xray_dir() -> Path:
    """The folder of the real chest X-rays; the test is skipped where CHEST_XRAY_DIR is unset."""
    folder = os.environ.get("CHEST_XRAY_DIR")
    if not folder:
        pytest.skip("CHEST_XRAY_DIR is not set: it names the folder of the real chest X-rays")
    return Path(folder).resolve()


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """No test reads or fills the user's own cache; all tests of a session share one."""
    monkeypatch.setenv("BALANCING_ACT_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
