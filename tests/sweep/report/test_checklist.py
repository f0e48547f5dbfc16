"""The checklist of reporting guidelines: no item answered by what a report does not hold."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from balancing.quality.audit import Audit
from sweep.analysis.results import Results
from sweep.report.blocks import Paragraph
from sweep.report.build import Content, gather
from sweep.report.checklist import NOT_ANSWERED, checklist, guidelines
from sweep.report.context import ReportContext
from sweep.report.section import Section
from sweep.report.sections.data import data_section
from sweep.runs.run import write_json
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


def where(content: Content, item: str) -> str:
    (found,) = (value for key, value in answers(checklist(content)).items() if key.startswith(item))
    return found


def answered(content: Content) -> set[str]:
    return {topic for section in content.sections for topic in section.answered}


def without(content: Content, *names: str) -> Content:
    return replace(content, sections=[section for section in content.sections if section.name not in names])


def having(content: Content, section: Section) -> Content:
    return replace(content, sections=[section if s.name == section.name else s for s in content.sections])


@pytest.fixture(scope="module")
def reported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Results, Content]:
    folder = tmp_path_factory.mktemp("checklist")
    images = fake_images(folder / "images", size=8)
    made = fake_run(folder / "run", images, techniques=SIX[:2], lrs=(0.001, 0.005), epochs=2, audited=False)
    run = Results(made)
    return run, gather(ReportContext(run))


def test_items_are_in_order_and_named_once() -> None:
    assert [guideline.name for guideline in guidelines()] == ["TRIPOD+AI", "CLAIM 2024"]
    for guideline in guidelines():
        numbers = [int(re.findall(r"\d+", item.text)[0]) for item in guideline.items]
        assert numbers == sorted(numbers)
        assert len({item.name for item in guideline.items}) == len(guideline.items)
        assert all(item.name.startswith(guideline.name) for item in guideline.items)


def test_an_item_may_be_named_whole(reported: tuple[Results, Content]) -> None:
    content = reported[1]
    assert where(content, "TRIPOD+AI 14 ") == NOT_ANSWERED
    fair = Section("fair", "Fairness", [], "Is it fair?", answered=frozenset({"TRIPOD+AI 14"}))
    text = checklist(replace(content, sections=[*content.sections, fair]))
    assert "| 14 Fairness | [Fairness](index.html#fair-section) | Is it fair? |" in text


def test_links_are_of_sections_that_say_something(reported: tuple[Results, Content]) -> None:
    content = reported[1]
    text = checklist(content)
    linked = set(re.findall(r"index\.html#(\w+)-section", text))
    assert linked
    assert linked == {section.name for section in content.sections if section.answered}
    for name in linked:
        assert f"#{name}-section" not in checklist(without(content, name))
    assert set(answers(checklist(replace(content, sections=[]))).values()) == {NOT_ANSWERED}


def test_a_lone_sentence_answers_nothing(reported: tuple[Results, Content]) -> None:
    content = reported[1]
    assert where(content, "CLAIM 2024 31 ") == NOT_ANSWERED  # no images, so no maps
    only = Section("calibration", "Calibration", [Paragraph("There is none.")])
    assert "Calibration" in where(content, "TRIPOD+AI 24 ")
    assert where(having(content, only), "TRIPOD+AI 24 ") == NOT_ANSWERED


def test_patients_and_duplicates_need_an_audit(reported: tuple[Results, Content]) -> None:
    run, content = reported
    assert run.audit() is None
    assert where(content, "CLAIM 2024 20 ") == NOT_ANSWERED
    counts = {part: [1, 1] for part in ("train", "validation", "test")}
    for patients in ({"known": False}, {"known": True, "total": 6, "median_images": 1, "most_images": 1}):
        found = Audit(("a", "b"), counts, {**patients, "per_part": dict.fromkeys(counts, 2)}, {}, ())
        with_audit = Results(run)
        with_audit.audit = lambda found=found: found  # type: ignore[method-assign, misc]
        audited = having(content, data_section(ReportContext(with_audit)))
        assert "#data-section" in where(audited, "CLAIM 2024 20 ")
        assert ("data.patients" in answered(audited)) == patients["known"]
        assert ("data.images" in answered(audited)) != patients["known"]


def test_an_unopened_run_has_no_performance(tmp_path: Path) -> None:
    images = fake_images(tmp_path / "images", size=8)
    run = fake_run(tmp_path / "run", images, techniques=SIX[:2], epochs=1, opened=False)
    content = gather(ReportContext(Results(run)))
    for item in ("TRIPOD+AI 23a", "TRIPOD+AI 13 ", "CLAIM 2024 37 ", "CLAIM 2024 29 ", "CLAIM 2024 32 "):
        assert where(content, item) == NOT_ANSWERED
    assert "#made-section" in where(content, "TRIPOD+AI 18f")


def test_one_seed_says_nothing_of_sample_size(tmp_path: Path) -> None:
    images = fake_images(tmp_path / "images", size=8)
    run = fake_run(
        tmp_path / "run", images, techniques=SIX[:2], epochs=1, seeds=1, lrs=(0.001,), failing=False, audited=False
    )
    content = gather(ReportContext(Results(run)))
    assert where(content, "CLAIM 2024 21 ") == NOT_ANSWERED
    assert "differences" in answered(content)
    assert "hyperparameters" not in answered(content)  # one configuration: a sentence alone


def test_three_classes_have_no_tuned_threshold(tmp_path: Path) -> None:
    images = fake_images(tmp_path / "images", ("a", "b", "c"), size=8)
    run = fake_run(tmp_path / "run", images, techniques=SIX[:2], epochs=1, lrs=(0.001,), failing=False)
    content = gather(ReportContext(Results(run)))
    found = answered(content)
    assert "threshold.tuned" not in found
    assert "threshold.prior" in found
    assert "curves" not in found
    assert "#curves-section" not in where(content, "TRIPOD+AI 23a")


def test_images_left_out_are_missing_data(reported: tuple[Results, Content]) -> None:
    run, content = reported
    assert where(content, "TRIPOD+AI 11 ") == NOT_ANSWERED
    path = run.path / "bad_images.json"
    before = path.read_bytes()
    try:
        write_json(path, [{"name": "x.png", "reason": "cut off"}])
        assert "#made-section" in where(gather(ReportContext(Results(run.run))), "TRIPOD+AI 11 ")
    finally:
        path.write_bytes(before)
