"""The registry of sections: one file each, found by themselves, drawing alone; docs/sections.md is true."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jsonschema
import numpy as np
import pytest

from sweep.analysis.results import Results
from sweep.report import registry
from sweep.report.blocks import Listing, Paragraph
from sweep.report.checklist import topics
from sweep.report.context import ReportContext
from sweep.report.registry import FOLDER, made_sections, section, sections
from sweep.report.render import write_report
from sweep.report.schema import schema
from sweep.report.section import SectionBody
from sweep.runs.run import Run
from tests.sweep.fake_run import fake_images, fake_run

DOCS = Path(__file__).parents[3] / "docs" / "sections.md"
EXAMPLES = re.findall(r"^```python\n(.*?)^```", DOCS.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


@pytest.fixture(autouse=True)
def own_sections() -> Iterator[None]:
    """What a test declares is gone after it."""
    before = {one.name for one in sections()}
    yield
    for name in {one.name for one in sections()} - before:
        registry.forget(name)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("sections")
    images = fake_images(folder / "images", size=8)
    return fake_run(folder / "run", images, techniques=("baseline", "smote"), lrs=(0.001,), epochs=1, failing=False)


def executed(source: str) -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": "a_notebook"}
    exec(compile(source, str(DOCS), "exec", dont_inherit=True), names)
    return names


def test_a_section_is_one_file_of_its_name() -> None:
    found = sections()
    own = [one for one in found if one.module.startswith(f"{FOLDER}.")]
    assert [one.module for one in own] == [f"{FOLDER}.{one.name}" for one in own]
    assert len({one.title for one in found}) == len({one.order for one in found}) == len(found)
    assert found[-1].name == "references", "it cites what the others use"
    assert all(one.question.endswith("?") for one in found if one.question)


def test_sections_answer_what_guidelines_ask() -> None:
    declared = {topic for one in sections() for topic in one.answers}
    assert declared <= topics()
    assert {topic for topic in topics() if " " not in topic} <= declared, "a topic that no section can answer"


def test_the_example_of_the_docs_is_in_every_output(run: Run) -> None:
    executed(EXAMPLES[0])
    page = write_report(run)
    text = page.read_text(encoding="utf-8")
    assert '<h2 id="sexes-section">Test images by sex</h2>' in text
    assert '<a href="#sexes-section">' in text
    assert text.index('id="data-section"') < text.index('id="sexes-section"') < text.index('id="synthetic-section"')
    assert "<li>women: 12</li>" in text
    assert "- women: 12\n" in (page.parent / "report.md").read_text(encoding="utf-8")
    summary = json.loads((page.parent / "summary.json").read_text(encoding="utf-8"))
    assert summary["sections"]["sexes"] == {"counts": {"women": 12, "men": 18}, "share": 0.4}
    described = schema()["properties"]["sections"]["properties"]["sexes"]
    assert described["properties"]["share"] == {"type": ["number", "null"], "description": "of women"}
    jsonschema.validate(summary, schema())
    assert "Larrazabal" in text
    (line,) = (line for line in (page.parent / "checklist.md").read_text().splitlines() if line.startswith("| 36 "))
    assert "(index.html#sexes-section)" in line


def test_the_block_of_the_docs_shows_itself(run: Run) -> None:
    quotation = executed(EXAMPLES[1])["Quotation"]

    @section("said", "Said", 1)
    def said(context: ReportContext) -> SectionBody:
        return SectionBody([quotation("1 < 2, `so`")])

    page = write_report(run)
    assert "<blockquote><p>1 &lt; 2, <code>so</code></p></blockquote>" in page.read_text(encoding="utf-8")
    assert "\n> 1 &lt; 2, `so`\n" in (page.parent / "report.md").read_text(encoding="utf-8")


def test_one_section_more_moves_nobodys_draws(run: Run) -> None:
    drawn: dict[str, list[float]] = {}

    def drawing(name: str, order: int) -> None:
        @section(name, name, order)
        def draw(context: ReportContext) -> SectionBody:
            drawn.setdefault(name, []).append(context.rng.random())
            return SectionBody([Paragraph(name)])

    context = ReportContext(Results(run))
    drawing("late", 5000)
    made_sections(context)
    drawing("early", 1)
    made = made_sections(context)
    assert made[0].name == "early"
    assert drawn["late"][0] == drawn["late"][1] != drawn["early"][0]
    patients = [context.patients_rng().random() for _ in range(2)]
    assert patients[0] == patients[1] == np.random.default_rng(0).random()


def test_a_section_sees_those_before_it(run: Run) -> None:
    seen: list[str] = []

    @section("middle", "Middle", 250)
    def middle(context: ReportContext) -> SectionBody | None:
        seen.extend(one.name for one in context.before)
        return None

    names = [one.name for one in made_sections(ReportContext(Results(run)))]
    assert seen == ["beside", "results", "differences"]
    assert "middle" not in names


def test_what_is_not_declared_is_refused(run: Run) -> None:
    context = ReportContext(Results(run))

    @section("own", "Own", 1)
    def valued(context: ReportContext) -> SectionBody:
        return SectionBody([Paragraph("x")], values={"x": 1})

    with pytest.raises(ValueError, match="declares no summary"):
        valued(context)

    @section("own", "Own", 1)  # a cell of a notebook, run again
    def answering(context: ReportContext) -> SectionBody:
        return SectionBody([Listing(["x"])], answered={"results"})

    with pytest.raises(ValueError, match=r"\['results'\]"):
        answering(context)

    @section("own", "Own", 1, answers=("unheard",))
    def unheard(context: ReportContext) -> SectionBody:
        return SectionBody([Listing(["x"])])

    with pytest.warns(UserWarning, match="'unheard', which no guideline asks"):
        write_report(run)
    with pytest.raises(ValueError, match="choose another name"):
        section("results", "Results", 1)(unheard)


def test_installed_packages_bring_sections(monkeypatch: pytest.MonkeyPatch) -> None:
    def load() -> None:
        section("installed", "Installed", 2)(lambda context: None)

    def of(group: str) -> list[Any]:
        assert group == "balancing_act.sections"
        return [SimpleNamespace(name="installed", value="it.sections", load=load, dist=None)]

    monkeypatch.setattr(registry, "entry_points", of)
    registry._load.cache_clear()
    (found,) = (one for one in sections() if one.name == "installed")
    assert found.plugin == "entry point it.sections"
    monkeypatch.undo()
    registry._load.cache_clear()
