"""What a trial's folder says of it."""

from __future__ import annotations

from pathlib import Path

from sweep.runs import trial_folder
from sweep.runs.trial_folder import TrialFolder
from tests.sweep.runs.small import epoch_numbers


def test_a_trials_status_grows_and_changes(tmp_path: Path) -> None:
    folder = TrialFolder(tmp_path / "t")
    assert folder.status() == {"status": "waiting"}
    assert folder.epochs() == []
    folder.write_status("running", attempts=1)
    folder.write_status("running", best_epoch=2)
    folder.write_status("done", finished="now")
    status = folder.status()
    assert {k: status[k] for k in ("status", "attempts", "best_epoch", "finished")} == {
        "status": "done",
        "attempts": 1,
        "best_epoch": 2,
        "finished": "now",
    }
    folder.write_status("failed", error="x", best_epoch=None)
    assert (folder.status()["status"], folder.status()["best_epoch"]) == ("failed", None)


def test_epochs_come_back(tmp_path: Path) -> None:
    folder = TrialFolder(tmp_path / "t")
    epochs = [epoch_numbers(1, 0.25), epoch_numbers(2, 0.5)]
    folder.write_epochs(epochs)
    assert folder.epochs() == epochs


def test_the_states_that_end_a_trial_leave_out_those_to_run_again() -> None:
    assert set(trial_folder.ENDED) == {"done", "stopped", "diverged"}
