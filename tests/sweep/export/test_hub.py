"""What goes to the Hub: an export's own files alone, by the real library, and in a dry run nothing at all."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from rich.console import Console

import sweep.cli.export as commands
from balancing.errors import UserError
from sweep.export.folder import FILES, FORMAT
from sweep.export.hub import check_hub_id, planned
from tests.sweep.export.fake_hub import TOKEN, FakeHub

CONTENT = {
    "README.md": b"---\nlicense: other\n---\n\n# A card\n",
    "config.json": json.dumps({"format": FORMAT}).encode(),
    "model.onnx": b"graph" * 1000,
    "model.safetensors": b"weights" * 1000,
}


@pytest.fixture
def export(tmp_path: Path) -> Path:
    """An export, and beside its files what must never leave: a list of patients, a picture, a folder."""
    folder = tmp_path / "export"
    (folder / "images").mkdir(parents=True)
    for name, content in CONTENT.items():
        (folder / name).write_bytes(content)
    (folder / "patients.csv").write_text("person1")
    (folder / "images" / "model.onnx").write_bytes(b"a picture")
    return folder


def push(
    export: Path, *words: str, endpoint: str = "http://127.0.0.1:9", token: str | None = TOKEN
) -> subprocess.CompletedProcess[str]:
    """``sweep push`` as a process of its own, with a home of its own."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "HUGGING"))}
    home = str(export.parent / "home")
    own = {"HF_ENDPOINT": endpoint, "HF_HOME": home, "HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
    given: Mapping[str, str] = {} if token is None else {"HF_TOKEN": token}
    return subprocess.run(
        [sys.executable, "-m", "sweep.cli", "push", str(export), *words],
        env={**kept, **own, **given},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_its_own_files_go_up_and_nothing_else(export: Path) -> None:
    with FakeHub() as hub:
        done = push(export, "ada/lungs", endpoint=hub.url)
        assert done.returncode == 0, done.stdout + done.stderr
        assert hub.repos == {"ada/lungs": True}
        assert hub.files == {("ada/lungs", "main"): CONTENT}
        again = push(export, "ada/lungs", "--public", "--revision", "v2", endpoint=hub.url)
        assert again.returncode == 0, again.stdout + again.stderr
        assert hub.files["ada/lungs", "v2"] == CONTENT
    for said in (done, again):
        assert TOKEN not in said.stdout + said.stderr
    assert not any(TOKEN in path.read_text(errors="ignore") for path in export.rglob("*") if path.is_file())


def test_what_was_to_be_private_does_not_go_to_a_public_repository(export: Path) -> None:
    with FakeHub(repos={"ada/lungs": False}) as hub:
        done = push(export, "ada/lungs", endpoint=hub.url)
        assert done.returncode == 2
        assert "is there already and is public" in done.stderr
        assert not any("commit" in asked or "store" in asked for asked in hub.asked)


@pytest.mark.parametrize(
    ("token", "where", "why"),
    [
        (None, "ada/lungs", "takes a token of the Hub, and there is none; log in by `hf auth login`"),
        ("hf_" + "wrong" * 5, "ada/lungs", "does not know this token (401)"),
        (TOKEN, "grace/lungs", "may not write to grace/lungs (403)"),
    ],
)
def test_who_may_not_is_told_in_one_sentence(export: Path, token: str | None, where: str, why: str) -> None:
    with FakeHub() as hub:
        done = push(export, where, endpoint=hub.url, token=token)
        assert done.returncode == 2
        assert why in done.stderr
        assert "Traceback" not in done.stderr
        assert token is None or token not in done.stdout + done.stderr
        assert hub.files == {}
        assert token is not None or hub.asked == []


def test_a_hub_that_is_not_there_is_one_sentence(export: Path) -> None:
    done = push(export, "ada/lungs")
    assert done.returncode == 2
    assert "the Hub can't be reached" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_dry_run_names_each_file_and_opens_no_network(
    export: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def forbidden(*_: object, **__: object) -> None:
        raise AssertionError("a dry run asked for the network")

    for name in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, name, forbidden)
    monkeypatch.setattr(socket, "getaddrinfo", forbidden)
    monkeypatch.delenv("HF_TOKEN", raising=False)
    wanted = planned(export, "ada/lungs", revision="v2")
    commands._push(wanted, Console(width=200), dry_run=True)
    said = capsys.readouterr().out
    for name, content in CONTENT.items():
        assert f"{name}  {len(content):,} bytes  ->  ada/lungs/{name}" in said
    assert f"Would upload 4 files, {sum(map(len, CONTENT.values())):,} bytes, to ada/lungs, branch v2, private." in said
    assert "Nothing was sent" in said
    assert "patients" not in said


def test_a_link_among_its_files_is_refused(export: Path) -> None:
    (export / "README.md").unlink()
    (export / "README.md").symlink_to(export / "patients.csv")
    with pytest.raises(UserError, match="is a link or no plain file"):
        planned(export, "ada/lungs")


def test_a_folder_that_is_no_export_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is no export"):
        planned(tmp_path, "ada/lungs")


@pytest.mark.parametrize(
    "hub_id", ["lungs", "ada/lungs/x", "ada/..", "ada/a--b", "../etc", "ada/lu ngs", "ada/x\ny", ""]
)
def test_a_bad_id_is_one_sentence(hub_id: str) -> None:
    with pytest.raises(UserError, match="give NAMESPACE/NAME") as found:
        check_hub_id(hub_id)
    assert "\n" not in str(found.value)


@pytest.mark.parametrize("revision", ["", "a b", "-x", "x\n", "a:b"])
def test_a_bad_branch_is_one_sentence(revision: str) -> None:
    with pytest.raises(UserError, match="no name of a branch"):
        check_hub_id("ada/lungs", revision)


def test_an_export_has_no_other_files_than_these() -> None:
    assert set(CONTENT) == set(FILES)
