"""A run judged twice: the same differences, and by now what the report says."""

from __future__ import annotations

from benchmarks.verdict_run import rows_of
from sweep.analysis.names import display_name
from tests.sweep.invented import Skill, invented


def test_the_table_has_the_reports_own_differences_and_both_judgements() -> None:
    run = invented({"smote": Skill(0.8), "focal": Skill(-0.1)}, seeds=4, per_class=60)
    now = run.differences().set_index("technique")
    rows = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows_of(run) if row.startswith("|")][2:]
    assert {row[0] for row in rows} == {display_name(name) for name in now.index}
    for name in now.index:
        row = next(row for row in rows if row[0] == display_name(name))
        assert row[1] == f"{now.loc[name, 'difference']:+.3f}"
        assert row[5] == f"{now.loc[name, 'low']:+.3f} to {now.loc[name, 'high']:+.3f}"
        low, high = (float(end) for end in row[2].split(" to "))
        assert low <= float(row[1]) <= high
    assert next(row for row in rows if row[0] == "SMOTE")[7] == "yes"
