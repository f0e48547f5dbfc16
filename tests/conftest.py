"""Fixtures for all tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

# Files are shared out whole, in order: the longest begin first, so that none is left over for one worker at the end.
_LONGEST = (
    "test_golden.py",
    "test_resume.py",
    "test_docs.py",
    "test_format1.py",
    "test_report.py",
    "test_run.py",
    "test_waiting.py",
    "test_report_browser.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: _LONGEST.index(item.path.name) if item.path.name in _LONGEST else len(_LONGEST))


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
