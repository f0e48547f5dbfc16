"""Fresh seeds confirm what exploring chose: they alone speak, they can't change it, and a stop costs nothing."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

import sweep.sweeps as sweeps
from balancing.errors import UserError
from sweep.analysis.cost import budget
from sweep.analysis.hyperparameters.factors import ended_trials
from sweep.analysis.results import Results
from sweep.analysis.rounds import next_techniques
from sweep.analysis.statistics.significance import answers
from sweep.config.config import Config
from sweep.report.words.confirming import added_seeds_lines, confirmed_sentence, looks_lines
from sweep.runs.confirming import Confirming, confirming_of
from sweep.runs.observer import Observer
from sweep.runs.run import Run
from tests.golden.kinds import WEIGHTS
from tests.sweep import test_local
from tests.sweep.test_local import numbers, sweep_here


def tiny(**changes: Any) -> Config:
    """As there, of one epoch and without event files."""
    return test_local.tiny(**{"space__epochs": 1, "sweep__tensorboard": False, **changes})


def heads(**changes: Any) -> Config:
    """Heads on a frozen network, which train in bundles in no time."""
    frozen = {"train__network": "frozen", "train__weights": str(WEIGHTS), "data__image_size": 32, "space__lr": 0.01}
    return tiny(**{**frozen, "space__batch_size": 4096, **changes})


# Two configurations of each technique explored with one seed, the better of which is confirmed by two fresh ones.
CONFIRMED = {"space__lr": [0.001, 0.0001], "space__seeds": 1, "space__confirm": 2}


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
    run = Run(shutil.copytree(undisturbed.path, tmp_path / "run"))
    before = json.loads((run.path / "confirming.json").read_text())
    for spec in run.specs():
        if spec.seed_index:  # fresh ones do far worse than what was not chosen
            folder = run.trial(spec.trial_id)
            folder.write_epochs([{**epoch, "balanced_accuracy": 0.0} for epoch in folder.epochs()])
    again = sweep_here(run.path, tiny(**CONFIRMED))
    assert json.loads((run.path / "confirming.json").read_text()) == before
    chosen = [choice["configuration"] for choice in undisturbed.selection()]
    assert [choice["configuration"] for choice in again.selection()] == chosen
    (run.path / "confirming.json").write_text("{")
    with pytest.raises(UserError, match="`sweep resume .*` writes it anew"):
        run.trials()
    assert run.mend()
    sweep_here(run.path, tiny(**CONFIRMED))  # decides anew, by what explored alone
    assert json.loads((run.path / "confirming.json").read_text())["chosen"] == before["chosen"]


@pytest.mark.parametrize(
    "damage",
    [
        lambda found: found.update(chosen=[]),
        lambda found: found["chosen"][0].update(technique="../<script>"),
        lambda found: found["rounds"][0].update(seeds=[]),
        lambda found: found["rounds"][0].update(seeds=[-5, 7]),
        lambda found: found["rounds"][0].update(techniques=["../<script>"]),
        lambda found: found.update(looks=[5, 3, -1]),
    ],
)
def test_what_contradicts_itself_is_damaged_too_and_decided_anew(
    undisturbed: Run, tmp_path: Path, damage: Callable[[dict[str, Any]], None]
) -> None:
    run = Run(shutil.copytree(undisturbed.path, tmp_path / "run"))
    found = json.loads((run.path / "confirming.json").read_text())
    damage(found)
    (run.path / "confirming.json").write_text(json.dumps(found))
    with pytest.raises(UserError, match="confirming.json is damaged .*`sweep resume .*` writes it anew"):
        run.trials()
    assert run.mend()
    assert not (run.path / "confirming.json").exists()


def test_a_fresh_seed_whose_network_is_lost_is_trained_again_and_nothing_else(undisturbed: Run, tmp_path: Path) -> None:
    run = Run(shutil.copytree(undisturbed.path, tmp_path / "run"))
    lost = run.selection()[1]["trial_ids"][0]
    run.trial(lost).best.unlink()
    trained = Trained()
    assert numbers(sweep_here(run.path, tiny(**CONFIRMED), trained)) == numbers(undisturbed)
    assert trained.trial_ids == [lost]


class Trained(Observer):
    """Remembers what trained."""

    def __init__(self) -> None:
        self.trial_ids: list[str] = []

    def started(self, trial_id: str) -> None:
        self.trial_ids.append(trial_id)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """One configuration a technique, two seeds, none fresh."""
    return sweep_here(tmp_path_factory.mktemp("plain") / "run", tiny())


def test_one_configuration_a_technique_is_confirmed_at_once_and_more_seeds_are_as_if_planned(
    plain: Run, tmp_path: Path
) -> None:
    """There is nothing to explore, so the confirming seeds are the first ones; seeds that are added are the next."""
    confirmed = sweep_here(tmp_path / "confirmed", tiny(space__seeds=1, space__confirm=4))
    assert [spec.seed_index for spec in confirmed.specs()] == [0, 0, 1, 1, 2, 2, 3, 3]
    assert not any("explored" in choice for choice in confirmed.selection())

    path = Path(shutil.copytree(plain.path, tmp_path / "run"))
    with pytest.raises(sweeps.Interrupted):
        sweeps.more(path, tiny(), 2, Stops(3), executor="local")
    with pytest.raises(UserError, match="is interrupted; go on with it by"):
        sweeps.more(path, tiny(), 1, Observer(), executor="local")
    (entry,) = Run(path).info["seeds_added"]
    assert (entry["seeds"], entry["openings"]) == ([2, 3], 1)
    run = sweeps.resume(path, tiny(), Observer(), executor="local")
    assert run.info["status"] == "finished"

    ours, theirs = numbers(run), numbers(confirmed)
    assert all(ours[spec.trial_id] == theirs[spec.trial_id] for spec in confirmed.specs())
    kept = ("technique", "configuration", "trial_ids", "seeds", "metric", "mean", "spread", "complete", "trials")
    for one, other in zip(run.selection(), confirmed.selection(), strict=True):
        assert {key: one[key] for key in kept} == {key: other[key] for key in kept}, "all four seeds speak"
    first, second = run.test_openings()
    assert set(first["trials"]) == {spec.trial_id for spec in plain.specs()}
    assert set(second["trials"]) == {spec.trial_id for spec in run.specs()} - set(first["trials"]), "those alone"
    (said,) = added_seeds_lines(Results(run))
    assert "2 seeds of each technique were added" in said
    assert "had been opened once" in said


def test_more_seeds_speak_alone_where_configurations_were_compared(tmp_path: Path) -> None:
    config = heads(space__seeds=1, space__weight_decay=[0.0, 0.1])
    run = sweeps.start(config, "x", tmp_path / "run", Observer(), executor="local")
    before = {choice["technique"]: choice for choice in run.selection()}
    run = sweeps.more(run.path, config, 2, Observer(), executor="local")
    for choice in run.selection():
        was = before[choice["technique"]]
        assert choice["configuration"] == was["configuration"]
        assert choice["seeds"] == [1, 2]
        assert choice["explored"] == {key: was[key] for key in ("trial_ids", "seeds", "mean", "spread")}
    run = sweeps.more(run.path, config, 1, Observer(), executor="local")
    assert [choice["seeds"] for choice in run.selection()] == [[1, 2, 3], [1, 2, 3]]
    assert "judged by 3 fresh seeds" in confirmed_sentence(Results(run))
    assert sorted(ended_trials(Results(run))["seed"]) == [0] * 4, "what explored tells of hyperparameters"


@pytest.mark.parametrize(
    ("seeds", "said"), [(0, "from 1 to 1,000, but are 0"), (True, "but are True"), (2000, "but are 2000")]
)
def test_more_says_what_it_can_not_add(undisturbed: Run, seeds: int, said: str) -> None:
    with pytest.raises(UserError, match=said):
        sweeps.more(undisturbed.path, tiny(**CONFIRMED), seeds, Observer(), executor="local")


class StopsInRound(Observer):
    """Stops the sweep when the first trial of a round of heads has ended."""

    def __init__(self, number: int):
        self.left = number

    def begin(self, *sweep: Any) -> None:
        self.left -= 1

    def ended(self, trial_id: str, state: str, error: str = "") -> None:
        if self.left == 0:
            raise KeyboardInterrupt


@pytest.mark.parametrize("stopped", [False, True])
def test_until_decided_stops_with_what_is_settled_and_goes_on_with_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stopped: bool
) -> None:
    """A judge that settles one technique after the first look; the baseline goes on with the other."""
    techniques = ["baseline", "class_weights", "focal"]
    config = heads(space__techniques=techniques, space__seeds=1, space__confirm=6, sweep__until_decided=True)
    looks: list[int] = []

    def judge(run: Run, found: Confirming) -> tuple[list[str], dict[str, str]]:
        tested = [trial for opening in run.test_openings() for trial in opening["trials"]]
        assert sorted(tested) == sorted(spec.trial_id for spec in found.specs()), "all rounds so far, each once"
        looks.append(len(found.rounds))
        return (["baseline", "focal"], {"class_weights": "futile"}) if len(found.rounds) == 1 else ([], {})

    monkeypatch.setattr("sweep.analysis.rounds.next_techniques", judge)
    path = tmp_path / "run"
    if stopped:
        with pytest.raises(sweeps.Interrupted):
            sweeps.start(config, "x", path, StopsInRound(2), executor="local")
        assert [opening["look"] for opening in Run(path).test_openings()] == [1]
        run = sweeps.resume(path, config, Observer(), executor="local")
    else:
        run = sweeps.start(config, "x", path, Observer(), executor="local")
    found = confirming_of(run)
    assert found is not None
    assert found.looks == (3, 4, 6)
    assert [(one.seeds, one.techniques) for one in found.rounds] == [
        ((0, 1, 2), ("baseline", "class_weights", "focal")),
        ((3,), ("baseline", "focal")),
    ]
    assert looks == [1, 2]
    assert [len(choice["seeds"]) for choice in run.selection()] == [4, 3, 4]
    assert [opening["look"] for opening in run.test_openings()] == [1, 2]
    assert run.info["status"] == "finished"
    assert sorted(run.trials()["seed"]) == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3]
    results = Results(run)
    (said,) = looks_lines(results)
    assert "with 3, 4 and 6 of each technique, and were 2 times" in said
    assert results.differences().set_index("technique")["seeds"].to_dict() == {"class_weights": 3, "focal": 4}
    assert budget(results).equal


def test_the_report_s_verdict_is_that_of_the_looks(tmp_path: Path) -> None:
    config = heads(space__techniques=["baseline", "class_weights"], space__confirm=4, sweep__until_decided=True)
    run = sweeps.start(config, "x", tmp_path / "run", Observer(), executor="local")
    found = confirming_of(run)
    assert found is not None
    table = Results(run).differences()
    names, answered = next_techniques(run, found)
    said = dict(zip(table["technique"], answers(table), strict=True))
    judged = {name: answer for name, answer in answered.items() if answer != "futile"}
    assert judged == {name: answer for name, answer in said.items() if answer != "open"}
    assert set(names) == ({"baseline", "class_weights"} if "class_weights" not in answered else set())


@pytest.mark.parametrize("how", ["asha", "optuna"])
def test_what_searches_or_stops_early_explores_and_never_confirms(tmp_path: Path, how: str) -> None:
    if how == "optuna":
        pytest.importorskip("optuna")
        search = {"sweep__search": "optuna", "space__weight_decay": "0.001..0.1", "space__trials": 2}
    else:
        search = {"sweep__scheduler": "asha", "sweep__grace": 1, "space__weight_decay": [0.0, 0.1, 0.01, 0.03]}
    config = heads(space__epochs=3, space__seeds=1, space__confirm=2, **search)
    run = sweeps.start(config, "x", tmp_path / "run", Observer(), executor="local")
    trials = run.trials()
    exploring, fresh = trials[~trials["fresh"]], trials[trials["fresh"]]
    assert len(exploring) == 2 * (2 if how == "optuna" else 4)
    assert fresh["status"].tolist() == ["done"] * 4
    assert fresh["epochs_run"].tolist() == [3] * 4
    assert ("stopped" in set(exploring["status"])) == (how == "asha")
    for choice in run.selection():
        own = exploring[(exploring["technique"] == choice["technique"]) & (exploring["status"] == "done")]
        assert choice["configuration"] == own.loc[own["balanced_accuracy"].idxmax(), "configuration"]
