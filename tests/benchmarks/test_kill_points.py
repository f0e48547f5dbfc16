"""The benchmark kills where it says, and sees a trial that ends otherwise."""

from __future__ import annotations

from pathlib import Path

from benchmarks.kill_points import attempt, told
from sweep.runs.spec import TrialSpec
from sweep.runs.trial_folder import TrialFolder

SPEC = TrialSpec("baseline", 3e-2, 3, 0, batch_size=8, image_size=16)


def test_a_killed_trial_stops_there_and_a_different_end_is_seen(tmp_path: Path) -> None:
    whole, killed = TrialFolder(tmp_path / "whole"), TrialFolder(tmp_path / "killed")
    places = attempt(whole, SPEC, every=2)
    assert places > 20
    assert attempt(killed, SPEC, every=2, at=places // 2) == places // 2
    assert killed.fault() == "it is running"
    attempt(killed, SPEC, every=2)
    assert told(killed) == told(whole)
    killed.write_status("done", best_epoch=whole.status()["best_epoch"] % SPEC.epochs + 1)
    assert told(killed) != told(whole)
