"""A small finished run, with a report where it is asked for, and no way to a network."""

from __future__ import annotations

import shutil
import socket
from pathlib import Path
from typing import Any

import pytest

from sweep.report.context import ReportOptions
from sweep.report.render import write_report
from sweep.runs.run import Run
from sweep.trackers.mlflow import _be_quiet, _known_warnings
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


@pytest.fixture(scope="session")
def _empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MLflow's tables, made once: that takes seconds."""
    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    _be_quiet()
    with _known_warnings():
        from mlflow import MlflowClient

        MlflowClient(tracking_uri=f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture
def bare(tmp_path: Path) -> Run:
    """One learning rate, two seeds, a failed and a diverged trial; in a folder whose name must not be told."""
    images = fake_images(tmp_path / "images", size=8)
    return fake_run(tmp_path / "home-of-ada" / "run", images, techniques=SOME, lrs=(0.001,))


@pytest.fixture
def stored(bare: Run, _empty_store: Path) -> Run:
    """The same beside an empty store of MLflow."""
    shutil.copy(_empty_store, bare.path.parent / "mlflow.db")
    return bare


@pytest.fixture
def run(stored: Run) -> Run:
    """The same with its report."""
    write_report(stored, None, ReportOptions(cams=False))
    return stored
