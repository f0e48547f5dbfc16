"""Records are whole or not there, also after a loss of power, and a damaged one says so."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from sweep.runs.files import (
    DamagedFile,
    append_json_line,
    read_json,
    unfinished_files,
    write_atomically,
    write_json,
    write_torch,
)


def test_content_reaches_the_disk_before_its_name_does_and_the_name_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    fsync, replace = os.fsync, os.replace

    def flushed(descriptor: int) -> None:
        target = os.readlink(f"/proc/self/fd/{descriptor}") if os.path.isdir("/proc/self/fd") else ""
        steps.append("folder" if target == str(tmp_path) else "content")
        fsync(descriptor)

    def renamed(source: Any, target: Any) -> None:
        assert Path(source).read_bytes() == b"all of it"
        steps.append("name")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", flushed)
    monkeypatch.setattr(os, "replace", renamed)
    write_atomically(tmp_path / "status.json", b"all of it")
    assert steps == ["content", "name", "folder"]


def test_a_guard_that_refuses_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "status.json"
    write_json(path, {"old": 1})

    def refuse() -> None:
        raise RuntimeError("not yours")

    with pytest.raises(RuntimeError, match="not yours"):
        write_json(path, {"new": 2}, refuse)
    assert read_json(path) == {"old": 1}
    assert os.listdir(tmp_path) == ["status.json"]


@pytest.mark.parametrize(
    ("content", "kind", "reason"),
    [
        (b"", dict, "it is empty"),
        (b'{"status": "do', dict, "no JSON in its 14 bytes"),
        (b"\x00" * 100, dict, "no JSON in its 100 bytes"),
        (b"\xff\xfe{}", dict, "no JSON"),
        (b"[" * 200_000, list, "no JSON"),
        (b"[]", dict, "it holds a list, not a dict"),
        (b'"done"', dict, "it holds a str, not a dict"),
    ],
)
def test_a_damaged_file_says_which_and_why(tmp_path: Path, content: bytes, kind: type, reason: str) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(content)
    with pytest.raises(DamagedFile, match=reason) as error:
        read_json(path, kind)
    assert str(path) in str(error.value)
    with pytest.raises(FileNotFoundError):
        read_json(tmp_path / "b.json")


def test_a_folder_in_a_files_place_is_damage_too(tmp_path: Path) -> None:
    (tmp_path / "a.json").mkdir()
    with pytest.raises(DamagedFile, match="directory"):
        read_json(tmp_path / "a.json")


def test_a_line_that_was_cut_off_does_not_swallow_the_next(tmp_path: Path) -> None:
    path = tmp_path / "lines.jsonl"
    append_json_line(path, {"a": 1})
    with path.open("ab") as file:
        file.write(b'{"b": 2')  # killed here
    append_json_line(path, {"c": 3})
    append_json_line(path, {"d": 4})
    assert path.read_bytes().splitlines() == [b'{"a": 1}', b'{"b": 2', b'{"c": 3}', b'{"d": 4}']


def test_what_killed_writers_leave_is_found_and_nothing_else(tmp_path: Path) -> None:
    left = [tmp_path / ".last.pt.4711.0a1b2c3d", tmp_path / ".status.json.1.deadbeef"]
    kept = [tmp_path / name for name in ("last.pt", ".gitignore", ".last.pt", "a.4711.0a1b2c3d", ".x.pt.12.nothexxx")]
    for path in (*left, *kept):
        path.write_bytes(b"x")
    (tmp_path / ".folder.1.deadbeef").mkdir()
    assert sorted(unfinished_files([tmp_path, tmp_path / "missing"])) == sorted(left)


def test_what_is_no_file_is_never_replaced_by_one(tmp_path: Path) -> None:
    """``--csv /dev/null`` by root would put a file in the device's place."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(FileExistsError, match="a pipe"):
        write_atomically(pipe, b"x")
    assert pipe.is_fifo()
    assert [path.name for path in tmp_path.iterdir()] == ["pipe"]


def test_a_pipe_in_a_records_place_is_damage_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.json")
    with pytest.raises(DamagedFile, match="no file is in its place"):
        read_json(tmp_path / "a.json")


def test_a_link_to_itself_in_a_records_place_is_damage(tmp_path: Path) -> None:
    (tmp_path / "a.json").symlink_to("a.json")
    with pytest.raises(DamagedFile, match="symbolic links"):
        read_json(tmp_path / "a.json")


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "deep" / "status.json"
    write_json(path, {"old": 1})

    def broken(source: Path, target: Path) -> None:
        assert read_json(path) == {"old": 1}  # nothing was put in place yet
        raise OSError("no room")

    monkeypatch.setattr(os, "replace", broken)
    with pytest.raises(OSError, match="no room"):
        write_json(path, {"new": 2})
    assert read_json(path) == {"old": 1}
    assert os.listdir(path.parent) == ["status.json"]


def test_a_process_killed_while_writing_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "status.json"
    write_json(path, {"old": 1})
    code = (
        "import os, sys; from pathlib import Path; from sweep.runs.files import write_json\n"
        "os.replace = lambda *paths: os.kill(os.getpid(), 9)\n"
        "write_json(Path(sys.argv[1]), {'new': 2})"
    )
    ended = subprocess.run([sys.executable, "-c", code, str(path)], check=False)
    assert ended.returncode == -9
    assert read_json(path) == {"old": 1}
    write_json(path, {"newer": 3})
    assert read_json(path) == {"newer": 3}


def test_a_value_that_cannot_be_written_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_json(path, [1])
    with pytest.raises(TypeError):
        write_json(path, [object()])
    with pytest.raises(Exception, match="pickle"):
        write_torch(tmp_path / "a.pt", lambda: None)
    assert read_json(path) == [1]
    assert os.listdir(tmp_path) == ["a.json"]


def test_what_is_no_number_becomes_null_at_any_depth(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_json(path, {"a": [np.nan, {"b": (np.inf, np.float32("nan"), np.int64(3), np.float64(0.5), 1.5)}], 2: "é"})
    text = path.read_text(encoding="utf-8")
    assert json.loads(text, parse_constant=pytest.fail) == {"a": [None, {"b": [None, None, 3, 0.5, 1.5]}], "2": "é"}


def test_binary_content_goes_through_unchanged(tmp_path: Path) -> None:
    content = bytes(range(256))
    write_atomically(tmp_path / "x" / "y", content)
    assert (tmp_path / "x" / "y").read_bytes() == content
    write_torch(tmp_path / "t.pt", {"a": torch.arange(5)})
    assert torch.load(tmp_path / "t.pt", weights_only=True)["a"].tolist() == [0, 1, 2, 3, 4]
