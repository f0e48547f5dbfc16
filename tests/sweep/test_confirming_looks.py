"""A look at the answers stays as it was made: what failed then and is run again later changes nothing that it saw."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import sweep.sweeps as sweeps
from sweep.analysis.looks import differences_by_looks
from sweep.analysis.results import Results
from sweep.runs.confirming import Confirming, confirming_of
from sweep.runs.observer import Observer
from sweep.runs.openings import read_openings, seen_by_look
from sweep.runs.run import Run
from tests.sweep.test_confirming import Trained, heads
from tests.sweep.test_local import numbers

CONFIG = heads(
    space__techniques=["baseline", "class_weights", "focal"],
    space__seeds=1,
    space__confirm=6,
    sweep__until_decided=True,
)


def judge(run: Run, found: Confirming) -> tuple[list[str], dict[str, str]]:
    """Settles one technique at the first look, and everything at the second."""
    return (["baseline", "focal"], {"class_weights": "futile"}) if len(found.rounds) == 1 else ([], {})


@pytest.fixture(scope="module")
def decided(tmp_path_factory: pytest.TempPathFactory) -> Run:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sweep.analysis.rounds.next_techniques", judge)
        path = tmp_path_factory.mktemp("decided") / "run"
        return sweeps.start(CONFIG, "x", path, Observer(), executor="local")


def without_first_trial(run: Run, technique: str) -> str:
    """Has a run's folder be as if the first trial of a technique had failed before the first look; returns its id."""
    lost = next(spec.trial_id for spec in run.specs() if spec.technique == technique)
    folder = run.trial(lost)
    folder.write_status("failed", error="out of memory")
    (folder.path / "test.parquet").unlink()
    openings = [{**one, "trials": [t for t in one["trials"] if t != lost]} for one in run.test_openings()]
    (run.path / "test_openings.jsonl").write_text("".join(json.dumps(one) + "\n" for one in openings))
    selection = run.selection()
    for choice in selection:
        place = choice["trial_ids"].index(lost) if lost in choice["trial_ids"] else None
        if place is not None:
            del choice["trial_ids"][place], choice["seeds"][place]
    run.write_selection(selection)
    return lost


@pytest.mark.parametrize("technique", ["class_weights", "focal"])
def test_a_failed_trial_that_is_run_again_after_the_looks_changes_no_answer(
    decided: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, technique: str
) -> None:
    run = Run(shutil.copytree(decided.path, tmp_path / "run"))
    lost = without_first_trial(run, technique)
    seen, full = Results(run).differences(), Results(decided).differences()
    assert not seen.equals(full), "it would have changed what was seen"
    monkeypatch.setattr("sweep.analysis.rounds.next_techniques", judge)
    trained = Trained()
    again = sweeps.resume(run.path, CONFIG, trained, executor="local")
    assert trained.trial_ids == [lost]
    assert Results(again).differences().equals(seen), "the looks stay as they were made"
    assert "look" not in again.test_openings()[-1]
    assert again.test_openings()[-1]["trials"] == [lost]
    assert Results(again).later_openings() == 1
    assert numbers(again)["chosen"] == numbers(decided)["chosen"], "every other number is of all seeds"


def test_it_counts_from_the_next_look_on(decided: Run, tmp_path: Path) -> None:
    """Run again when a later round begins, it is one of what the next look sees."""
    run = Run(shutil.copytree(decided.path, tmp_path / "run"))
    lost = without_first_trial(run, "focal")
    first, second = run.test_openings()
    again = {**second, "trials": [lost, *second["trials"]]}
    assert lost not in (seen_by_look([first, again], 1) or ())
    assert lost in (seen_by_look([first, again], 2) or ())
    late = {"time": "later", "trials": [lost]}
    assert lost not in (seen_by_look([first, second, late], 2) or ())
    assert seen_by_look([first, {"time": "not known", "trials": []}], 1) is None
    assert seen_by_look([first], 2) is None


def test_without_a_record_of_the_openings_looks_are_at_all_seeds(decided: Run) -> None:
    results = Results(decided)
    found = confirming_of(decided)
    known = results.resampled()
    args = (known, results.metric, results.positive, results.margin, found)
    assert differences_by_looks(*args, decided.test_openings()).equals(differences_by_looks(*args))


def test_rounds_are_those_of_the_plan_where_their_record_is_lost(
    decided: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(shutil.copytree(decided.path, tmp_path / "run"))
    (run.path / "confirming.json").unlink()
    monkeypatch.setattr("sweep.analysis.rounds.next_techniques", judge)
    trained = Trained()
    again = sweeps.resume(run.path, CONFIG, trained, executor="local")
    assert trained.trial_ids == []
    one, other = confirming_of(again), confirming_of(decided)
    assert one is not None
    assert other is not None
    assert [(r.seeds, r.techniques) for r in one.rounds] == [(r.seeds, r.techniques) for r in other.rounds]
    assert numbers(again) == numbers(decided)


def test_nothing_more_is_planned_when_seeds_were_added_after_the_end(
    decided: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are beyond the plan of looks: to go on with it would train the same seeds again."""
    path = Path(shutil.copytree(decided.path, tmp_path / "run"))

    def goes_on(run: Run, found: Confirming) -> tuple[list[str], dict[str, str]]:
        return ["baseline", "focal"], {}

    monkeypatch.setattr("sweep.analysis.rounds.next_techniques", goes_on)
    run = sweeps.more(path, CONFIG, 2, Observer(), executor="local")
    found = confirming_of(run)
    assert found is not None
    assert [(one.seeds, one.added) for one in found.rounds] == [((0, 1, 2), False), ((3,), False), ((4, 5), True)]
    assert read_openings(path / "test_openings.jsonl")[-1]["added"]
