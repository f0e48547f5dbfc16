"""A tiny sweep, and one that was run once for all files."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sweep.cluster.sweeping import TINY, call


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.yaml"
    path.write_text(TINY)
    return path


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A run that nothing interrupted, and what it printed."""
    folder = tmp_path_factory.mktemp("undisturbed")
    (folder / "tiny.yaml").write_text(TINY)
    output = call("run", folder / "tiny.yaml", "--out", folder / "run", dashboard=True)
    return folder / "run", output
