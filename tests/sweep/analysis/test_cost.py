"""What each technique took, and whether all were given the same."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from sweep.analysis.cost import budget, cost_table
from sweep.analysis.results import Results
from sweep.report.blocks import Paragraph
from sweep.report.context import ReportContext
from sweep.report.sections.cost import cost_section
from sweep.report.table import Table
from sweep.runs.run import Run
from tests.sweep.fake_run import SIX, fake_images, fake_run


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("cost")
    return fake_run(folder / "run", fake_images(folder / "images", size=8))


def test_cost_sums_what_the_records_say(finished: Run) -> None:
    table = cost_table(Results(finished)).set_index("technique")
    epochs = finished.epochs()
    for technique in SIX:
        own = epochs[epochs["technique"] == technique]
        assert table.loc[technique, "images"] == own["images"].sum()
        assert table.loc[technique, "seconds"] == pytest.approx(own["seconds"].sum())
        assert table.loc[technique, "images_per_second"] == 100
    assert (table["gpu_seconds"] == 0).all()
    section = cost_section(ReportContext(Results(finished)))
    assert section is not None
    assert section.values["equal_budget"] is True  # type: ignore[index]
    lost = table.index[table["ended"] < table["trials"]]
    assert set(lost) == {"smote", "borderline_smote"}
    (said,) = (b.text for b in section.blocks if isinstance(b, Paragraph) and "Borderline-SMOTE" in b.text)
    assert "SMOTE (1 of 4), Borderline-SMOTE (1 of 4)" in said


def test_cost_on_a_gpu_with_an_end(tmp_path: Path) -> None:
    run = fake_run(tmp_path / "run", fake_images(tmp_path / "images", size=8), failing=False)
    run.update_info(created="2026-01-01T00:00:00+00:00", finished="2026-01-01T01:02:00+00:00")
    for spec in run.specs():
        if spec.technique == "smote":
            run.trial(spec.trial_id).write_status("done", device="cuda:0")
    table = cost_table(Results(run)).set_index("technique")
    assert table.loc["smote", "gpu_seconds"] == table.loc["smote", "seconds"]
    assert table["gpu_trials"].sum() == 4
    section = cost_section(ReportContext(Results(run)))
    assert section is not None
    (shown,) = [block for block in section.blocks if isinstance(block, Table)]
    assert shown.headers[-1] == "GPU hours"
    assert all(len(row) == len(shown.headers) for row in shown.rows)
    assert any("1 h 02 min" in block.text for block in section.blocks if isinstance(block, Paragraph))


def test_budgets_equal_fallen_together_searched_and_unequal(tmp_path: Path) -> None:
    run = fake_run(tmp_path / "run", fake_images(tmp_path / "images", size=8), failing=False)
    specs = run.specs()
    assert budget(Results(run)).equal
    # Two strengths for all but the baseline, to which they are the same.
    run.write_specs([*specs, *(replace(s, strength=0.5) for s in specs if s.technique != "baseline")])
    found = budget(Results(run))
    assert (found.kind, found.equal) == ("same draws", False), "more configurations are more tries"
    assert found.fewer == ["baseline"]
    assert found.trials["baseline"] == 4
    # Each its own learning rate, as Optuna draws them.
    run.write_specs([replace(s, lr=s.lr * (1 + SIX.index(s.technique))) for s in specs])
    found = budget(Results(run))
    assert (found.kind, found.equal) == ("own draws", True)
    run.write_specs([s for s in specs if s.technique != "smote" or s.draw == 0])
    found = budget(Results(run))
    assert (found.kind, found.equal) == ("unequal", False)
    assert (found.missing, found.draws) == ({"smote": 2}, 4)
    run.write_specs([s for s in specs if s.technique == "smote"])
    assert (budget(Results(run)).kind, budget(Results(run)).equal) == ("alone", True)
    run.write_specs([])
    assert budget(Results(run)).kind == "unplanned"
    section = cost_section(ReportContext(Results(run)))
    assert section is not None
    assert section.blocks == [Paragraph("No trial is planned yet.")]
