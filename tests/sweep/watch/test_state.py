"""What a watched run folder says, by hand; and that nothing of the test split is read."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from balancing.errors import UserError
from sweep.runs.folds import fold_path, mark_whole
from sweep.runs.run import Run
from sweep.runs.stages import first_path
from sweep.runs.trial_folder import TrialFolder
from sweep.watch.state import Watched
from tests.sweep.fake_run import fake_images, fake_run, fake_split


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return fake_run(tmp_path / "run", fake_images(tmp_path / "images"))


def test_counts_and_best_are_those_of_the_folder(run: Run) -> None:
    state, table = Watched(run.path).state(), run.trials()
    assert state.counts == table["status"].value_counts().to_dict()
    assert state.trials == len(table)
    for one in state.techniques:
        own = table[table["technique"] == one.technique]
        means = own.groupby("configuration")["balanced_accuracy"].mean()
        assert one.planned == len(own)
        if one.best is not None:
            assert one.best == pytest.approx(means.max(), abs=1e-9)
    assert {(trial, technique) for trial, technique, _ in state.errors} == set(
        table.loc[table["status"].isin(("failed", "diverged")), ["trial_id", "technique"]].itertuples(
            index=False, name=None
        )
    )
    json.dumps(state.plain(), allow_nan=False)


def test_the_test_split_is_not_opened(run: Run) -> None:
    before = Watched(run.path).state()
    for place in [*run.path.glob("trials/*/test.parquet"), run.path / "selection.json"]:
        place.write_bytes(b"no parquet and no json")
    (run.path / "report").mkdir(exist_ok=True)
    assert Watched(run.path).state() == before


def test_what_changed_is_read_and_nothing_else(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    watched = Watched(run.path)
    first = watched.state()
    spec = run.specs()[0]
    read: list[str] = []
    known = TrialFolder.epochs

    def told(self: TrialFolder) -> list[dict[str, Any]]:
        read.append(self.path.name)
        return known(self)

    monkeypatch.setattr(TrialFolder, "epochs", told)
    assert watched.state() == first
    assert read == []
    folder = run.trial(spec.trial_id)
    folder.write_epochs([{**epoch, "balanced_accuracy": 0.9999} for epoch in known(folder)])
    again = {one.technique: one for one in watched.state().techniques}
    assert read == [spec.trial_id]
    assert again[spec.technique] != {one.technique: one for one in first.techniques}[spec.technique]


def test_time_left_is_the_pace_of_the_epochs_that_ended(tmp_path: Path) -> None:
    made = fake_run(tmp_path / "run", fake_images(tmp_path / "images"), failing=False)
    assert Watched(made.path).state().seconds_left is None  # nothing is left
    first, second = made.specs()[:2]
    for spec in (first, second):
        made.trial(spec.trial_id).write_status("running")
        made.trial(spec.trial_id).write_epochs([])
    usual = made.epochs()["seconds"].median()
    left = Watched(made.path).state().seconds_left
    assert left is not None
    assert math.isclose(left, usual * (first.epochs + second.epochs) / 2, rel_tol=1e-6)


def test_of_folds_all_trials_are_told_of_and_a_configuration_is_the_same_in_each(tmp_path: Path) -> None:
    images = fake_images(tmp_path / "images")
    whole = Run.create(
        tmp_path / "run", config_yaml="{}", images=images, split=fake_split(images), positive=1, notes=[]
    )
    mark_whole(whole, 2, 1)
    assert Watched(whole.path).state().trials == 0  # none has begun
    for number, counts in enumerate(((20, 10), (22, 12)), 1):
        fake_run(fold_path(whole, number), images, techniques=("baseline",), failing=False, test_counts=counts)
    state = Watched(whole.path).state()
    assert (state.trials, state.counts) == (2 * 2 * 2, {"done": 8})
    (baseline,) = state.techniques
    assert (baseline.planned, baseline.ended, baseline.seeds) == (8, 8, 2 * 2)


def test_the_first_of_two_stages_is_told_of_until_it_has_decided(tmp_path: Path) -> None:
    images = fake_images(tmp_path / "images")
    whole = fake_run(tmp_path / "run", images, techniques=("baseline",), failing=False)
    fake_run(first_path(whole), images, techniques=("baseline", "smote"), failing=False)
    assert [one.technique for one in Watched(whole.path).state().techniques] == ["baseline", "smote"]
    decision = {"time": "", "metric": "auroc", "keep": 1, "techniques": ["baseline"], "ranked": []}
    whole.update_info(decision=decision)
    assert [one.technique for one in Watched(whole.path).state().techniques] == ["baseline"]


def test_what_is_no_run_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"is not a run folder"):
        Watched(tmp_path)
