"""The margin: one number that is checked, stated by a run's configuration, and judged anew without any training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from balancing.errors import UserError
from sweep.analysis.judged import MOST_MARGIN, checked_margin
from sweep.analysis.results import Results
from sweep.analysis.statistics.paired import RELEVANT
from sweep.analysis.statistics.significance import answers
from sweep.config.sections import ReportConfig
from sweep.report.words.verdict import margin_note
from tests.sweep.fake_run import fake_images, fake_run
from tests.sweep.invented import Skill, invented


@pytest.mark.parametrize("margin", [0, -0.1, 0.51, float("nan"), float("inf"), "0.1", None, True])
def test_what_is_no_margin_is_refused_with_the_rule(margin: Any) -> None:
    with pytest.raises(UserError, match="a margin must be a number above 0 and at most 0.5, but is"):
        checked_margin(margin)


def test_the_rule_is_the_configuration_s() -> None:
    assert ReportConfig(margin=MOST_MARGIN).margin == checked_margin(MOST_MARGIN)
    assert ReportConfig().margin == RELEVANT
    with pytest.raises(ValueError, match="margin"):
        ReportConfig(margin=MOST_MARGIN + 0.01)


def test_another_margin_moves_equivalence_and_nothing_else() -> None:
    results = invented({"smote": Skill(), "undersampling": Skill(better=0.6), "focal": Skill(better=0.02)})
    tables = {margin: results.with_margin(margin).differences() for margin in (0.001, 0.02, 0.4)}
    assert results.margin == RELEVANT
    for margin, table in tables.items():
        same = [name for name in table.columns if name not in ("margin", "equivalence_p")]
        assert table[same].equals(results.differences()[same])
        assert table.equals(results.differences(margin=margin))
    narrow, usual, wide = (table["equivalence_p"].to_numpy() for table in tables.values())
    assert (narrow >= usual).all()
    assert (usual >= wide).all()
    assert "equivalent" in set(answers(tables[0.4])) - set(answers(tables[0.001]))


def test_a_run_says_where_the_margin_is_not_the_stated_one(tmp_path: Path) -> None:
    images = fake_images(tmp_path / "images", size=8)
    run = fake_run(tmp_path / "run", images, techniques=("baseline", "smote"), lrs=(0.001,), epochs=1, failing=False)
    assert (Results(run).stated_margin, Results(run).margin) == (None, RELEVANT)
    assert margin_note(Results(run)) == ""
    assert "was not stated before this run and is 0.1 here" in margin_note(Results(run, 0.1))
    path = run.path / "config.yaml"
    path.write_text(path.read_text() + "  margin: 0.05\n", encoding="utf-8")
    stated = Results(run)
    assert (stated.stated_margin, stated.margin) == (0.05, 0.05)
    assert margin_note(stated) == ""
    assert "was 0.05 when this run began and is 0.1 here" in margin_note(stated.with_margin(0.1))
    path.write_text("report: [", encoding="utf-8")
    assert Results(run).margin == RELEVANT, "a damaged configuration is no reason to fail here"
