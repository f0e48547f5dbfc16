"""The folder that ``sweep report --paper`` writes: the report's own numbers, whole citations, escaped names."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from PIL import Image

from balancing.components.techniques import techniques
from balancing.errors import UserError
from sweep.analysis.folds import results_of
from sweep.analysis.results import Results
from sweep.report.context import ReportOptions
from sweep.report.paper.bibliography import Bibliography, cited_in, in_latex, sources
from sweep.report.paper.methods import methods
from sweep.report.paper.results import results_tex
from sweep.report.paper.write import write_files
from sweep.report.render import write_report
from sweep.runs.files import write_json
from sweep.runs.run import Run
from tests.sweep.fake_run import fake_images, fake_run

HOSTILE = (r"a_{b}%&", r"#1 ~^\$x$")


def _made(tmp_path: Path, names: tuple[str, ...] = HOSTILE, **more: object) -> Run:
    counts = [60 + 20 * place for place in range(len(names))]
    images = fake_images(tmp_path / "images", names, size=8, per_class=counts)
    return fake_run(tmp_path / "run", images, **{"techniques": ("baseline", "focal", "smote"), **more})  # type: ignore[arg-type]


def _structure(text: str) -> None:
    """What LaTeX needs: braces and environments that close, as many cells in every row, no special sign by itself."""
    text = "\n".join(line for line in text.splitlines() if not line.startswith("%"))
    bare = re.sub(r"\\[\\{}&%$#_]", "", text)
    depth = 0
    for sign in bare:
        depth += {"{": 1, "}": -1}.get(sign, 0)
        assert depth >= 0
    assert depth == 0
    open_: list[str] = []
    for kind, name in re.findall(r"\\(begin|end)\{([\w*]+)\}", text):
        if kind == "begin":
            open_.append(name)
        else:
            assert open_.pop() == name
    assert not open_
    rows = [re.sub(r"\\&", "", line).count("&") for line in text.splitlines() if line.startswith("{}")]
    assert len(set(rows)) <= 1
    assert bare.count("$") % 2 == 0
    plain = re.sub(r"\$[^$]*\$", "", re.sub(r"\\(?:label|cite|begin|end)\{[^}]*\}", "", bare))
    assert not re.search(r"[#_^%]", plain)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("paper")
    run = _made(folder)
    write_report(run, None, ReportOptions(cams=False, paper=folder / "run" / "report" / "paper"))
    return run


def test_every_number_of_the_table_is_the_reports(written: Run) -> None:
    report = written.path / "report"
    summary = json.loads((report / "summary.json").read_text())["sections"]
    known = {
        f"{abs(value):.3f}"
        for rows in (summary["results"]["techniques"], summary["differences"]["differences"])
        for row in rows
        for value in row.values()
        if isinstance(value, float)
    }
    table = (report / "paper" / "results.tex").read_text()
    numbers = re.findall(r"\d\.\d{3}", table)
    assert len(numbers) > 3 * 6 * 3
    assert set(numbers) - {"0.001", "0.050"} <= known


def test_tables_and_methods_hold_latex_together_whatever_classes_are_called(written: Run) -> None:
    folder = written.path / "report" / "paper"
    for name in ("results.tex", "methods.tex"):
        _structure((folder / name).read_text())
    assert r"a\_\{b\}\%\&" in (folder / "methods.tex").read_text()


def test_each_citation_has_its_entry_and_each_entry_its_citation(written: Run) -> None:
    folder = written.path / "report" / "paper"
    entries = re.findall(r"^@\w+\{([^,]+),", (folder / "references.bib").read_text(), flags=re.MULTILINE)
    cited = cited_in((folder / "methods.md").read_text())
    in_tex = re.findall(r"\\cite\{([^}]+)\}", (folder / "methods.tex").read_text())
    assert len(set(entries)) == len(entries)
    assert sorted(entries) == sorted(cited) == sorted({key for keys in in_tex for key in keys.split(",")})
    assert {"chawla2002", "lin2017", "henet2016"} <= set(entries)


def test_the_guidelines_lead_to_sections_that_the_page_has(written: Run) -> None:
    report = written.path / "report"
    page = (report / "index.html").read_text()
    for name in ("claim.md", "tripod-ai.md"):
        text = (report / "paper" / name).read_text()
        links = re.findall(r"\]\(([^)#]+)#([^)]+)\)", text)
        assert links
        for file, anchor in links:
            assert (report / "paper" / file).resolve() == (report / "index.html").resolve()
            assert f'id="{anchor}"' in page
    assert "who annotated" in (report / "paper" / "claim.md").read_text()


def test_figures_have_a_journals_widths_and_their_fonts(written: Run) -> None:
    figures = written.path / "report" / "paper" / "figures"
    for path in figures.glob("*.png"):
        with Image.open(path) as image:
            millimetres = image.width / float(image.info["dpi"][0]) * 25.4
        assert millimetres == pytest.approx(89 if path.stem.endswith("_column") else 183, abs=0.5)
        assert b"/FontFile2" in path.with_suffix(".pdf").read_bytes()
    assert {path.stem for path in figures.glob("*.pdf")} >= {"forest_column", "forest_page", "roc_page"}


def test_what_an_author_edited_stays_and_what_nobody_did_is_renewed(tmp_path: Path) -> None:
    said: list[str] = []
    (tmp_path / "other").write_text("theirs")
    write_files(tmp_path, {"methods.md": b"one", "claim.md": b"one", "figures/old.pdf": b"one"}, said.append)
    (tmp_path / "methods.md").write_text("Mine.")
    write_files(tmp_path, {"methods.md": b"two", "claim.md": b"two"}, said.append)
    assert (tmp_path / "methods.md").read_text() == "Mine."
    assert (tmp_path / "methods.new.md").read_text() == "two"
    assert (tmp_path / "claim.md").read_text() == "two"
    assert not (tmp_path / "figures" / "old.pdf").exists()
    assert [line for line in said if "changed by hand" in line] == said
    assert len(said) == 1
    write_files(tmp_path, {"methods.md": b"three"}, said.append)
    assert (tmp_path / "methods.md").read_text() == "Mine."
    assert (tmp_path / "methods.new.md").read_text() == "three"
    (tmp_path / "methods.md").unlink()
    (tmp_path / "methods.md").symlink_to(tmp_path / "other")
    with pytest.raises(UserError, match="is a link"):
        write_files(tmp_path, {"methods.md": b"four"}, said.append)
    assert (tmp_path / "other").read_text() == "theirs"


def _text(run: Run) -> str:
    results: Results = results_of(run)
    return " ".join(text for _, text in methods(results, Bibliography()))


def test_before_the_test_split_was_opened_nothing_is_said_of_it(tmp_path: Path) -> None:
    run = _made(tmp_path, opened=False)
    text = _text(run)
    assert "The test part has not been evaluated." in text
    assert "2 of 12 trainings failed or diverged and are not in the results." in text
    run.trial(run.specs()[0].trial_id).write_status("running")
    assert "1 of 12 trainings has not ended" in _text(run)
    assert "confidence" not in text
    assert results_tex(results_of(run)).startswith("% The test split has not been opened")


def test_clauses_stand_only_where_they_are_true(tmp_path: Path) -> None:
    text = _text(_made(tmp_path, failing=False))
    assert "For each technique 2 configurations were compared" in text
    assert "trained with 2 random seeds, the same for all techniques; the seeds that chose" in text
    assert "The test part was evaluated once, after configurations had been chosen." in text
    assert "No patient identifiers were available" in text
    assert "failed or diverged" not in text
    for absent in ("Optuna", "cross-validation", "fresh seeds", "added after", "Ray ", "halving", "Newer"):
        assert absent not in text


def test_candidates_are_called_the_same_where_they_are(tmp_path: Path) -> None:
    run = _made(tmp_path)
    assert "with the same candidates for every technique" in _text(run)
    specs = run.specs()
    planned = [{"trial_id": spec.trial_id, **spec.to_dict()} for spec in specs]
    own = [one for one, spec in zip(planned, specs, strict=True) if (spec.technique, spec.lr) != ("focal", specs[0].lr)]
    write_json(run.path / "trials.json", own)  # of one technique another learning rate alone
    text = _text(run)
    assert "Searched were" in text
    assert "same candidates" not in text


def test_what_is_paired_is_called_so(tmp_path: Path) -> None:
    assert "paired by seed and image" in results_tex(results_of(_made(tmp_path)))  # its patients are not known


def test_many_classes_and_scores_that_rank_alone(tmp_path: Path) -> None:
    three = _made(tmp_path / "three", ("a", "b", "c"), failing=False)
    assert "averaged over the classes" in _text(three)
    _structure(results_tex(results_of(three)))
    ranks = _made(tmp_path / "ranks", techniques=("baseline", "deep_auc"), lrs=(0.001,), failing=False)
    text = results_tex(results_of(ranks))
    _structure(text)
    assert "Deep AUC$^{a}$" in text
    assert "Ranks images and decides nothing" in text
    assert "rank images and are no probabilities" in _text(ranks)


def test_every_source_of_the_registry_is_known_or_asks_to_be_completed() -> None:
    cited = Bibliography()
    for technique in techniques():
        cited.of_reference(technique.reference)
    entries = cited.bibtex()
    assert set(cited.keys) >= {"chawla2002", "menon2021", "cao2019"}
    assert entries.count("Please complete this entry") == len(set(cited.keys) - set(sources()))
    assert len(set(cited.keys) - set(sources())) <= 6
    assert entries.isascii()


def test_citations_become_latex_and_everything_else_is_escaped() -> None:
    assert in_latex("A_b [@one; @two] & 5 % [AUTHORS: x].") == r"A\_b~\cite{one,two} \& 5 \% [AUTHORS: x]."
