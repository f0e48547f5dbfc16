"""The sentence that a section opens with says what its own table has."""

from __future__ import annotations

import re

import pandas as pd
import pytest

from balancing.quality.findings import Audit
from sweep.analysis.folds import results_of
from sweep.analysis.results import Results
from sweep.analysis.statistics.significance import EQUIVALENT, HARMS, HELPS, OPEN
from sweep.report.words.opening import audited, calibrated, compared, failed, highest, learnt, made, read
from tests.sweep.fake_run import fake_images, fake_run
from tests.sweep.invented import Skill, invented
from tests.sweep.report.words.test_three_answers import table


@pytest.fixture(scope="module")
def run() -> Results:
    return invented({"smote": Skill(0.8), "focal": Skill(-0.8)}, seeds=2, per_class=60)


def test_the_highest_is_the_tables_highest(run: Results) -> None:
    rows = run.table().set_index("technique")["balanced_accuracy"]
    assert rows.idxmax() == "smote"
    said = highest(run, "balanced_accuracy")
    assert said == (
        f"Balanced accuracy is {rows['baseline']:.3f} for the baseline and highest for SMOTE, {rows['smote']:.3f}."
    )
    assert highest(invented({"focal": Skill(-0.8)}, seeds=2, per_class=60), "balanced_accuracy").startswith(
        "Balanced accuracy is highest for the baseline"
    )


def test_every_technique_is_counted_once(run: Results, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "differences", lambda: table(HELPS, HARMS, HARMS, EQUIVALENT, OPEN, OPEN, OPEN))
    said = compared(run)
    assert said == ("Of 7 techniques, in balanced accuracy: 1 helps, 2 harm, 1 doesn't matter, 3 can't be told yet.")
    assert sum(map(int, re.findall(r"(\d+) (?:helps|harm|doesn|can)", said))) == 7


def test_the_best_probabilities_have_the_lowest_brier_score_as_trained() -> None:
    rows = [("smote", "before", 0.2), ("smote", "after", 0.05), ("focal", "before", 0.1), ("focal", "after", 0.3)]
    said = calibrated(pd.DataFrame(rows, columns=["technique", "stage", "brier"]))
    assert said == "By Brier score the best probabilities are those of Focal (0.100), the worst those of SMOTE (0.200)."


def test_the_audits_sentence_counts() -> None:
    audit = Audit.__new__(Audit)
    object.__setattr__(audit, "counts", {"train": [30, 0, 10], "test": [1, 1, 1]})
    object.__setattr__(audit, "findings", [])
    assert audited(audit) == (
        "In training the largest class has 3.0 times the images of the smallest; the audit found nothing to report."
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Results:
    folder = tmp_path_factory.mktemp("opening")
    images = fake_images(folder / "images", size=8)
    return results_of(fake_run(folder / "run", images, techniques=("baseline", "smote"), lrs=(0.001,), epochs=3))


def test_epochs_failures_images_and_openings_are_those_of_the_records(trained: Results) -> None:
    trials = trained.trials()
    ended = trials[trials["status"] == "done"]
    last = int((ended["best_epoch"] == ended["epochs_run"]).sum())
    assert learnt(trained).startswith(
        f"Half of the trials were at their best on validation by epoch {ended['best_epoch'].median():g} of 3; "
        f"{last} of {len(ended)} were in their last one"
    )
    assert learnt(trained).endswith("more epochs may help.") == (last > len(ended) / 2)
    lost = len(trials) - len(ended)
    assert lost
    assert failed(trained).startswith(f"{lost} of {len(trials)} trials failed")
    assert f"{trained.info['data']['images']} images of {len(trained.class_names)} classes" in read(trained)
    tested = {trial for opening in trained.test_openings() for trial in opening["trials"]}
    assert tested
    assert made(trained) == f"The test split was opened once, for {len(tested)} chosen trials."
