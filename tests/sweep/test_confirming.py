"""Fresh seeds confirm what exploring chose: they alone speak, they can't change it, and a stop costs nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import sweep.sweeps as sweeps
from balancing.errors import UserError
from sweep.analysis.results import Results
from sweep.analysis.rounds import next_techniques
from sweep.analysis.statistics.significance import answers
from sweep.runs.confirming import Confirming, confirming_of
from sweep.runs.observer import Observer
from sweep.runs.run import Run
from tests.sweep.test_local import numbers, sweep_here, tiny

# Two configurations of each technique explored with one seed, the better of which is confirmed by two fresh ones.
CONFIRMED = {"space__lr": [0.001, 0.0001], "space__epochs": 1, "space__seeds": 1, "space__confirm": 2}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return sweep_here(tmp_path_factory.mktemp("confirmed") / "run", tiny(**CONFIRMED))


def test_fresh_seeds_of_what_was_chosen_alone_speak_and_alone_see_the_test_split(undisturbed: Run) -> None:
    trials = undisturbed.trials()
    exploring, fresh = trials[~trials["fresh"]], trials[trials["fresh"]]
    assert exploring["seed"].tolist() == [0] * 4
    assert sorted(fresh["seed"]) == [1, 1, 2, 2], "the same fresh seeds for both techniques, none that explored"
    for choice in undisturbed.selection():
        own = exploring[exploring["technique"] == choice["technique"]]
        best = own.loc[own["balanced_accuracy"].idxmax()]
        assert choice["configuration"] == best["configuration"], "chosen by exploring"
        assert choice["explored"]["trial_ids"] == [best["trial_id"]]
        mine = fresh[fresh["technique"] == choice["technique"]]
        assert choice["trial_ids"] == mine["trial_id"].tolist()
        assert choice["mean"] == pytest.approx(mine["balanced_accuracy"].mean())
    (opening,) = undisturbed.test_openings()
    assert sorted(opening["trials"]) == sorted(fresh["trial_id"])
    tested = {path.parent.name for path in undisturbed.path.glob("trials/*/test.parquet")}
    assert tested == set(fresh["trial_id"])
    kept = {path.parent.name for path in undisturbed.path.glob("trials/*/best.pt")}
    assert kept == set(fresh["trial_id"])


class Stops(Observer):
    """Stops the sweep after so many epochs, as Ctrl-C would."""

    def __init__(self, after: int):
        self.left = after

    def epoch(self, trial_id: str, numbers: Mapping[str, Any]) -> None:
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt


@pytest.mark.parametrize("epochs", [3, 6], ids=["exploring", "confirming"])
def test_stopped_in_either_phase_it_goes_on_to_equal_numbers(undisturbed: Run, tmp_path: Path, epochs: int) -> None:
    with pytest.raises(KeyboardInterrupt):
        sweep_here(tmp_path / "run", tiny(**CONFIRMED), Stops(epochs))
    assert (confirming_of(Run(tmp_path / "run")) is not None) == (epochs > 4)
    assert numbers(sweep_here(tmp_path / "run", tiny(**CONFIRMED))) == numbers(undisturbed)


def test_a_confirming_seed_can_not_change_the_choice(undisturbed: Run, tmp_path: Path) -> None:
    """Fresh seeds that failed, or do worse than what was not chosen, are of the configuration that was chosen."""
    run = sweep_here(tmp_path / "run", tiny(**CONFIRMED))
    before = json.loads((run.path / "confirming.json").read_text())
    for spec in run.specs():
        if spec.seed_index:
            folder = run.trial(spec.trial_id)
            folder.write_epochs([{**epoch, "balanced_accuracy": 0.0} for epoch in folder.epochs()])
    again = sweep_here(tmp_path / "run", tiny(**CONFIRMED))
    assert json.loads((again.path / "confirming.json").read_text()) == before
    chosen = [choice["configuration"] for choice in undisturbed.selection()]
    assert [choice["configuration"] for choice in again.selection()] == chosen
    (again.path / "confirming.json").write_text("{")  # decided anew, by what explored alone
    assert Run(run.path).mend()
    sweep_here(tmp_path / "run", tiny(**CONFIRMED))
    decided = json.loads((again.path / "confirming.json").read_text())
    assert decided["chosen"] == before["chosen"]


def test_one_configuration_a_technique_is_confirmed_at_once_by_the_trials_of_a_plain_plan(tmp_path: Path) -> None:
    plain = sweep_here(tmp_path / "plain", tiny(space__epochs=1, space__seeds=2))
    config = tiny(space__epochs=1, space__seeds=1, space__confirm=2)
    run = sweep_here(tmp_path / "run", config)
    assert [spec.trial_id for spec in run.specs()] == [spec.trial_id for spec in plain.specs()]
    mine, theirs = numbers(run), numbers(plain)
    assert all(mine[trial] == theirs[trial] for trial in [spec.trial_id for spec in run.specs()])
    kept = ("technique", "configuration", "trial_ids", "seeds", "metric", "mean", "spread", "complete", "trials")
    for one, other in zip(run.selection(), plain.selection(), strict=True):
        assert {key: one[key] for key in kept} == {key: other[key] for key in kept}
        assert "explored" not in one


def test_more_seeds_of_a_finished_run_that_compared_nothing_all_speak(tmp_path: Path) -> None:
    config = tiny(space__epochs=1, space__seeds=2)
    run = sweep_here(tmp_path / "run", config)
    before = {spec.trial_id for spec in run.specs()}
    path = tmp_path / "run"
    with pytest.raises(sweeps.Interrupted):
        sweeps.more(path, config, 2, Stops(3), executor="local")
    with pytest.raises(UserError, match="is interrupted; go on with it by"):
        sweeps.more(path, config, 1, Observer(), executor="local")
    (entry,) = Run(path).info["seeds_added"]
    assert (entry["seeds"], entry["openings"]) == ([2, 3], 1)
    run = sweeps.resume(path, config, Observer(), executor="local")
    assert [len(choice["seeds"]) for choice in run.selection()] == [4, 4]
    first, second = run.test_openings()
    assert set(first["trials"]) == before
    assert set(second["trials"]) == {spec.trial_id for spec in run.specs()} - before, "those alone were opened"
    plain = sweep_here(tmp_path / "plain", tiny(space__epochs=1, space__seeds=4))
    ours, theirs = numbers(run), numbers(plain)
    assert all(ours[spec.trial_id] == theirs[spec.trial_id] for spec in plain.specs()), "as if planned so"
    assert run.info["status"] == "finished"
    assert len(sweeps.more(path, config, 1, Observer(), executor="local").selection()[0]["seeds"]) == 5


def test_more_seeds_speak_alone_where_configurations_were_compared(tmp_path: Path) -> None:
    config = tiny(space__epochs=1, space__seeds=1, space__lr=[0.001, 0.0001])
    run = sweep_here(tmp_path / "run", config)
    chosen = {choice["technique"]: choice["configuration"] for choice in run.selection()}
    run = sweeps.more(run.path, config, 2, Observer(), executor="local")
    assert {choice["technique"]: choice["configuration"] for choice in run.selection()} == chosen
    assert [choice["seeds"] for choice in run.selection()] == [[1, 2], [1, 2]]
    assert [choice["explored"]["seeds"] for choice in run.selection()] == [[0], [0]]
    planned = sweep_here(tmp_path / "planned", tiny(**CONFIRMED))
    ours, theirs = numbers(run), numbers(planned)
    assert all(ours[trial][:2] == theirs[trial][:2] for trial in ours if trial not in ("trials", "chosen"))
    assert {choice["technique"]: choice["mean"] for choice in run.selection()} == {
        choice["technique"]: choice["mean"] for choice in planned.selection()
    }


@pytest.mark.parametrize(
    ("seeds", "said"), [(0, "from 1 to 1,000, but are 0"), (True, "but are True"), (2000, "but are 2000")]
)
def test_more_says_what_it_can_not_add(undisturbed: Run, seeds: int, said: str) -> None:
    with pytest.raises(UserError, match=said):
        sweeps.more(undisturbed.path, tiny(**CONFIRMED), seeds, Observer(), executor="local")


@pytest.mark.parametrize("stop", [None, 6], ids=["through", "stopped in the second round"])
def test_until_decided_stops_with_what_is_settled_and_goes_on_with_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop: int | None
) -> None:
    """A judge that settles one technique after the first look; the baseline goes on with the other."""
    settings = {"space__techniques": ["baseline", "undersampling", "oversampling"], "space__epochs": 1}
    config = tiny(**settings, space__seeds=1, space__confirm=6, sweep__until_decided=True)
    looks: list[int] = []

    def judge(run: Run, found: Confirming) -> tuple[list[str], dict[str, str]]:
        tested = [trial for opening in run.test_openings() for trial in opening["trials"]]
        assert sorted(tested) == sorted(spec.trial_id for spec in found.specs()), "all rounds so far, each once"
        looks.append(len(found.rounds))
        return (["baseline", "oversampling"], {"undersampling": "futile"}) if len(found.rounds) == 1 else ([], {})

    monkeypatch.setattr("sweep.analysis.rounds.next_techniques", judge)
    path = tmp_path / "run"
    if stop is not None:
        with pytest.raises(sweeps.Interrupted):
            sweeps.start(config, "x", path, Stops(3 * 3 + 2 - 1), executor="local")
        assert len(Run(path).test_openings()) == 1
        run = sweeps.resume(path, config, Observer(), executor="local")
    else:
        run = sweeps.start(config, "x", path, Observer(), executor="local")
    found = confirming_of(run)
    assert found is not None
    assert found.looks == (3, 4, 6)
    assert [(one.seeds, one.techniques) for one in found.rounds] == [
        ((0, 1, 2), ("baseline", "undersampling", "oversampling")),
        ((3,), ("baseline", "oversampling")),
    ]
    assert looks == [1, 2]
    assert {choice["technique"]: len(choice["seeds"]) for choice in run.selection()} == {
        "baseline": 4,
        "undersampling": 3,
        "oversampling": 4,
    }
    assert [opening["look"] for opening in run.test_openings()] == [1, 2]
    assert run.info["status"] == "finished"
    assert sorted(run.trials()["seed"]) == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3]


def test_the_report_s_verdict_is_that_of_the_looks(tmp_path: Path) -> None:
    config = tiny(space__epochs=1, space__seeds=1, space__confirm=3, sweep__until_decided=True)
    run = sweeps.start(config, "x", tmp_path / "run", Observer(), executor="local")
    found = confirming_of(run)
    assert found is not None
    table = Results(run).differences()
    names, answered = next_techniques(run, found)
    said = dict(zip(table["technique"], answers(table), strict=True))
    assert {name: answer for name, answer in answered.items() if answer != "futile"} == {
        name: answer for name, answer in said.items() if answer != "open"
    }
    assert set(names) == ({"baseline", *(set(said) - set(answered))} if set(said) - set(answered) else set())
