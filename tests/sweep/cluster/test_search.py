"""Early stopping within a technique, and a search that gives every technique the same budget."""

from __future__ import annotations

from pathlib import Path

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from sweep.runs.run import Run
from tests.sweep.cluster.sweeping import RAYS_WARNINGS, call

pytestmark = RAYS_WARNINGS


def test_asha_stops_trials_that_are_behind_their_own_technique(tiny: Path, tmp_path: Path) -> None:
    folder = tmp_path / "asha"
    call(
        "run", tiny, "--out", folder, "--techniques", "undersampling", "--lr", "1e-3,1e-8,2e-8,4e-8",
        "--epochs", "4", "--seeds", "2", "--set", "sweep.grace=1", "--scheduler", "asha", "--max-concurrent", "1",
    )  # fmt: skip
    trials = Run(folder).trials()
    assert set(trials["status"]) <= {"done", "stopped"}
    stopped = trials[trials["status"] == "stopped"]
    assert len(stopped) >= 1
    assert (stopped["epochs_run"] < stopped["epochs"]).all()
    assert (trials[trials["status"] == "done"]["epochs_run"] == 4).all()
    full = trials[trials["epochs_run"] == 4]
    later = trials[trials["seed"] == 1].set_index("configuration")["epochs_run"]
    assert set(later) == {0, 4}, "a later seed is not begun, or not stopped"
    assert set(later.index[later == 4]) <= set(full[full["seed"] == 0]["configuration"])
    for trial in trials[trials["epochs_run"] > 0].itertuples():
        events = EventAccumulator(str(folder / "tensorboard" / f"{trial.technique}-{trial.trial_id}"))
        events.Reload()
        assert "validation/confusion_matrix" in events.Tags()["images"], f"{trial.status} trial without its matrix"


def test_optuna_gives_every_technique_the_same_budget(tiny: Path, tmp_path: Path) -> None:
    folder = tmp_path / "optuna"
    call(
        "run", tiny, "--out", folder, "--lr", "1e-4..1e-2", "--epochs", "1", "--trials", "2", "--search", "optuna"
    )  # fmt: skip
    trials = Run(folder).trials()
    assert set(trials["status"]) == {"done"}
    budget = trials.groupby("technique")["configuration"].agg(["nunique", "size"])
    assert (budget["nunique"] == 2).all()
    assert (budget["size"] == 4).all()
    first_round = trials[trials["draw"] == 0]
    assert first_round["lr"].nunique() == 1, "the first draw is the same for every technique"
    assert trials["lr"].between(1e-4, 1e-2).all()
