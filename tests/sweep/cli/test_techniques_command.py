"""`sweep techniques`, and what the command line says of compositions before anything starts."""

from __future__ import annotations

from pathlib import Path

import pytest

import sweep.cli.main
from balancing.components.axes import AXES
from balancing.components.groups import cost, expand
from balancing.components.ranges import Choice
from balancing.components.techniques import get_technique, techniques
from sweep.cli.techniques_view import taken_out


def called(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: object, columns: int = 200
) -> tuple[object, str, str]:
    """Exit code, standard output and standard error."""
    monkeypatch.setattr("sys.argv", ["sweep", *map(str, arguments)])
    monkeypatch.setenv("COLUMNS", str(columns))
    with pytest.raises(SystemExit) as ended:
        sweep.cli.main.main()
    shown = capsys.readouterr()
    return ended.value.code, shown.out, shown.err


def test_each_technique_stands_under_its_axis_with_all_that_is_to_know(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, output, _ = called(monkeypatch, capsys, "techniques", columns=400)
    assert not code
    lines = output.splitlines()
    headings = [axis.folder.capitalize() for axis in AXES.values()] + ["Compositions"]
    places = [lines.index(heading) for heading in headings]
    assert places == sorted(places)
    for technique in techniques():
        composed = f" = {'+'.join(map(technique.written, technique.parts))}" if len(technique.parts) > 1 else ""
        at = lines.index(f"{technique.name}{composed}  T {taken_out(technique)}, cost {cost(technique):g}")
        if technique.parts:
            heading = "Compositions" if composed else AXES[technique.axes[0]].folder.capitalize()
            assert [h for h, place in zip(headings, places, strict=True) if place < at][-1] == heading
        block = "\n".join(lines[at : at + 6])
        assert technique.summary in block
        assert technique.reference in block
        for name, spec in technique.parameters.items():
            assert name in block
            assert isinstance(spec, Choice) or f"({spec.default:g})" in block


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("baseline", "0"),
        ("undersampling", "1"),
        ("power_sampling", "0.5"),
        ("balanced_softmax", "1"),
        ("balanced_softmax+drw", "2"),
        ("crt", "1"),
        ("decoupled_smote", "1"),
        ("eos@features+crt", "not known"),
        ("mixup", "0"),
        ("ldam_drw", "not known"),
        ("adasyn", "not known"),
        ("threshold", "not known"),
    ],
)
def test_what_is_taken_out_is_told_shortly(name: str, shown: str) -> None:
    assert taken_out(get_technique(name)) == shown


@pytest.mark.parametrize("columns", [80, 120])
def test_no_line_is_wider_than_the_terminal(
    columns: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _, output, _ = called(monkeypatch, capsys, "techniques", columns=columns)
    assert max(map(len, output.splitlines())) <= columns
    assert len(output.splitlines()) < 8 * len(techniques())


def test_some_alone_are_listed_by_group_name_or_composition(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    _, output, _ = called(monkeypatch, capsys, "techniques", "optimizers", "cutmix+smote")
    heads = [line.split("  T ")[0] for line in output.splitlines() if "  T " in line]
    assert heads == ["baseline", "imbsam", "sam", "smote+cutmix"]
    assert "boxes cut from SMOTE's averages of images have no meaning" in output
    (tmp_path / "mine.txt").write_text("losses")
    _, output, _ = called(monkeypatch, capsys, "techniques", f"@{tmp_path / 'mine.txt'}")
    heads = [line.split("  T ")[0] for line in output.splitlines() if "  T " in line]
    assert heads == expand(["losses"])


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["techniques", "smot"], "unknown technique 'smot'; did you mean 'smote'?"),
        (["plan", "demo", "--techniques", "smote+cutmix"], "boxes cut from SMOTE's averages of images have no meaning"),
        (["plan", "demo", "--techniques", "@none.txt"], "the file of techniques 'none.txt' is not there"),
        (["plan", "demo", "--techniques", "balanced_softmax+drw"], "times the class prior, so it is corrected twice"),
    ],
)
def test_a_mistake_ends_in_one_sentence_before_anything_starts(
    given: list[str],
    told: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BALANCING_ACT_CACHE", str(tmp_path / "cache"))
    small = ["--image-size", 16, "--set", "data.phantom_images=300"] if given[0] == "plan" else []
    code, _, error = called(monkeypatch, capsys, *given, *small)
    assert code == 2
    assert told in error
    assert error.startswith("error: ")
    assert error.count("\n") == 1


def test_warnings_are_printed_before_the_plan(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("BALANCING_ACT_CACHE", str(tmp_path / "cache"))
    code, output, _ = called(
        monkeypatch, capsys, "plan", "demo", "--techniques", "balanced_softmax+drw", "--allow-double-correction",
        "--image-size", 16, "--set", "data.phantom_images=300", "--seeds", 1,
    )  # fmt: skip
    assert not code
    assert output.count("technique 'balanced_softmax+drw': of 3 epochs the balance comes in the last 0.6 alone") == 1
    assert output.index("technique 'balanced_softmax+drw'") < output.index("1 trials")
