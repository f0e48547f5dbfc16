"""Among how many configurations techniques were chosen: said where they are unequal, in the plan and in the report."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from sweep.analysis.results import Results
from sweep.cli.plan_view import choice_lines
from sweep.planning.estimate import CostEstimate
from sweep.report.context import ReportContext
from sweep.report.sections.limits import limits_section
from sweep.report.tables.results import configurations
from sweep.report.words.choices import unequal_choices
from tests.sweep.fake_run import fake_images, fake_run
from tests.sweep.planning.spaces import RANGES, specs_of

CROSSED = ("space.lr=0.0003,0.001", "space.techniques=baseline,undersampling,class_weights", "space.trials=8")


def test_draws_times_lists_where_parameters_are_searched_and_lists_alone_where_there_are_none() -> None:
    specs = specs_of(*CROSSED, "space.search_parameters=true", "space.seeds=2")
    said = unequal_choices(specs)
    assert "unequally many: 2 (Baseline) and 16 (Undersampling and Class weights)." in said
    assert "fresh seeds take away its luck, not that" in said
    fresh = [replace(spec, seed=spec.seed + 40, seed_index=40) for spec in specs]
    assert unequal_choices([*specs, *fresh]) == said, "seeds are no configurations"
    assert unequal_choices(specs_of(*CROSSED, "space.search_parameters=false")) == ""
    assert unequal_choices(specs_of(*RANGES, CROSSED[1], "space.trials=8", "space.search_parameters=true")) == ""


def test_the_plan_and_the_report_say_so(tmp_path: Path) -> None:
    specs = specs_of(*CROSSED, "space.search_parameters=true")
    found = CostEstimate(specs, np.ones(len(specs)), 1.0, 1, "cpu")
    (line,) = choice_lines(found)
    assert "16 (Undersampling and Class weights)" in line.plain
    run = fake_run(tmp_path / "run", fake_images(tmp_path / "images", size=8), techniques=("baseline", "smote"),
                   failing=False, epochs=1)  # fmt: skip
    equal = configurations(Results(run))
    assert equal is not None
    assert "unequally" not in equal.caption
    planned = run.specs()
    run.write_specs([*planned, replace(planned[-1], lr=0.02)])
    said = "unequally many: 2 (Baseline) and 3 (SMOTE)."
    table = configurations(Results(run))
    assert table is not None
    assert said in table.caption
    assert said in str(limits_section(ReportContext(Results(run))).blocks)
