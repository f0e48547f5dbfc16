"""The report's part on the data: the table of shortcuts, the pictures, and audits of older versions."""

from __future__ import annotations

import io
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from rich.console import Console

from balancing.data.images import ImageSet
from balancing.quality.audit import Audit, audit
from sweep.analysis.results import Results
from sweep.cli.audit_view import audit_view
from sweep.report.context import ReportContext
from sweep.report.section import plots_of, tables_of
from sweep.report.sections.data import data_section
from tests.balancing.quality.drawn import image_set
from tests.sweep.analysis.figures.test_edges import LABELS, parts, pictures
from tests.sweep.runs.small import make_run


@pytest.fixture
def images() -> ImageSet:
    """Ill images are JPEG and bright at a corner."""
    pixels = pictures()
    pixels[LABELS == 1, :4, :4] = 250
    return image_set(LABELS, pixels, formats=np.where(LABELS == 1, "JPEG", "PNG"))


@pytest.fixture
def found(images: ImageSet) -> Audit:
    return audit(images, parts(len(images)))


def test_the_table_and_the_pictures(images: ImageSet, found: Audit, tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", images=images, split=parts(len(images)))
    run.write_audit(found)
    section = data_section(ReportContext(Results(run), images))
    assert section is not None
    tables = {table.name: table for table in tables_of(section.blocks)}
    whole = tables["shortcuts"]
    assert len(whole.rows) == len(found.shortcuts)
    assert whole.data["auroc_low"].round(3).is_monotonic_decreasing
    assert {"file format", "corner brightness at top left"} <= {row[0].text for row in whole.rows[:3]}
    assert {0, 1} <= whole.strong
    assert [plot.name for plot in plots_of(section.blocks)] == ["class_averages"]
    assert json.dumps(section.values)


def test_without_images_there_is_the_table_alone(found: Audit) -> None:
    section = data_section(ReportContext(SimpleNamespace(audit=lambda: found)))  # type: ignore[arg-type]
    assert section is not None
    assert "shortcuts" in {table.name for table in tables_of(section.blocks)}
    assert plots_of(section.blocks) == []


def test_an_older_versions_audit_still_shows(found: Audit) -> None:
    stored = found.to_dict()
    del stored["shortcuts"]
    old = Audit.from_dict(json.loads(json.dumps(stored)))
    assert old.shortcuts == ()
    section = data_section(ReportContext(SimpleNamespace(audit=lambda: old)))  # type: ignore[arg-type]
    assert section is not None
    assert {table.name for table in tables_of(section.blocks)} == {"class_counts", "audit"}
    assert audit_view(old)


def test_as_json_and_back(found: Audit) -> None:
    assert found.shortcuts
    assert Audit.from_dict(json.loads(json.dumps(found.to_dict()))) == found


def test_the_terminal_shows_it_worst_first_and_cuts_nothing(found: Audit) -> None:
    console = Console(file=io.StringIO(), width=80)
    console.print(*audit_view(found), sep="\n")
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "How well would it alone tell the class?" in text
    lines = text.splitlines()
    assert max(map(len, lines)) <= 80
    assert "\N{HORIZONTAL ELLIPSIS}" not in text
    first = next(i for i, line in enumerate(lines) if line.startswith("property"))
    shown = [line[:31].strip() for line in lines[first + 1 : first + 4]]
    assert shown[0] == "file format"
    assert "corner brightness at top left" in shown
    assert "1.00 (0.8" in lines[first + 1]
    assert "properties that tell less" in text
