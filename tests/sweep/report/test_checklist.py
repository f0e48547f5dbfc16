"""The checklist of reporting guidelines: no item answered by what a report does not hold."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from balancing.quality.audit import Audit
from sweep.analysis.results import Results
from sweep.report.build import Content, gather
from sweep.report.checklist import GUIDELINES, NOT_ANSWERED, checklist, held
from sweep.report.context import ReportContext
from sweep.report.section import Paragraph, Section
from sweep.report.sections.data import data_section
from sweep.runs.run import Run, write_json
from tests.sweep.fake_run import SIX, fake_images, fake_run


def answers(text: str) -> dict[str, str]:
    """Guideline and item -> where it is answered."""
    found, guideline = {}, ""
    for line in text.splitlines():
        guideline = line.removeprefix("## ") if line.startswith("## ") else guideline
        if line.startswith("| ") and not line.startswith(("| Item", "| ---")):
            item, where, _ = (cell.strip() for cell in line.strip("|").split(" | "))
            found[f"{guideline} {item}"] = where
    return found


def where(run: Run, content: Content, item: str) -> str:
    (found,) = (value for key, value in answers(checklist(run, content)).items() if key.startswith(item))
    return found


def without(content: Content, *names: str) -> Content:
    return replace(content, sections=[section for section in content.sections if section.name not in names])


def having(content: Content, section: Section) -> Content:
    return replace(content, sections=[section if s.name == section.name else s for s in content.sections])


@pytest.fixture(scope="module")
def reported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Content]:
    folder = tmp_path_factory.mktemp("checklist")
    images = fake_images(folder / "images", size=8)
    made = fake_run(folder / "run", images, techniques=SIX[:2], lrs=(0.001, 0.005), epochs=2, audited=False)
    run = Results(made)
    return run, gather(ReportContext(run))


def test_items_are_in_order_and_named_once() -> None:
    for _, _, items in GUIDELINES:
        numbers = [int(re.findall(r"\d+", item)[0]) for item, _ in items]
        assert numbers == sorted(numbers)
        assert len({item for item, _ in items}) == len(items)


def test_every_answer_names_a_section_that_reports_have(reported: tuple[Run, Content]) -> None:
    names = {section.name for section in reported[1].sections} | {"synthetic"}
    named = {key.split(".")[0] for _, _, items in GUIDELINES for _, how in items for key in how}
    assert named <= names


def test_links_are_of_sections_that_say_something(reported: tuple[Run, Content]) -> None:
    run, content = reported
    text = checklist(run, content)
    linked = set(re.findall(r"index\.html#(\w+)-section", text))
    assert linked
    assert linked <= {key.split(".")[0] for key in held(run, content)}
    for name in linked:
        assert f"#{name}-section" not in checklist(run, without(content, name))
    assert set(answers(checklist(run, replace(content, sections=[]))).values()) == {NOT_ANSWERED}


def test_a_lone_sentence_answers_nothing(reported: tuple[Run, Content]) -> None:
    run, content = reported
    assert where(run, content, "CLAIM 2024 31 ") == NOT_ANSWERED  # no images, so no maps
    only = Section("calibration", "Calibration", [Paragraph("There is none.")])
    assert "Calibration" in where(run, content, "TRIPOD+AI 24 ")
    assert where(run, having(content, only), "TRIPOD+AI 24 ") == NOT_ANSWERED


def test_patients_and_duplicates_need_an_audit(reported: tuple[Run, Content]) -> None:
    run, content = reported
    assert run.audit() is None
    assert where(run, content, "CLAIM 2024 20 ") == NOT_ANSWERED
    counts = {part: [1, 1] for part in ("train", "validation", "test")}
    for patients in ({"known": False}, {"known": True, "total": 6, "median_images": 1, "most_images": 1}):
        found = Audit(("a", "b"), counts, {**patients, "per_part": dict.fromkeys(counts, 2)}, {}, ())
        with_audit = Results(run)
        with_audit.audit = lambda found=found: found  # type: ignore[method-assign, misc]
        audited = having(content, data_section(ReportContext(with_audit)))
        assert "#data-section" in where(with_audit, audited, "CLAIM 2024 20 ")
        assert ("data.patients" in held(with_audit, audited)) == patients["known"]
        assert ("data.images" in held(with_audit, audited)) != patients["known"]


def test_an_unopened_run_has_no_performance(tmp_path: Path) -> None:
    images = fake_images(tmp_path / "images", size=8)
    run = fake_run(tmp_path / "run", images, techniques=SIX[:2], epochs=1, opened=False)
    content = gather(ReportContext(run))
    for item in ("TRIPOD+AI 23a", "TRIPOD+AI 13 ", "CLAIM 2024 37 ", "CLAIM 2024 29 ", "CLAIM 2024 32 "):
        assert where(run, content, item) == NOT_ANSWERED
    assert "#made-section" in where(run, content, "TRIPOD+AI 18f")


def test_one_seed_says_nothing_of_sample_size(tmp_path: Path) -> None:
    images = fake_images(tmp_path / "images", size=8)
    run = fake_run(
        tmp_path / "run", images, techniques=SIX[:2], epochs=1, seeds=1, lrs=(0.001,), failing=False, audited=False
    )
    content = gather(ReportContext(run))
    assert where(run, content, "CLAIM 2024 21 ") == NOT_ANSWERED
    assert "differences" in held(run, content)
    assert "hyperparameters" not in held(run, content)  # one configuration: a sentence alone


def test_three_classes_have_no_tuned_threshold(tmp_path: Path) -> None:
    images = fake_images(tmp_path / "images", ("a", "b", "c"), size=8)
    run = fake_run(tmp_path / "run", images, techniques=SIX[:2], epochs=1, lrs=(0.001,), failing=False)
    content = gather(ReportContext(run))
    found = held(run, content)
    assert "threshold.tuned" not in found
    assert "threshold.prior" in found
    assert "curves" not in found
    assert "Curves" not in where(run, content, "TRIPOD+AI 23a")


def test_images_left_out_are_missing_data(reported: tuple[Run, Content]) -> None:
    run, content = reported
    assert where(run, content, "TRIPOD+AI 11 ") == NOT_ANSWERED
    path = run.path / "bad_images.json"
    before = path.read_bytes()
    try:
        write_json(path, [{"name": "x.png", "reason": "cut off"}])
        assert "#made-section" in where(run, content, "TRIPOD+AI 11 ")
    finally:
        path.write_bytes(before)
