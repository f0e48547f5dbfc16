"""The sentence beside a verdict: what a winner gains and costs, and whether a mere threshold does the same."""

from __future__ import annotations

import pandas as pd
import pytest

from sweep.analysis.beside import HIGHER_IS_BETTER, RECALL
from sweep.analysis.results import Results
from sweep.report.context import ReportContext
from sweep.report.sections.beside import MARKS, beside_section
from sweep.report.table import Table
from sweep.report.words.beside import AHEAD, LEAD, OPEN, SAME, beside_sentence, changes, threshold_answers
from tests.sweep.invented import Skill, invented


@pytest.fixture(scope="module")
def results() -> Results:
    return invented({"undersampling": Skill(shift=0.9), "focal": Skill()}, tilt=-0.9)


def beside(**arrows: dict[str, str]) -> pd.DataFrame:
    rows = [
        {"technique": name, "metric": metric, "seeds": 5, "difference": 0.1, "low": 0.0, "high": 0.2, "arrow": said}
        for name, own in arrows.items()
        for metric, said in own.items()
    ]
    return pd.DataFrame(rows)


def threshold(**ends: tuple[float, float, float]) -> pd.DataFrame:
    rows = [
        {"technique": name, "seeds": 5, "difference": (low + high) / 2, "low": low, "high": high, "p_adjusted": p}
        for name, (low, high, p) in ends.items()
    ]
    return pd.DataFrame(rows, columns=["technique", "seeds", "difference", "low", "high", "p_adjusted"]).assign(
        fewest_patients=60
    )


def test_a_threshold_does_the_same_only_where_the_interval_rules_a_lead_out() -> None:
    table = threshold(a=(-0.01, 0.019, 0.5), b=(-0.01, 0.021, 0.5), c=(0.01, 0.05, 0.01), d=(0.001, 0.015, 0.2))
    assert threshold_answers(table, 0.02) == {"a": SAME, "b": OPEN, "c": AHEAD, "d": SAME}
    assert threshold_answers(table.assign(seeds=1), 0.02)["a"] == OPEN


def test_calibration_is_one_word_for_both_of_its_numbers() -> None:
    table = beside(
        a={"brier": "better", "ece": "unknown"},
        b={"brier": "worse", "ece": "worse"},
        c={"brier": "better", "ece": "worse"},
    )
    assert changes(table) == {"a": {"calibration": "better"}, "b": {"calibration": "worse"}, "c": {}}


def test_a_winner_s_gains_costs_and_the_threshold_are_one_sentence(results: Results) -> None:
    assert results.differences().set_index("technique").loc["undersampling", "p_adjusted"] < 0.05
    table = beside(undersampling={"auroc": "level", "brier": "worse", "ece": "worse"})
    sentence = beside_sentence(results, table, threshold(undersampling=(-0.01, 0.01, 0.9)))
    parts = "gains balanced accuracy, costs calibration, and a threshold on the baseline does the same."
    assert sentence == f"{LEAD} Undersampling {parts}"
    other = beside_sentence(results, table, threshold(undersampling=(0.01, 0.05, 0.01)))
    assert other.endswith("a threshold on the baseline does not do all of it.")
    unsure = beside_sentence(results, table, threshold(undersampling=(-0.01, 0.05, 0.9)))
    assert unsure.endswith("whether a threshold on the baseline does the same can't be told.")
    assert (
        beside_sentence(results, table, threshold())
        == f"{LEAD} Undersampling gains balanced accuracy and costs calibration."
    )


def test_many_winners_are_counted() -> None:
    names = ("smote", "oversampling", "undersampling", "class_weights", "drw")
    many = invented(dict.fromkeys(names, Skill(better=0.8)), seeds=4, per_class=150)
    table = beside(**{name: {"brier": "worse"} for name in names[:4]}, drw={"auroc": "better"})
    said = beside_sentence(many, table, threshold(**dict.fromkeys(names, (-0.01, 0.01, 0.9))))
    start = f"{LEAD} of the 5 that gain balanced accuracy 4 cost calibration and DRW gains AUROC; a threshold on the"
    assert said == f"{start} baseline does the same for all."
    ahead = {**dict.fromkeys(names[1:], (-0.01, 0.01, 0.9)), "smote": (0.01, 0.05, 0.01)}
    said = beside_sentence(many, table, threshold(**ahead))
    assert said == f"{start} baseline does the same for 4 and not all of it for SMOTE."
    unknown = dict.fromkeys(names, (-0.01, 0.05, 0.9))
    said = beside_sentence(many, table, threshold(**unknown))
    assert said.endswith("; whether a threshold on the baseline does the same can't be told of all.")


def test_where_nobody_wins_what_changes_is_said_all_the_same() -> None:
    none = invented({"smote": Skill(), "focal": Skill()}, seeds=3, per_class=60)
    assert beside_sentence(none, beside(smote={"auroc": "level"}), threshold()) == ""
    assert beside_sentence(none, beside(smote={"auroc": "worse", RECALL: "worse"}), threshold()) == (
        f"{LEAD} SMOTE costs AUROC and recall at 90\N{NO-BREAK SPACE}% specificity."
    )


def test_a_tilted_baseline_gains_by_a_shift_what_its_threshold_gives(results: Results) -> None:
    """Undersampling's whole effect here is a shift of the logits, and the sentence finds that out."""
    section = beside_section(ReportContext(results))
    assert section is not None
    sentence = str(section.values["sentence"])  # type: ignore[index]
    assert "Undersampling gains balanced accuracy and calibration" in sentence
    assert "a threshold on the baseline does the same" in sentence
    (table,) = (block for block in section.blocks if isinstance(block, Table))
    assert table.headers[:3] == ["Technique", "Balanced accuracy", "AUROC"]
    assert table.headers[-1] == "Against baseline + threshold"
    marks = {row[0].text: [None if cell.mark is None else cell.mark.meaning for cell in row[1:]] for row in table.rows}
    assert marks["Undersampling"][0] == "better"
    assert marks["Undersampling"][-1] == "no matter"
    assert {mark for own in marks.values() for mark in own} <= {mark.meaning for mark in MARKS.values()}
    brier = table.headers.index("Brier score")
    for row in table.rows:  # the better the higher, also where less is better
        assert row[brier].sort == -section_difference(table, row[0].text, "Brier score")
    assert not HIGHER_IS_BETTER["brier"]


def section_difference(table: Table, name: str, title: str) -> float:
    own = table.data[table.data["technique"].map(lambda one: one.replace("_", " ").capitalize()) == name]
    return float(own[f"{title}: difference"].iloc[0])
