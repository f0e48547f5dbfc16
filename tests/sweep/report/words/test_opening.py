"""The sentence that a section opens with says what its own table has."""

from __future__ import annotations

import re

import pandas as pd
import pytest

from balancing.quality.findings import Audit
from sweep.analysis.results import Results
from sweep.analysis.statistics.significance import EQUIVALENT, HARMS, HELPS, OPEN
from sweep.report.words.opening import audited, calibrated, compared, highest
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
