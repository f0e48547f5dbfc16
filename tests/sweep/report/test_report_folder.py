"""A report removes and writes files of its own run alone, and names no folder above it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from balancing.errors import UserError
from sweep.report.context import ReportOptions
from sweep.report.render import write_report
from sweep.runs.run import Run
from tests.sweep.fake_run import SIX, fake_images, fake_run


@pytest.fixture
def run(tmp_path: Path) -> Run:
    images = fake_images(tmp_path / "images", size=8)
    return fake_run(tmp_path / "home-of-ada" / "run", images, techniques=SIX[:1], lrs=(0.001,), failing=False)


@pytest.mark.parametrize("name", ["report", "report/tables", "report/figures"])
def test_a_link_in_place_of_a_folder_is_refused_and_nothing_is_removed(run: Run, tmp_path: Path, name: str) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "patients.csv").write_text("mine")
    link = run.path / name
    link.parent.mkdir(exist_ok=True)
    link.symlink_to(theirs)
    with pytest.raises(UserError, match="is a link"):
        write_report(run, None, ReportOptions(cams=False))
    assert [(path.name, path.read_text()) for path in theirs.iterdir()] == [("patients.csv", "mine")]


def test_what_is_damaged_is_told_without_the_folders_above_the_run(run: Run) -> None:
    trial = run.specs()[0].trial_id
    (run.path / "trials" / trial / "status.json").write_text("{")
    page = write_report(run, None, ReportOptions(cams=False))
    warnings = json.loads((page.parent / "summary.json").read_text())["warnings"]
    assert any("trains what is damaged again" in line and trial in line for line in warnings)
    assert "home-of-ada" not in page.read_text()
