"""A search in rounds that is resumed: what ended is told and not run, what is damaged is run, nothing is forgotten."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from sweep.runs.run import Run
from sweep.runs.spec import TrialSpec
from tests.sweep.fake_run import fake_images, fake_run

pytestmark = [pytest.mark.filterwarnings("ignore::DeprecationWarning"), pytest.mark.filterwarnings("ignore:Tip.*")]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("source")
    images = fake_images(folder / "images", size=16)
    return fake_run(folder / "run", images, techniques=("baseline", "smote"), failing=False)


@pytest.fixture
def run(source: Run, tmp_path: Path) -> Run:
    shutil.copytree(source.path, tmp_path / "run")
    return Run(tmp_path / "run")


class Rounds:
    """As ``OptunaRounds``, of given trials, a few in each round."""

    def __init__(self, specs: list[TrialSpec], each: int):
        self.left = [specs[start : start + each] for start in range(0, len(specs), each)]
        self.told: list[tuple[str, float | None]] = []

    def next_round(self) -> list[TrialSpec]:
        return self.left.pop(0) if self.left else []

    def tell(self, technique: str, value: float | None) -> None:
        self.told.append((technique, value))


class Shown:
    def add(self, specs: Any) -> None:
        pass


def searcher(run: Run, specs: list[TrialSpec]) -> Any:
    from sweep.cluster.search import RoundSearcher

    rounds: Any = Rounds(specs, 2)
    shown: Any = Shown()
    return RoundSearcher(rounds, run, shown)


def test_what_ended_is_not_run_again(run: Run) -> None:
    assert searcher(run, run.specs()).suggest("a") == "FINISHED"


@pytest.mark.parametrize("name", ["epochs.json", "validation.parquet"])
def test_a_trial_whose_records_are_damaged_is_run_again(run: Run, name: str) -> None:
    specs = run.specs()
    (run.trial(specs[2].trial_id).path / name).write_bytes(b"")
    found = searcher(run, specs)
    assert found.suggest("a") == {"spec": specs[2].to_dict()}
    assert found.suggest("b") is None


def test_while_known_rounds_come_again_the_later_ones_stay_on_record(run: Run) -> None:
    """A resume that is stopped in its first round would else leave a run whose selection names unknown trials."""
    specs = run.specs()
    (run.trial(specs[0].trial_id).path / "validation.parquet").write_bytes(b"")
    found = searcher(run, specs)
    assert found.suggest("a") == {"spec": specs[0].to_dict()}
    assert run.specs() == specs
    assert run.selection()


def test_rounds_that_come_out_otherwise_replace_what_was_planned(run: Run) -> None:
    specs = run.specs()
    other = searcher(run, [*specs[2:4], *specs[:2]])
    run.trial(specs[2].trial_id).write_status("failed")
    assert other.suggest("a") == {"spec": specs[2].to_dict()}
    assert run.specs() == specs[2:4]
