"""Where a run goes is asked for before anything long starts, and what a killed start left is no dead end."""

from __future__ import annotations

import io
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from balancing.errors import UserError
from sweep import sweeps
from sweep.cli.progress import Progress
from sweep.config.config import Config, build_config
from sweep.planning import prepare
from sweep.runs.files import write_atomically
from sweep.runs.observer import Observer
from sweep.runs.out import claim_out, leave_out, missing_folders
from sweep.runs.run import Run


def nobody_is_told(sentence: str) -> None:
    raise AssertionError(sentence)


def refusal(path: Path, *, resume: bool = False) -> str:
    with pytest.raises(UserError) as error:
        claim_out(path, nobody_is_told, resume=resume)
    return str(error.value)


def test_a_place_that_cannot_be_made_is_refused_with_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    (tmp_path / "round").symlink_to(tmp_path / "round")
    for path, why in (
        (tmp_path / "file", "is a file; give a new folder"),
        (tmp_path / "file" / "sub", "not a directory"),
        (tmp_path / "link", "is a link to nowhere"),
        (tmp_path / "link" / "sub", ""),
        (tmp_path / "round", ""),
        (Path("/proc/nope/run"), ""),
        (tmp_path / ("x" * 300), "file name too long"),
        (tmp_path / ("x" * 10_000), "file name too long"),
        (tmp_path / "/".join(["deep"] * 1500), "file name too long"),
        (Path("/dev/null"), "is a file"),
    ):
        text = refusal(path)
        assert text.startswith("--out ")
        assert why in text
        assert len(text) < 400
        assert "\n" not in text
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "link", "round"]


def test_it_is_refused_before_any_image_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepare, "prepare", lambda *given, **more: pytest.fail("too late"))
    (tmp_path / "file").write_text("x")
    with pytest.raises(UserError, match="not a directory"):
        sweeps.start(Config(), "demo", tmp_path / "file" / "run", Observer())


@pytest.mark.parametrize("left", [["config.yaml"], ["config.yaml", "split.parquet", "bad_images.json"]])
def test_what_a_killed_start_left_is_written_over_on_request(tmp_path: Path, left: list[str]) -> None:
    path = tmp_path / "run"
    for name in left:
        write_atomically(path / name, b"data: {}")
    (path / ".run.json.12.deadbeef").write_bytes(b"half")
    assert "add --resume to start it anew there" in refusal(path)
    claim_out(path, nobody_is_told, resume=True).release()
    (path / "thesis.doc").write_text("x")
    assert "is not empty and holds no run" in refusal(path, resume=True)


def test_a_start_that_was_killed_before_its_first_file_is_in_nobodys_way(tmp_path: Path) -> None:
    path = tmp_path / "run"
    write_atomically(path / "owner" / "1.json", b"")
    long_ago = 1.0
    os.utime(path / "owner" / "1.json", (long_ago, long_ago))
    claim_out(path, nobody_is_told, resume=False).release()


def config() -> Config:
    return build_config({"data": {"phantom_images": 300, "image_size": 16}, "train": {"weights": "none"}})


@pytest.mark.parametrize("how", ["mistake", "interrupt"])
@pytest.mark.parametrize("when", ["prepare", "create"])
def test_a_start_that_fails_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str, when: str
) -> None:
    def fail(*given: Any, **more: Any) -> None:
        if how == "interrupt":
            signal.raise_signal(signal.SIGTERM)
        raise UserError("a mistake")

    if when == "prepare":
        monkeypatch.setattr(prepare, "prepare", fail)
    else:
        monkeypatch.setattr("sweep.runs.run.write_json", fail)  # after config.yaml and split.parquet
    with pytest.raises(UserError if how == "mistake" else sweeps.Interrupted):
        sweeps.start(config(), "demo", tmp_path / "deep" / "run", Observer())
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_was_there_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "run"
    path.mkdir()
    missing = missing_folders(path)
    claim_out(path, nobody_is_told, resume=False).release()
    leave_out(path, missing)
    assert path.is_dir()


def test_a_run_is_there_as_soon_as_it_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is interrupted after run.json is written can be gone on with."""

    def interrupted(*given: Any, **more: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Run, "write_audit", interrupted)
    console = Console(record=True, width=200, file=io.StringIO())
    with pytest.raises(sweeps.Interrupted):
        sweeps.start(config(), "demo", tmp_path / "run", Progress(console))
    assert "go on by:  sweep resume" in console.export_text()
    assert Run(tmp_path / "run").specs() == []


@pytest.mark.parametrize(
    "address",
    ["", "nonsense", "host:", ":6379", "127.0.0.1:99999", "127.0.0.1:²", "x" * 300 + ":1", "127.0.0.1:1", "ray://a:1"],
)
def test_a_cluster_that_is_not_there_is_told_before_anything_is_made(tmp_path: Path, address: str) -> None:
    given = build_config({"data": {"source": "phantom"}, "resources": {"address": address}})
    with pytest.raises(UserError, match="--address") as error:
        sweeps.start(given, "demo", tmp_path / "run", Observer())
    assert len(str(error.value)) < 400
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_is_no_utf8_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no text in UTF-8"):
        claim_out(tmp_path / "R\udcf6ntgen", nobody_is_told, resume=False)
    assert list(tmp_path.iterdir()) == []
