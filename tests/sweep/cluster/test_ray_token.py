"""Ray's token: private when made, closed where it lay open, and told truly."""

from __future__ import annotations

import multiprocessing
import os
import stat
from pathlib import Path

import pytest

from balancing.errors import UserError
from sweep.cluster import ray_token


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_a_token_is_made_for_its_owner_alone_whatever_the_umask(home: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        assert ray_token.make_private(create=True) == []
    finally:
        os.umask(before)
    token = home / ".ray" / "auth_token"
    assert (mode(token.parent), mode(token)) == (0o700, 0o600)
    assert len(token.read_text()) == 64
    assert list(token.parent.iterdir()) == [token]


def test_a_token_that_lay_open_is_closed_and_said_once_and_stays_the_same(home: Path) -> None:
    token = home / ".ray" / "auth_token"
    token.parent.mkdir(mode=0o755)
    token.write_text("a" * 64)
    token.chmod(0o644)
    notes = ray_token.make_private(create=True)
    assert (mode(token.parent), mode(token), token.read_text()) == (0o700, 0o600, "a" * 64)
    assert any("~/.ray/auth_token (mode 0644)" in note for note in notes)
    assert ray_token.make_private(create=True) == []


def test_one_that_joins_makes_no_token_but_closes_its_own(home: Path) -> None:
    assert ray_token.make_private(create=False) == []
    assert list(home.iterdir()) == []
    token = home / ".ray" / "auth_token"
    token.parent.mkdir()
    token.write_text("b" * 64)
    token.chmod(0o640)
    assert ray_token.make_private(create=False)
    assert mode(token) == 0o600


def test_an_empty_token_is_made_anew(home: Path) -> None:
    token = home / ".ray" / "auth_token"
    token.parent.mkdir()
    token.touch()
    ray_token.make_private(create=True)
    assert (mode(token), len(token.read_text())) == (0o600, 64)


def _make(_: int) -> str:
    ray_token.make_private(create=True)
    return (Path.home() / ".ray" / "auth_token").read_text()


def test_sweeps_that_start_at_once_agree_on_one_token(home: Path) -> None:
    with multiprocessing.get_context("fork").Pool(4) as pool:
        assert len(set(pool.map(_make, range(16), chunksize=1))) == 1


def test_a_named_file_and_a_token_in_the_environment_are_respected(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    named = home / "secret" / "token"
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(named))
    with pytest.raises(UserError, match="RAY_AUTH_TOKEN_PATH must name a file that holds Ray's token"):
        ray_token.make_private(create=True)
    named.parent.mkdir(mode=0o755)
    named.write_text("c" * 64)
    named.chmod(0o644)
    assert len(ray_token.make_private(create=True)) == 1
    assert (mode(named), mode(named.parent)) == (0o600, 0o755)  # a folder that somebody chose is theirs
    assert ray_token.where(joined=False) == "its token is in ~/secret/token"
    monkeypatch.setenv("RAY_AUTH_TOKEN", "d" * 64)
    assert ray_token.where(joined=False) == "its token is in the variable RAY_AUTH_TOKEN"
    assert not (home / ".ray").exists()


def test_where_authentication_is_off_that_is_said(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert ray_token.where(joined=False) == "its token is in ~/.ray/auth_token"
    assert "authentication is off" in ray_token.where(joined=True)  # Ray found no token, and so turned nothing on
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    assert ray_token.where(joined=True) == "log in with the cluster's token"
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    assert ray_token.make_private(create=True) == []
    assert list(home.iterdir()) == []
    for joined in (True, False):
        assert "authentication is off" in ray_token.where(joined=joined)


def test_a_home_that_takes_no_token(home: Path) -> None:
    (home / ".ray").write_text("a file in the way")
    with pytest.raises(UserError, match=r"Ray's token must be a file .* set HOME"):
        ray_token.make_private(create=True)
