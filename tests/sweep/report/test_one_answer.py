"""A run whose every network answers with one class: a report all the same, and no number that is none."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from sweep.report.context import ReportOptions
from sweep.report.render import write_report
from tests.sweep.fake_run import SIX, fake_images, fake_run


@pytest.mark.parametrize("answer", [0, 1])
def test_networks_that_all_give_one_answer_are_reported(tmp_path: Path, answer: int) -> None:
    images = fake_images(tmp_path / "images", size=8)
    run = fake_run(tmp_path / "run", images, techniques=SIX[:2], lrs=(0.001,), failing=False)
    for choice in run.selection():
        for trial_id in choice["trial_ids"]:
            folder = run.trial(trial_id)
            for part in ("validation", "test"):
                table = folder.predictions(part)
                probabilities = np.full((len(table), 2), 0.1, dtype=np.float32)
                probabilities[:, answer] = 0.9
                folder.write_predictions(part, table["row"].to_numpy(), table["label"].to_numpy(), probabilities)
    page = write_report(run, None, ReportOptions(cams=False))
    summary = json.loads((page.parent / "summary.json").read_text())
    rows = summary["sections"]["results"]["techniques"]
    recalls = {row["mean"] for row in rows if row["metric"] == "recall"}
    assert recalls == {float(answer)}
    assert "nan" not in (page.parent / "report.md").read_text().split()
