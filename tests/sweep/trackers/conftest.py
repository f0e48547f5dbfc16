"""A small finished run with a report, and no way to a network."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from sweep.report.context import ReportOptions
from sweep.report.render import write_report
from sweep.runs.run import Run
from tests.sweep.fake_run import fake_images, fake_run

SOME = ("baseline", "focal", "smote")


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever of this process asks for another machine fails, and so does the test."""
    real = socket.socket.connect

    def connect(self: socket.socket, address: Any) -> Any:
        if self.family in (socket.AF_INET, socket.AF_INET6) and address[0] not in ("127.0.0.1", "::1", "localhost"):
            raise AssertionError(f"a socket to {address}")
        return real(self, address)

    monkeypatch.setattr(socket.socket, "connect", connect)
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME", "WANDB_MODE", "WANDB_PROJECT", "WANDB_API_KEY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Two learning rates, two seeds, a failed and a diverged trial; in a folder whose name must not be told."""
    made = fake_run(tmp_path / "home-of-ada" / "run", fake_images(tmp_path / "images", size=8), techniques=SOME)
    write_report(made, None, ReportOptions(cams=False))
    return made
