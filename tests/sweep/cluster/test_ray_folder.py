"""Ray's folder on a machine with other users: they can neither enter it nor take its name."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from sweep.cluster import ray_folder


@pytest.fixture(autouse=True)
def _parent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray_folder, "_PARENT", tmp_path)
    monkeypatch.delenv("RAY_TMPDIR", raising=False)


def _closed(inner: str | None, tmp_path: Path) -> Path:
    assert inner is not None
    outer = Path(inner).parent
    assert outer.parent == tmp_path
    assert not outer.is_symlink()
    assert stat.S_IMODE(outer.stat().st_mode) == 0o700
    assert outer.stat().st_uid == os.geteuid()
    return outer


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_others_cannot_enter_rays_folder(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        first = _closed(ray_folder.private_folder(), tmp_path)
        assert _closed(ray_folder.private_folder(), tmp_path) == first
    finally:
        os.umask(before)


@pytest.mark.parametrize("taken", ["open", "link", "file", "another's"])
def test_a_name_that_was_taken_is_not_used(tmp_path: Path, taken: str, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = tmp_path / f"balancing-act-{os.geteuid()}"
    if taken == "open":
        wanted.mkdir()
        wanted.chmod(0o777)
    elif taken == "link":
        (tmp_path / "theirs").mkdir(mode=0o700)
        wanted.symlink_to(tmp_path / "theirs")
    elif taken == "file":
        wanted.touch()
    else:
        wanted.mkdir(mode=0o700)
        monkeypatch.setattr(ray_folder, "_is_ours", lambda found: False)
    assert _closed(ray_folder.private_folder(), tmp_path) != wanted


def test_a_place_that_the_user_names_is_rays(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    assert ray_folder.private_folder() is None
    assert not any(tmp_path.iterdir())


def test_the_longest_path_of_a_socket_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    longest = "/balancing-act-4294967294/ray/session_2026-11-25_14-34-28_802361_4194304/sockets/dash_MetricsHead"
    assert len(f"{ray_folder._PARENT}{longest}") <= 107
