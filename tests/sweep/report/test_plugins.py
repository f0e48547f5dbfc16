"""What goes wrong in a section from elsewhere costs that section alone; the tool's own sections hide nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from importlib.metadata import EntryPoint
from types import SimpleNamespace
from typing import Any, ClassVar

import pandas as pd
import pytest
from matplotlib.figure import Figure

import sweep
from sweep.analysis.figures.style import Plot
from sweep.cli import jobs
from sweep.cli.printing import make_console
from sweep.config.config import Config
from sweep.report import registry
from sweep.report.blocks import Block, Figures, Listing, Paragraph
from sweep.report.context import ReportContext, ReportOptions
from sweep.report.registry import FOLDER, section, sections
from sweep.report.render import write_report
from sweep.report.section import SectionBody
from sweep.report.table import Cell, Table
from sweep.runs.run import Run
from tests.sweep.fake_run import fake_images, fake_run

PLAIN = ReportOptions(cams=False)


@pytest.fixture(autouse=True)
def own_sections() -> Iterator[None]:
    """What a test declares is gone after it."""
    before = {one.name for one in sections()}
    yield
    registry._load.cache_clear()
    for name in {one.name for one in sections()} - before:
        registry.forget(name)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("plugins")
    images = fake_images(folder / "images", size=8)
    return fake_run(folder / "run", images, techniques=("baseline", "smote"), lrs=(0.001,), epochs=1, failing=False)


@pytest.fixture(scope="module")
def without(run: Run) -> dict[str, bytes]:
    """The report's files as they are without any section from elsewhere."""
    write_report(run, None, PLAIN)
    return files(run)


def files(run: Run) -> dict[str, bytes]:
    folder = run.path / "report"
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def declare(*blocks: Any, name: str = "theirs", **more: Any) -> None:
    @section(name, "Theirs <b>", 250)
    def theirs(context: ReportContext) -> SectionBody:
        return SectionBody(list(blocks), **more)


def figure(name: str) -> Figures:
    return Figures([Plot(name, "A figure", Figure(), "A caption.", "A figure.")])


def table(name: str) -> Table:
    return Table(name, "A caption.", ["Name"], [[Cell("x")]], pd.DataFrame({"name": ["x"]}))


class Spiteful(Block):
    """Can't be asked for anything."""

    html: ClassVar[str] = "<p>{{ block.text }}</p>"
    markdown: ClassVar[str] = "{{ block.text }}"

    @property
    def text(self) -> str:
        raise RuntimeError("no text today")


@dataclass(frozen=True)
class Unclosed(Block):
    html: ClassVar[str] = "<p>{% if block.text %}"
    markdown: ClassVar[str] = "{{ block.text }}"
    text: str = "x"


class BadFigure(Figure):
    def draw(self, *given: Any) -> None:
        raise RuntimeError("no ink")


def raising(context: ReportContext) -> SectionBody:
    raise ZeroDivisionError("in /home/ada/secret/theirs.py\n  of all places")


def called(sentence: str) -> str:
    """The section that a sentence is about."""
    return sentence.partition("section '")[2].partition("'")[0]


Theirs = Callable[[ReportContext], Any]


def giving(*blocks: Any, **more: Any) -> Theirs:
    return lambda context: SectionBody(list(blocks), **more)


# name -> (what the section's function is, what its sentence must hold)
FAULTS: dict[str, tuple[Theirs, str]] = {
    "raises": (raising, "ZeroDivisionError: in theirs.py of all places"),
    "no_body": (lambda context: "text", "TypeError: it gives a str; give a SectionBody, or None"),
    "no_block": (giving("text"), "TypeError: it has a str among its blocks"),
    "read_once": (lambda context: SectionBody(iter(())), "TypeError: its blocks are a tuple_iterator; give a list"),  # type: ignore[arg-type]
    "aside": (giving(Paragraph("x"), aside=3), "TypeError: its aside is a int"),
    "reference": (giving(Paragraph("x"), references=["Ada, 2020"]), "TypeError: among its references is 'Ada, 2020'"),
    "undeclared_value": (giving(Paragraph("x"), values={"x": 1}), "declares no summary"),
    "undeclared_answer": (giving(Listing(["x"]), answered={"results"}), "which its answers=... does not declare"),
    "figure_of_the_tool": (
        lambda context: SectionBody([figure("forest")]),
        "the figure 'forest' has the name of another",
    ),
    "table_of_the_tool": (
        lambda context: SectionBody([table("results")]),
        "the table 'results' has the name of another",
    ),
    "twins": (
        lambda context: SectionBody([figure("twin"), figure("twin")]),
        "the figure 'twin' has the name of another",
    ),
    "bad_name": (lambda context: SectionBody([figure("../../up")]), "ValueError: a figure can't be named '../../up'"),
    "inkless": (
        lambda context: SectionBody([Figures([Plot("inkless", "x", BadFigure(), "x", "x")])]),
        "RuntimeError: no ink",
    ),
    "block": (giving(Spiteful()), "RuntimeError: no text today"),
    "template": (giving(Unclosed()), "TemplateSyntaxError: "),
}


def test_what_goes_wrong_in_sections_from_elsewhere_costs_them_alone(run: Run, without: dict[str, bytes]) -> None:
    for name, (body, _) in FAULTS.items():
        section(name, f"Theirs: {name} <b>", 250)(body)
    section("cited", "Cited <b>", 250, references=("x", "y"))(giving(Paragraph("x")))  # type: ignore[arg-type]
    told: list[str] = []
    page = write_report(run, None, PLAIN, told.append)
    sentences = {called(sentence): sentence for sentence in told}
    assert len(told) == len(sentences)
    assert sentences.keys() == {*FAULTS, "cited"}
    assert "TypeError: among its references is 'x'" in sentences["cited"]
    html, text = page.read_text(encoding="utf-8"), (page.parent / "report.md").read_text(encoding="utf-8")
    for name, (_, raised) in FAULTS.items():
        assert sentences[name].startswith(f"The report's section '{name}' of module {__name__} could not be made (")
        assert raised in sentences[name]
        assert "\n" not in sentences[name]
        assert "/home" not in sentences[name]
        assert f'<h2 id="{name}-section">Theirs: {name} &lt;b&gt;</h2>' in html
    assert html.count("could not be made") == len(told)
    assert text.index("## Paired differences") < text.index("could not be made") < text.index("## References")
    found = files(run)
    assert found.keys() == without.keys()
    same = {"summary.json", "checklist.md", *(name for name in found if name.startswith(("tables", "figures")))}
    assert {name for name in same if found[name] != without[name]} == set()


def test_python_is_warned_and_the_report_is_there(run: Run) -> None:
    section("theirs", "Theirs", 250)(raising)
    with pytest.warns(UserWarning, match="section 'theirs' .* could not be made"):
        assert write_report(run, None, PLAIN).is_file()
    assert "forest" in sweep.open_run(run.path).figures(), "a figure needs no section of others"


def test_the_terminal_warns(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    section("theirs", "Theirs", 250)(raising)
    assert jobs.report(run, None, Config().report, make_console(), cams=False).is_file()
    assert "Warning: The report's section 'theirs' of module" in capsys.readouterr().out


def test_of_two_with_one_name_of_a_figure_the_first_stays(run: Run) -> None:
    declare(figure("shared"), name="early")
    declare(figure("shared"), name="late")
    told: list[str] = []
    write_report(run, None, PLAIN, told.append)
    assert [called(sentence) for sentence in told] == ["late"]
    assert (run.path / "report" / "figures" / "shared.svg").is_file()


def test_a_figure_of_others_never_takes_the_place_of_the_tools(run: Run) -> None:
    declare(figure("forest"))
    assert sweep.open_run(run.path).figure("forest").caption != "A caption."


def test_the_tools_own_sections_that_raise_are_errors(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    own = next(one for one in sections() if one.name == "limits")
    assert own.module == f"{FOLDER}.limits"
    assert not own.plugin
    monkeypatch.setitem(registry._DECLARED, "limits", replace(own, body=raising))
    with pytest.raises(ZeroDivisionError):
        write_report(run, None, PLAIN)


def install(monkeypatch: pytest.MonkeyPatch, *points: Any) -> None:
    monkeypatch.setattr(registry, "entry_points", lambda group: list(points))
    registry._load.cache_clear()


def test_a_distribution_that_cannot_be_imported_costs_its_section_alone(
    run: Run, without: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = EntryPoint("results", "no_such_package.sections", "balancing_act.sections")
    fine = SimpleNamespace(
        name="fine",
        value="it.fine",
        dist=SimpleNamespace(name="it", version="1.2"),
        load=lambda: declare(Paragraph("All is well.")),
    )
    install(monkeypatch, gone, fine)
    told: list[str] = []
    page = write_report(run, None, PLAIN, told.append)
    assert told == [
        "The report's section 'results' of entry point no_such_package.sections could not be made "
        "(ModuleNotFoundError: No module named 'no_such_package'); mend it, or take it out."
    ]
    text = page.read_text(encoding="utf-8")
    assert "All is well." in text
    assert text.index("could not be made") < text.index('<h2 id="references-section">')
    (found,) = (one for one in sections() if one.name == "theirs")
    assert found.plugin == "distribution it 1.2"
    assert json.loads(files(run)["summary.json"]) == json.loads(without["summary.json"])


def test_a_section_named_like_one_of_the_tools_is_refused_and_the_tools_stays(
    run: Run, without: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    own = registry._DECLARED["results"]
    thief = SimpleNamespace(
        name="thief",
        value="thief.sections",
        dist=SimpleNamespace(name="thief", version="0.1"),
        load=lambda: declare(Paragraph("mine"), name="results"),
    )
    install(monkeypatch, thief)
    told: list[str] = []
    write_report(run, None, PLAIN, told.append)
    (sentence,) = told
    assert "section 'thief' of distribution thief 0.1 could not be made (ValueError: section 'results' of" in sentence
    assert registry._DECLARED["results"] is own
    assert files(run)["tables/results.csv"] == without["tables/results.csv"]


def test_the_tools_name_is_kept_also_where_nothing_was_loaded_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    """A notebook may declare a section before anything asks for the tool's."""
    loaded: list[str] = []
    monkeypatch.setattr(registry, "_load_own", lambda: loaded.append("own"))
    declare(Paragraph("x"))
    assert loaded == ["own"]


@pytest.mark.parametrize("name", ["", "Upper", "with-dash", "../up", "1st", "a b", "ümlaut", "a\n", None])
def test_names_are_checked_where_they_are_given(name: Any) -> None:
    for give in (lambda: section(name, "Title", 1), lambda: figure(name), lambda: table(name)):
        with pytest.raises(ValueError, match="small letters, digits and underscores"):
            give()


def test_a_section_without_title_or_order_is_refused_where_it_is_declared() -> None:
    for order in ("5", None, float("nan"), True):
        with pytest.raises(ValueError, match="needs a number as its order"):
            section("theirs", "Theirs", order)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="needs a title"):
        section("theirs", " ", 5)
    assert "theirs" not in {one.name for one in sections()}
