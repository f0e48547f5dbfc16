"""What a worker does with a trial that another worker had before, without Ray."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from sweep.cluster import worker
from sweep.runs.run import ASKS, ENDED_AS
from sweep.runs.spec import TrialSpec
from sweep.runs.trial_folder import TrialFolder, network_fingerprint
from sweep.training import trial as trial_module

pytestmark = [pytest.mark.filterwarnings("ignore::DeprecationWarning"), pytest.mark.filterwarnings("ignore:Tip.*")]
SPEC = TrialSpec("baseline", 1e-3, 2, 0, batch_size=8, image_size=16)
PROBABILITIES = np.full((4, 2), 0.5, dtype=np.float32)


class Stopped(BaseException):
    """As Tune ends a trial that asked whether to begin."""


class FakeRun:
    def __init__(self, path: Path):
        self.path = path

    def trial(self, trial_id: str) -> TrialFolder:
        return TrialFolder(self.path / "trials" / trial_id)

    def events_folder(self, spec: TrialSpec) -> Path:
        return self.path / "tensorboard"


def shared(halving: tuple[int, int] | None = None) -> Any:
    nothing = np.zeros(0, dtype=np.int64)
    return worker.WorkerContext(
        "", "", "", None, nothing, ("a", "b"), nothing, nothing, nothing, None, 0, halving=halving
    )


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TrialFolder:
    images = SimpleNamespace(class_names=("a", "b"))
    monkeypatch.setattr(worker, "_open_shared", lambda shared, gpus: (images, FakeRun(tmp_path)))
    monkeypatch.setattr(worker, "_clean_worker", lambda seed, cpus, gpus: torch.device("cpu"))
    return TrialFolder(tmp_path / "trials" / SPEC.trial_id)


def with_results(folder: TrialFolder, status: str, best: int = 1) -> None:
    network = network_fingerprint(best, PROBABILITIES)
    folder.write_predictions("validation", np.arange(4), np.arange(4) % 2, PROBABILITIES, network)
    folder.write_epochs([{"epoch": 1, "seconds": 1.0, "images_per_second": 1.0}])
    folder.write_status(status, best_epoch=best, network=network)


def trained_at_once(trial: trial_module.Trial, *rest: Any) -> str:
    with_results(trial.folder, "done")
    return "done"


def train(folder: TrialFolder, monkeypatch: pytest.MonkeyPatch, halving: Any = None, stop: bool = False) -> list[Any]:
    """What was reported."""
    told: list[Any] = []

    def report(what: dict[str, Any]) -> None:
        told.append(what)
        if stop:
            raise Stopped

    monkeypatch.setattr(worker.tune, "report", report)
    worker.train_on_worker({"spec": SPEC.to_dict()}, shared=shared(halving), cpus=1, gpus=0)
    return told


@pytest.mark.parametrize("halving", [None, (2, 1)])
def test_a_trial_whose_worker_was_lost_after_its_last_epoch_is_not_trained_again(
    folder: TrialFolder, monkeypatch: pytest.MonkeyPatch, halving: Any
) -> None:
    """Its records say that it ended, only Tune was not told; it has nothing to go on from any more."""

    def trained(*given: Any, **options: Any) -> str:
        raise AssertionError("it is trained again")

    monkeypatch.setattr(trial_module.Trial, "run", trained)
    with_results(folder, "done")
    folder.last.write_bytes(b"killed before it was tidied up")
    before = folder.status()
    assert train(folder, monkeypatch, halving) == [{ENDED_AS: "done", "error": ""}]
    assert folder.status() == before
    assert not folder.last.exists()


def test_a_trial_that_is_stopped_when_it_asks_again_leaves_nothing_of_a_lost_attempt(
    folder: TrialFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed between its best network and its record, it starts anew, asks, and is told that others are better."""
    with_results(folder, "running")
    folder.best.write_bytes(b"of epoch 2")
    with pytest.raises(Stopped):
        train(folder, monkeypatch, halving=(2, 1), stop=True)
    folder.write_status("stopped")  # as the driver does
    assert folder.fault() == ""
    assert folder.status()["best_epoch"] is None
    assert folder.epochs() == []
    assert {path.name for path in folder.path.iterdir()} == {"status.json"}


def test_a_trial_that_can_go_on_does_not_ask_whether_to_begin(
    folder: TrialFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial_module.Trial, "run", trained_at_once)
    with_results(folder, "running")
    folder.last.write_bytes(b"to go on from")
    told = train(folder, monkeypatch, halving=(2, 1))
    assert told == [{ENDED_AS: "done", "error": ""}]
    folder.last.unlink(missing_ok=True)


def test_a_trial_that_begins_asks(folder: TrialFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial_module.Trial, "run", trained_at_once)
    assert train(folder, monkeypatch, halving=(2, 1))[0] == {ASKS: True}
