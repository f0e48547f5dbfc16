"""``sweep look``: what was understood, in the terminal and as a page of one's own."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from sweep.cli import jobs
from sweep.cli.main import main
from tests.balancing.samples import class_folders, png, write_files


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr("sys.argv", ["sweep", "look", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert isinstance(ended.value.code, int)
    return ended.value.code


def test_the_page_holds_everything_and_is_its_owners(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    files = class_folders(per_class=3) | {"train/<script>alert(1)</script>&/a.png": png(1)}
    files |= {f"test/<script>alert(1)</script>&/{i}.png": png(90 + i) for i in range(3)}
    data, page = write_files(tmp_path / "data", files), tmp_path / "new" / "look.html"
    opened: list[str] = []
    monkeypatch.setattr(jobs.webbrowser, "open", opened.append)
    assert run(monkeypatch, "--data", data, "--out", page, "--open") == 0
    text = page.read_text()
    assert opened == [page.resolve().as_uri()]
    assert stat.S_IMODE(page.stat().st_mode) == 0o600
    assert "<script>alert(1)" not in text
    assert "data:image/png;base64," in text
    assert "http://" not in text.replace("http://www.w3.org", "")
    out = capsys.readouterr().out
    assert "22 images of 3 classes; 7 to train, 6 to validate, 9 to test." in out
    assert "--patient-pattern" in out


def test_a_mistake_is_one_sentence_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(monkeypatch, "--data", tmp_path / "nowhere") == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
    assert not (tmp_path / "look.html").exists()
