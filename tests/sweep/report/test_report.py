"""The report: whole, alone, escaped, repeatable, and honest about what is missing."""

from __future__ import annotations

import csv
import html
import itertools
import json
import re
import shutil
import subprocess
import sys
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import jsonschema
import numpy as np
import pandas as pd
import pytest

from balancing.components.techniques import get_technique
from balancing.errors import UserError
from sweep.analysis.decisions.operating_points import score_curves
from sweep.analysis.decisions.table import decision_table
from sweep.analysis.decisions.trivial_baselines import trivial_baselines
from sweep.analysis.names import display_name
from sweep.analysis.results import Results
from sweep.analysis.tables import results_table
from sweep.report import render
from sweep.report.blocks import Paragraph
from sweep.report.build import Content, found_warnings, gather
from sweep.report.context import ReportContext, ReportOptions
from sweep.report.registry import sections
from sweep.report.render import write_report
from sweep.report.schema import schema_text
from sweep.report.sections.looks import looks_section
from sweep.report.sections.made import opening_lines
from sweep.report.table import number
from sweep.report.tables import results as shown_tables
from sweep.report.tables.results import shift_sentence
from sweep.report.text.escape import code_block, html_prose, latex, markdown, markdown_prose
from sweep.report.text.numbers import duration, p_value
from sweep.runs.run import Run
from tests.sweep.fake_run import SIX, fake_images, fake_run

HOSTILE = ("--><script>alert(1)</script>", "[x](http://evil.example)", "a|b `c` **d** $e$ & 50 %_")


class Page(HTMLParser):
    """What a browser would see: elements with attributes, the text, and the headings in order."""

    def __init__(self, path: Path):
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    handle_startendtag = handle_starttag

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Page]:
    folder = tmp_path_factory.mktemp("report")
    images = fake_images(folder / "images", size=32, source="phantom", masks=True)
    run = fake_run(folder / "run", images, checkpoints=2)
    return run, Page(write_report(run, images))


@pytest.fixture(scope="module")
def bare(made: tuple[Run, Page], tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Page]:
    """The same run, reported once more, without its images."""
    run = Run(shutil.copytree(made[0].path, tmp_path_factory.mktemp("bare") / "run"))
    return run, Page(write_report(run))


def test_all_files_are_there(made: tuple[Run, Page]) -> None:
    folder = made[0].path / "report"
    assert (folder / "index.html").is_file()
    figures = ("recall_specificity", "confusion", "balanced_accuracy_by_epoch", "recall_by_epoch", "learning_rate")
    for name in (*figures, "cams"):
        assert (folder / "figures" / f"{name}.png").is_file()
        assert (folder / "figures" / f"{name}.svg").is_file()
        assert f"](figures/{name}." in (folder / "report.md").read_text(encoding="utf-8")
    for name in ("results", "configurations", "differences", "seed_differences", "confusion", "costs", "failures"):
        assert (folder / "tables" / f"{name}.csv").is_file()
        assert (folder / "tables" / f"{name}.tex").is_file()


def test_the_page_loads_nothing_and_is_well_formed(made: tuple[Run, Page]) -> None:
    page = made[1]
    for _, attributes in page.elements:
        for name in ("src", "href", "xlink:href", "action", "data", "srcset"):
            value = attributes.get(name)
            assert value is None or value.startswith(("#", "data:"))
    ids = Counter(attributes["id"] for _, attributes in page.elements if "id" in attributes)
    assert [name for name, times in ids.items() if times > 1] == []
    targets = {attributes["href"] for attributes in page.all("a")}
    assert {str(target).removeprefix("#") for target in targets} <= set(ids)
    levels = [int(tag[1]) for tag, _ in page.elements if tag in ("h1", "h2", "h3", "h4")]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
    assert all(image.get("alt") for image in page.all("img"))
    assert all(drawing.get("aria-label") for drawing in page.all("svg"))
    assert page.all("html") == [{"lang": "en"}]
    assert len(page.all("caption")) == len(page.all("table")) > 4
    assert all(cell.get("scope") in ("col", "row") for cell in page.all("th"))


def test_it_opens_with_the_answer_and_holds_every_section_in_order(made: tuple[Run, Page]) -> None:
    run, page = made
    text = (run.path / "report" / "index.html").read_text(encoding="utf-8")
    header, main = text.index("<header>"), text.index("<main>")
    verdict = json.loads((run.path / "report" / "summary.json").read_text(encoding="utf-8"))["verdict"]
    assert header < text.index(verdict[:30]) < main
    anchors = [str(a["id"]) for _, a in page.elements if str(a.get("id", "")).endswith("-section")]
    known = [one for one in sections() if one.name not in ("stages", "folds")]  # it has one split, and one stage
    expected = [f"{one.name}-section" for one in known]
    assert anchors == expected
    assert [a["href"] for a in page.all("a")] == [f"#{anchor}" for anchor in expected]
    places = [text.index(f'<h2 id="{one.name}-section">{one.title}</h2>') for one in known]
    assert places == sorted(places)
    assert "space:\n  seeds: 2" in page.text, "the whole configuration"
    for technique in SIX:
        assert display_name(technique) in page.text
        assert get_technique(technique).reference.rstrip(".") in page.text


def test_tables_stand_in_their_sections(made: tuple[Run, Page]) -> None:
    text = (made[0].path / "report" / "index.html").read_text(encoding="utf-8")
    parts = {part.split("-section", 1)[0]: part for part in text.split('<section aria-labelledby="')[1:]}
    for section, table in (
        ("results", "results"),
        ("results", "configurations"),
        ("differences", "differences"),
        ("differences", "seed_differences"),
        ("curves", "areas"),
        ("threshold", "thresholds"),
        ("calibration", "calibration"),
        ("evidence", "confusion"),
        ("data", "class_counts"),
        ("failed", "failures"),
        ("cost", "costs"),
    ):
        assert f'<table id="{table}">' in parts[section]
    footer = parts["results"].split("<tfoot>")[1].split("</tfoot>")[0]
    assert footer.count("<tr>") == len(trivial_baselines(Results(made[0]), None, np.random.default_rng(0))), (
        "what needs no network"
    )


@pytest.mark.parametrize(("skill", "wins"), [(0.2, False), (3.0, True)])
def test_a_winner_is_named_beside_what_a_threshold_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, skill: float, wins: bool
) -> None:
    gathered: list[Content] = []
    monkeypatch.setattr(render, "gather", lambda context: gathered.append(gather(context)) or gathered[0])
    images = fake_images(tmp_path / "images", per_class=(120, 240), size=4)
    run = fake_run(
        tmp_path / "run", images, techniques=("baseline", "smote"), seeds=5, skills=(0.2, skill), failing=False
    )
    page = write_report(run, options=ReportOptions(cams=False))
    (content,) = gathered
    found = {one.name: one for one in content.sections}
    assert found["differences"].values["beats_baseline"] == (["smote"] if wins else [])  # type: ignore[index]
    beside = found["threshold"].aside
    assert beside.startswith(found["threshold"].question)
    assert content.aside == (beside if wins else "")
    assert ('<p class="aside">' in page.read_text(encoding="utf-8")) == wins
    # As readers see it: in the file the < of a p-value is escaped, and no space is of another kind.
    text = html.unescape((page.parent / "report.md").read_text(encoding="utf-8"))
    assert (beside.replace("\N{NO-BREAK SPACE}", " ") in text.replace("\N{NO-BREAK SPACE}", " ")) == wins


def test_tables_hold_the_unrounded_numbers(made: tuple[Run, Page]) -> None:
    run = made[0]
    with (run.path / "report" / "tables" / "results.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    expected = results_table(Results(run))
    assert [row["technique"] for row in rows] == list(SIX)
    assert [float(row["auroc"]) for row in rows] == expected["auroc"].tolist()
    assert rows[-1]["parameters"] == "k_neighbors=5"
    found = Results(run).intervals().set_index(["technique", "metric"]).loc[("baseline", "f1")]
    assert found["mean"] == pytest.approx(expected["f1"][0])
    shown = f"{found['mean']:.3f} ({found['low']:.3f} to {found['high']:.3f})"
    assert shown in made[1].text
    assert shown in (run.path / "report" / "tables" / "results.tex").read_text(encoding="utf-8")


def test_one_number_has_one_interval_wherever_it_stands(made: tuple[Run, Page]) -> None:
    run, _ = made
    results = Results(run).intervals().set_index(["technique", "metric"])
    curves = score_curves(Results(run), np.random.default_rng(0))
    assert curves is not None
    decided = decision_table(Results(run), np.random.default_rng(0)).query("rule == 'argmax'").set_index("technique")
    for technique, row in curves.points.set_index("technique").iterrows():
        for name in ("low", "high"):
            auroc = results.loc[(technique, "auroc"), name]
            assert row[f"auroc_{name}"] == pytest.approx(auroc, abs=1e-6)
            for metric in ("auroc", "balanced_accuracy", "recall", "specificity"):
                expected = results.loc[(technique, metric), name]
                assert decided.loc[technique, f"{metric}_{name}"] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(("test", "said"), [(0.75, "0.210 less"), (0.93, None), (1.0, None), (1.02, "0.060 more")])
def test_a_test_split_far_from_validation_is_named(
    made: tuple[Run, Page], monkeypatch: pytest.MonkeyPatch, test: float, said: str | None
) -> None:
    table = pd.DataFrame({"validation": [0.94, 0.98], "balanced_accuracy": [test - 0.01, test + 0.01]})
    monkeypatch.setattr(shown_tables, "results_table", lambda run: table)
    sentence = shift_sentence(Results(made[0]))
    assert said in sentence if sentence and said else sentence is said


def test_hostile_class_names_stay_text(tmp_path: Path) -> None:
    run = fake_run(tmp_path / "run", fake_images(tmp_path / "images", HOSTILE, size=8), lrs=(0.001,))
    page = Page(write_report(run))
    assert len(page.all("script")) == 1
    assert "alert" not in (run.path / "report" / "index.html").read_text(encoding="utf-8").split("<script>")[1]
    assert not [a for a in page.all("a") if "evil" in str(a)]
    assert HOSTILE[0] in page.text
    assert HOSTILE[2] in page.text
    text = (run.path / "report" / "report.md").read_text(encoding="utf-8")
    assert "<script" not in text
    assert not re.search(r"(?<!\\)\]\(http", text)
    columns = {line.count("|") - line.count("\\|") for line in text.splitlines() if line.startswith("| *Always")}
    assert columns == {9}
    tex = (run.path / "report" / "tables" / "confusion_matrices.tex").read_text(encoding="utf-8")
    assert r"\textless{}script\textgreater{}" in tex
    assert r"\$e\$ \& 50 \%\_" in tex


def test_equal_records_give_an_equal_report_and_old_files_go(bare: tuple[Run, Page]) -> None:
    run, page = bare
    assert "The images were not at hand" in page.text
    contents = []
    for make in (lambda: None, lambda: write_report(run)):
        make()
        files = sorted(path for path in (run.path / "report").rglob("*") if path.is_file())
        contents.append({path.name: path.read_bytes() for path in files})
    assert contents[0] == contents[1]
    assert "cams.png" not in contents[0]


def test_without_images_it_says_how_to_add_them(made: tuple[Run, Page], tmp_path: Path) -> None:
    run = made[0]
    for wanted, sentence in ((True, f"sweep report {run.path.name} --data phantom"), (False, "without --no-cams")):
        section = looks_section(ReportContext(Results(run), options=ReportOptions(cams=wanted)))
        (block,) = section.blocks
        assert isinstance(block, Paragraph)
        assert sentence in block.text
    with pytest.raises(UserError, match="fingerprint"):
        write_report(run, fake_images(tmp_path / "others", size=8, fingerprint="0"))


def test_an_unfinished_run_has_a_report_too(tmp_path: Path) -> None:
    run = fake_run(tmp_path / "run", fake_images(tmp_path / "images", size=8), opened=False)
    run.write_selection([])
    run.trial(run.specs()[0].trial_id).write_status("running")
    page = Page(write_report(run))
    assert "No answer yet" in page.text
    assert "1 of 24 trials have not ended" in page.text
    assert "It has not been opened." in page.text
    run.write_specs([])
    assert "No answer yet" in Page(write_report(run)).text


def test_a_second_look_at_the_test_split_is_counted(made: tuple[Run, Page], tmp_path: Path) -> None:
    shutil.copytree(made[0].path, tmp_path / "run")
    run = Run(tmp_path / "run")
    run.record_test_opening([run.selection()[0]["trial_ids"][0]])
    warnings = found_warnings(Results(run))
    assert any("opened more than once for 1 trial" in line for line in warnings)
    assert any("opened 1 more time(s)" in line for line in warnings)
    assert "Each chosen trial was tested up to 2 times" in opening_lines(Results(run))[-1]


def test_the_summary_fits_its_schema_and_says_what_the_page_says(made: tuple[Run, Page]) -> None:
    run, page = made
    summary = json.loads((run.path / "report" / "summary.json").read_text(encoding="utf-8"))
    schema = json.loads(schema_text())
    jsonschema.validate(summary, schema)
    for name in summary["sections"]:  # every section is described, so nonsense in any of them is found
        for nonsense in ("banana", {"unheard": 1}):
            with pytest.raises(jsonschema.ValidationError):
                jsonschema.validate({**summary, "sections": {**summary["sections"], name: nonsense}}, schema)
    assert summary["verdict"] in page.text
    assert summary["sections"]["differences"]["sentence"] == summary["verdict"]
    assert {row["technique"] for row in summary["sections"]["results"]["techniques"]} == set(SIX)
    assert {"threshold", "curves", "calibration", "looks", "synthetic", "cost"} <= set(summary["sections"])


def test_the_checklist_claims_no_more_than_the_report_holds(made: tuple[Run, Page], bare: tuple[Run, Page]) -> None:
    run, page = made
    text = (run.path / "report" / "checklist.md").read_text(encoding="utf-8")
    assert "| 13 Class imbalance" in text
    ids = {attributes["id"] for _, attributes in page.elements if "id" in attributes}
    anchors = set(re.findall(r"index\.html#([\w-]+)", text))
    assert anchors
    assert anchors <= ids
    assert "#looks-section" in text
    without_maps = (bare[0].path / "report" / "checklist.md").read_text(encoding="utf-8")
    assert "#looks-section" not in without_maps


def test_no_two_parts_have_one_name() -> None:
    with pytest.raises(ValueError, match="unique"):
        render._check_names(["results", "cams", "results"])


def test_analysis_and_report_need_no_ray() -> None:
    code = (
        "import sys, sweep.report.render, sweep.analysis.maps.checks, sweep.predictions; sys.exit('ray' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_text_of_each_format() -> None:
    assert markdown("a|b\n<b>*c*") == r"a\|b &lt;b&gt;\*c\*"
    assert latex("50 % & a_b ± 1") == r"50 \% \& a\_b $\pm$ 1"
    assert code_block("a\n````\nb").startswith("`````\n")
    assert markdown_prose("a_b `--x_y <c>` 5 %\n* `") == r"a\_b `--x_y <c>` 5 % \* \`"
    assert html_prose("<b> `--x <c>` 5 % `") == "&lt;b&gt; <code>--x &lt;c&gt;</code> 5\N{NO-BREAK SPACE}% `"
    assert number("0.8 (0.7 to 0.9)", 0.8).parts == ("0.8", "(0.7 to 0.9)")
    assert number("0.8", 0.8).parts == ("0.8", "")
    assert [p_value(p) for p in (0.0004, 0.001, 0.04996, 0.05004, 0.3)] == [
        "<0.001",
        "0.001",
        "<0.050",
        "0.050",
        "0.300",
    ]
    assert [duration(s) for s in (3.24, 59.4, 200, 3720)] == ["3.2 s", "59 s", "3 min 20 s", "1 h 02 min"]
