"""The picture beside the answer: its places are those of the numbers, whoever has no row is counted."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sweep.analysis.results import Results
from sweep.report.context import ReportContext
from sweep.report.glance import MOST, glance
from sweep.report.sections.beside import beside_section
from tests.sweep.invented import Skill, invented


@pytest.fixture(scope="module")
def run() -> Results:
    return invented({"smote": Skill(0.5), "focal": Skill(), "undersampling": Skill(-0.4)}, seeds=3, per_class=30)


def test_places_are_a_straight_line_of_the_numbers(run: Results) -> None:
    found = glance(run)
    assert found is not None
    table = run.differences().set_index("technique")
    assert [line.technique for line in found.lines] == list(table.sort_values("difference", ascending=False).index)
    places = np.array([line.middle for line in found.lines] + [found.zero, *found.margin])
    numbers = np.array([table.loc[line.technique, "difference"] for line in found.lines] + [0, -run.margin, run.margin])
    slope, offset = np.polyfit(numbers, places, 1)
    assert np.abs(slope * numbers + offset - places).max() < 0.02
    for place, text in found.ticks:
        assert slope * float(text.replace("\N{MINUS SIGN}", "-")) + offset == pytest.approx(place, abs=0.05)
    for line in found.lines:
        assert 0 <= line.left <= line.middle <= line.right <= 100
        row = table.loc[line.technique]
        if line.left > 0:
            assert slope * row["low"] + offset == pytest.approx(line.left, abs=0.05)


def test_what_else_changes_has_the_arrows_of_the_section(run: Results) -> None:
    section = beside_section(ReportContext(run))
    assert section is not None
    found = glance(run, section.values)
    assert found is not None
    arrows = {(row["technique"], row["metric"]): row["arrow"] for row in section.values["techniques"]}  # type: ignore[index]
    meanings = {"better": "better", "worse": "worse", "level": "no matter", "unknown": "can't tell"}
    at = found.columns.index("AUROC")
    for line in found.lines:
        assert line.beside[at] is not None
        assert line.beside[at].meaning == meanings[arrows[line.technique, "auroc"]]  # type: ignore[union-attr]


def test_of_many_techniques_the_best_stand_there_and_the_baselines_own_decisions(
    run: Results, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = run.differences()
    gains = np.linspace(0.1, -0.1, 30)
    many = pd.concat([few.iloc[[0]].assign(technique=f"t{place}", difference=gain) for place, gain in enumerate(gains)])
    many = pd.concat([many, few.iloc[[0]].assign(technique="baseline+threshold", difference=-0.05)], ignore_index=True)
    monkeypatch.setattr("sweep.report.glance.judged_rows", lambda run: many)
    found = glance(run)
    assert found is not None
    names = [line.technique for line in found.lines]
    assert len(names) == MOST
    assert names[:10] == [f"t{place}" for place in range(10)]
    assert names[10:] == ["baseline+threshold", "t29"]
    assert found.omitted == 31 - MOST


def test_one_interval_far_wider_than_all_others_does_not_flatten_them(
    run: Results, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = run.differences().assign(difference=[0.01, 0.02, 0.03])
    rows["low"], rows["high"] = rows["difference"] - 0.01, rows["difference"] + 0.01
    rows.loc[2, ["low", "high"]] = [-1.0, 1.0]
    monkeypatch.setattr("sweep.report.glance.judged_rows", lambda run: rows)
    found = glance(run)
    assert found is not None
    widths = {line.technique: line.right - line.left for line in found.lines}
    assert min(widths.values()) > 10
