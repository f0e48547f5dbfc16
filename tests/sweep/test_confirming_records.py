"""Damaged records of a run whose choices fresh seeds confirm: told at once, by every command, and nothing is lost."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import sweep.cli.main
import sweep.sweeps as sweeps
from balancing.errors import UserError
from sweep.analysis.results import Results
from sweep.config.config import Config
from sweep.runs.confirming import confirming_of
from sweep.runs.observer import Observer
from sweep.runs.run import Run
from tests.sweep.test_confirming import Trained, heads
from tests.sweep.test_local import numbers

Damage = Callable[[dict[str, Any]], Any]


def confirmed() -> Config:
    """Two configurations of each technique explored with one seed, one of which two fresh ones confirm."""
    return heads(space__seeds=1, space__confirm=2, space__lr=[0.01, 0.03])


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Run:
    path = tmp_path_factory.mktemp("confirmed") / "run"
    return sweeps.start(confirmed(), "x", path, Observer(), executor="local")


@pytest.fixture
def run(whole: Run, tmp_path: Path) -> Run:
    return Run(shutil.copytree(whole.path, tmp_path / "run"))


def damaged(run: Run, name: str, damage: Damage) -> dict[str, bytes]:
    """Has a record hold what is wrong; returns what the folder then holds."""
    found = json.loads((run.path / name).read_text())
    damage(found)
    (run.path / name).write_text(json.dumps(found))
    return held(run)


def held(run: Run) -> dict[str, bytes]:
    files = [path for path in run.path.rglob("*") if path.is_file() and "owner" not in path.parts]
    return {str(path.relative_to(run.path)): path.read_bytes() for path in files}


def of_spec(**values: Any) -> Damage:
    return lambda found: found["chosen"][0]["spec"].update(values)


def of_choice(**values: Any) -> Damage:
    return lambda found: found["chosen"][0].update(values)


def of_round(**values: Any) -> Damage:
    return lambda found: found["rounds"][0].update(values)


def renamed(found: dict[str, Any]) -> None:
    found["chosen"][0].update(technique="nonsense")
    found["chosen"][0]["spec"].update(technique="nonsense")
    found["rounds"][0].update(techniques=["nonsense", *found["rounds"][0]["techniques"][1:]])


WRONG: list[tuple[str, Damage]] = [
    (r"chosen.0.spec.lr is nan", of_spec(lr=float("nan"))),
    (r"chosen.0.spec.lr is inf", of_spec(lr=float("inf"))),
    ("the configuration of baseline is not that of its trial", of_spec(lr=-0.01)),
    ("the configuration of baseline is not that of its trial", of_spec(data="f" * 16)),
    ("with 'pixels', which this version does not know", of_spec(pixels=7)),
    ("has seed -1 of 0", of_spec(seed_index=-1)),
    ("is none of those that it was chosen by", of_spec(seed=5, seed_index=0)),
    ("alone is false", lambda found: found.update(alone=False)),
    ("alone is 'yes'", lambda found: found.update(alone="yes")),
    ("it holds no round", lambda found: found.update(rounds=[])),
    ("a round has no seeds, or negative ones", of_round(seeds=[])),
    ("which do not rise", of_round(seeds=[1, 1])),
    ("which do not rise", of_round(seeds=[2, 1])),
    ("are not fresh", of_round(seeds=[0, 1])),
    ("trials.json plans seed 2 of baseline", of_round(seeds=[1])),
    ("round 1 is not of techniques", of_round(techniques=["baseline"])),
    ("trials.json knows no trial 'abc'", of_choice(trial_ids=["abc"])),
    ("the seeds of baseline are not its trials'", of_choice(trial_ids=[])),
    ("was chosen by seeds of no trials", of_choice(trial_ids=[], seeds=[])),
    ("the seeds of baseline are not its trials'", of_choice(seeds=[9])),
    ("the mean of baseline is 7", of_choice(mean=7.0)),
    ("is not that of its trial", renamed),
    ("a technique is chosen twice", lambda found: found["chosen"].append(found["chosen"][0])),
    ("not what the test split was opened for", lambda found: found.update(looks=[2, 5])),
]


@pytest.mark.parametrize(("wrong", "damage"), WRONG, ids=[f"{i} {wrong}" for i, (wrong, _) in enumerate(WRONG)])
def test_confirming_json_that_no_sweep_writes_is_damaged(run: Run, wrong: str, damage: Damage) -> None:
    before = damaged(run, "confirming.json", damage)
    for read in (run.trials, lambda: Results(run).differences(), lambda: confirming_of(run)):
        with pytest.raises(UserError, match="confirming.json is damaged .*; `sweep resume .*` writes it anew") as said:
            read()
        assert wrong in str(said.value)
    assert held(run) == before


@pytest.mark.parametrize(
    ("wrong", "values"),
    [
        ("0.mean is nan", {"mean": float("nan")}),
        ("the mean of baseline is 7", {"mean": 7.0}),
        ("the seeds of baseline are not its trials'", {"seeds": [7, 8]}),
        ("trials.json knows no trial 'zz'", {"trial_ids": ["zz"]}),
        ("more trials speak than were planned", {"planned": -1}),
    ],
)
def test_selection_json_that_no_sweep_writes_is_damaged(run: Run, wrong: str, values: dict[str, Any]) -> None:
    found = json.loads((run.path / "selection.json").read_text())
    found[0].update(values)
    (run.path / "selection.json").write_text(json.dumps(found))
    with pytest.raises(UserError, match="selection.json is damaged .*; `sweep resume .*` writes it anew") as said:
        Results(run).differences()
    assert wrong in str(said.value)


def of_data(**values: Any) -> Damage:
    return lambda found: found["data"].update(values)


def added(seeds: Any) -> Damage:
    return lambda found: found.update(seeds_added=[{"time": "2026-01-01", "seeds": seeds, "openings": 1}])


@pytest.mark.parametrize(
    ("wrong", "damage"),
    [
        ("which do not rise", added([-1])),
        ("holds no seeds", added([])),
        ("which do not rise", added([3, 3])),
        ("seeds_added.0.seeds is 'x'", added("x")),
        ("seeds_added is 3", lambda found: found.update(seeds_added=3)),
        ("status is 'nonsense'", lambda found: found.update(status="nonsense")),
        ("precision is 'float8'", lambda found: found.update(precision="float8")),
        ("not two or more different ones", of_data(class_names=["a", "a"])),
        ("no class's number", of_data(positive=7)),
        ("no class's number", of_data(positive=None)),
        ("data.shape is", of_data(shape=[300])),
        ("not a count of each class", of_data(class_counts={"train": [1], "validation": [1], "test": [1]})),
        ("are 'ffff'", of_data(fingerprint="ffff")),
        ("are 'ffff'", of_data(split_fingerprint="ffff")),
        ("0 folds and 1 repeats", lambda found: found.update(folds={"folds": 0, "repeats": 1})),
        ("is fold 9 of 2", lambda found: found.update(fold={"number": 9, "folds": 2, "repeats": 1})),
    ],
)
def test_run_json_that_no_sweep_writes_is_damaged_and_not_made_anew(run: Run, wrong: str, damage: Damage) -> None:
    before = damaged(run, "run.json", damage)
    for read in (lambda: Run(run.path).trials(), lambda: Run(run.path).mend()):
        with pytest.raises(UserError, match="run.json is damaged .*; put it back, or start anew") as said:
            read()
        assert wrong in str(said.value)
    assert held(run) == before


@pytest.mark.parametrize("command", ["more", "report", "compare", "predict"])
def test_every_command_says_so_in_one_sentence_and_changes_nothing(
    run: Run, whole: Run, command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    more = {"more": ["--seeds", "1", "--local"], "report": ["--no-cams"], "compare": [str(whole.path)]}
    more["predict"] = [str(run.path / "none.png")]
    damaged(run, "run.json", lambda found: found.update(id="another"))
    for name, damage in (("confirming.json", of_spec(lr=float("nan"))), ("run.json", added([-1]))):
        sound = (run.path / name).read_bytes()
        before = damaged(run, name, damage)
        monkeypatch.setattr("sys.argv", ["sweep", command, str(run.path), *more[command]])
        with pytest.raises(SystemExit) as ended:
            sweep.cli.main.main()
        said = capsys.readouterr().err
        assert ended.value.code == 2
        assert said.startswith(f"error: {run.path / name} is damaged (")
        assert said.count("\n") == 1
        assert held(run) == before
        (run.path / name).write_bytes(sound)


@pytest.mark.parametrize("how", ["changed", "cut off", "gone"])
def test_a_resume_makes_it_anew_as_it_was_and_keeps_what_was_damaged(whole: Run, run: Run, how: str) -> None:
    path = run.path / "confirming.json"
    sound = json.loads(path.read_text())
    if how == "changed":
        damaged(run, path.name, lambda found: found.update(alone=False))
    else:
        path.write_bytes(path.read_bytes()[:300])
    content = path.read_bytes()
    if how == "gone":
        path.unlink()
    trained = Trained()
    found = sweeps.resume(run.path, confirmed(), trained, executor="local")
    assert trained.trial_ids == []
    assert numbers(found) == numbers(whole)
    assert found.selection() == whole.selection()
    made = json.loads(path.read_text())
    assert {**made, "rounds": [{**one, "time": ""} for one in made["rounds"]]} == {
        **sound,
        "rounds": [{**one, "time": ""} for one in sound["rounds"]],
    }
    assert how == "gone" or path.with_name("confirming.json.damaged").read_bytes() == content


@pytest.mark.parametrize("compared", [False, True])
def test_seeds_that_were_added_to_a_run_without_any_stay_when_their_record_is_lost(
    tmp_path: Path, compared: bool
) -> None:
    """Only confirming.json says that they speak; without it they were left out in silence."""
    config = heads(space__seeds=2, space__lr=[0.01, 0.03] if compared else [0.01])
    run = sweeps.start(config, "x", tmp_path / "run", Observer(), executor="local")
    run = sweeps.more(run.path, config, 2, Observer(), executor="local")
    selection, shown = run.selection(), Results(run).differences()
    assert [len(choice["seeds"]) for choice in selection] == [2 if compared else 4] * 2
    for lose in (lambda path: path.write_text("{"), Path.unlink):
        lose(run.path / "confirming.json")
        with pytest.raises(UserError, match=r"confirming.json is (damaged|missing).* writes it anew"):
            Results(run).differences()
        with pytest.raises(UserError, match=r"confirming.json is (damaged|missing).* writes it anew"):
            sweeps.more(run.path, config, 1, Observer(), executor="local")
        trained = Trained()
        run = sweeps.resume(run.path, config, trained, executor="local")
        assert trained.trial_ids == []
        assert run.selection() == selection
        assert Results(run).differences().equals(shown)


def test_a_search_whose_plan_is_lost_finds_its_trials_again(tmp_path: Path) -> None:
    pytest.importorskip("optuna")
    search = {"sweep__search": "optuna", "space__weight_decay": "0.001..0.1", "space__trials": 2}
    config = heads(space__seeds=1, space__confirm=2, **search)
    run = sweeps.start(config, "x", tmp_path / "run", Observer(), executor="local")
    plan, selection = run.specs(), run.selection()
    (run.path / "trials.json").write_text("[")
    trained = Trained()
    run = sweeps.resume(run.path, config, trained, executor="local")
    assert trained.trial_ids == []
    assert run.specs() == plan
    assert run.selection() == selection
