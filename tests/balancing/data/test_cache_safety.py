"""The cache is its owner's alone, and no byte of it is used that is not what was written."""

from __future__ import annotations

import json
import os
import stat
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import balancing.data.cache
import balancing.data.private
from balancing.data import checksums
from balancing.data.cache import Cache
from balancing.data.checksums import block_checksums
from balancing.data.images import ImageSet, load_images
from balancing.errors import UserError
from tests.balancing.samples import class_folders, write_files

posix = pytest.mark.skipif(not hasattr(os, "geteuid"), reason="needs users")


def load(source: Path, cache: Path) -> ImageSet:
    return load_images(str(source), image_size=12, cache_dir=cache)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def modes(root: Path) -> dict[str, int]:
    return {path.relative_to(root).as_posix(): mode(path) for path in sorted(root.rglob("*"))}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_files(tmp_path / "xrays", class_folders(4))


@pytest.fixture(params=[0o000, 0o022, 0o077])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


@posix
def test_a_new_cache_is_private_whatever_the_umask(folder: Path, tmp_path: Path, umask: int) -> None:
    cache = tmp_path / "deep" / "cache"
    load(folder, cache)
    Cache(cache).remember(["hub"], "key")
    assert mode(cache) == 0o700
    for name, found in modes(cache).items():
        assert found == (0o700 if (cache / name).is_dir() else 0o600), name


@posix
def test_an_older_versions_cache_is_closed_when_it_is_found(folder: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    entry = load(folder, cache).pixels_path.parent
    for path in (cache, entry):
        path.chmod(0o755)
    for path in entry.iterdir():
        path.chmod(0o644)
    load(folder, cache)
    assert mode(cache) == mode(entry) == 0o700
    assert set(modes(entry).values()) == {0o600}


@posix
def test_a_named_folder_that_holds_other_things_keeps_its_mode(folder: Path, tmp_path: Path) -> None:
    cache = tmp_path / "scratch"
    cache.mkdir(mode=0o755)
    (cache / "thesis").mkdir()
    entry = load(folder, cache).pixels_path.parent
    assert mode(cache) == 0o755
    assert mode(entry) == 0o700


@posix
@pytest.mark.parametrize(("bits", "who"), [(0o777, "everybody"), (0o1777, "everybody"), (0o770, "its group")])
def test_a_folder_that_others_can_write_is_refused(tmp_path: Path, bits: int, who: str) -> None:
    cache = tmp_path / "cache"
    cache.mkdir()
    cache.chmod(bits)
    with pytest.raises(
        UserError, match=rf"can be written by {who} \(mode {bits:04o}\).*chmod go-w.*BALANCING_ACT_CACHE"
    ):
        Cache(cache)


@posix
def test_another_users_folder_or_link_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cache").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(tmp_path / "cache")
    owner = os.geteuid()
    monkeypatch.setattr(balancing.data.private, "_trusted", lambda: {owner + 1})
    for name in ("cache", "link"):
        with pytest.raises(UserError, match=rf"{name} belongs to another user \(id {owner}\).*BALANCING_ACT_CACHE"):
            Cache(tmp_path / name)
    monkeypatch.setenv("BALANCING_ACT_CACHE_SHARED", "1")
    Cache(tmp_path / "cache")


@posix
def test_a_group_shares_a_cache_only_where_that_was_said(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BALANCING_ACT_CACHE_SHARED", "1")
    cache = tmp_path / "cache"
    entry = load(folder, cache).pixels_path.parent
    Cache(cache).remember(["hub"], "key")
    assert mode(cache) == mode(cache / "remembered") == 0o770
    assert mode(entry) == 0o750
    assert set(modes(entry).values()) == set(modes(cache / "remembered").values()) == {0o640}
    load(folder, cache)
    assert mode(cache) == 0o770
    cache.chmod(0o777)
    with pytest.raises(UserError, match="can be written by everybody"):
        Cache(cache)


@pytest.mark.parametrize("file", ["pixels.npy", "rows.parquet", "meta.json"])
def test_a_changed_byte_anywhere_is_seen_and_the_entry_made_again(folder: Path, tmp_path: Path, file: str) -> None:
    cache = tmp_path / "cache"
    first = load(folder, cache)
    pixels, path = np.array(first.pixels), first.pixels_path.parent / file
    assert not any("damaged" in note for note in load(folder, cache).notes)
    content = bytearray(path.read_bytes())
    where = content.index(b'"fingerprint": "') + 16 if file == "meta.json" else len(content) // 2
    content[where] = ord("0") if content[where] != ord("0") else ord("1")
    path.write_bytes(content)
    again = load(folder, cache)
    np.testing.assert_array_equal(again.pixels, pixels)
    assert again.fingerprint == first.fingerprint
    assert any(f"{first.pixels_path.parent} were damaged" in note for note in again.notes)
    assert not any("damaged" in note for note in load(folder, cache).notes)


def test_zeroed_pixels_never_pass_for_the_same_images(folder: Path, tmp_path: Path) -> None:
    first = load(folder, tmp_path / "cache")
    with open(first.pixels_path, "r+b") as file:
        file.seek(200)
        file.write(bytes(1000))
    assert load(folder, tmp_path / "cache").pixels.reshape(len(first), -1).any(axis=1).all()


def older(entry: Path) -> dict[str, Any]:
    """Takes from an entry what versions before checksums did not write."""
    meta = json.loads((entry / "meta.json").read_text())
    del meta["checksums"], meta["seal"]
    (entry / "meta.json").write_text(json.dumps(meta))
    return meta


def test_an_entry_without_checksums_gets_them_where_its_pixels_have_their_fingerprint(
    folder: Path, tmp_path: Path
) -> None:
    cache = tmp_path / "cache"
    entry = load(folder, cache).pixels_path.parent
    whole = json.loads((entry / "meta.json").read_text())
    older(entry)
    changed = (entry / "pixels.npy").stat().st_mtime_ns
    assert not any("damaged" in note for note in load(folder, cache).notes)
    assert json.loads((entry / "meta.json").read_text()) == whole
    assert (entry / "pixels.npy").stat().st_mtime_ns == changed, "it was decoded again"
    older(entry)
    with open(entry / "pixels.npy", "r+b") as file:
        file.seek(200)
        file.write(bytes(1000))
    assert any("damaged" in note for note in load(folder, cache).notes)


@pytest.mark.parametrize("size", [0, 1, 9, 10, 11, 35])
def test_a_files_checksums_are_those_of_its_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr(checksums, "BLOCK", 10)
    content = np.random.default_rng(0).bytes(size)
    (tmp_path / "x").write_bytes(content)
    assert block_checksums(tmp_path / "x") == [zlib.crc32(content[i : i + 10]) for i in range(0, size, 10)]


def test_a_cache_that_cannot_be_written_serves_what_it_holds(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "cache"
    first = load(folder, cache)

    def read_only(*_: Any, **__: Any) -> Any:
        raise OSError(30, "Read-only file system", str(cache))

    for name in ("mkdir", "write_text", "chmod"):
        monkeypatch.setattr(Path, name, read_only)
    Cache(cache).remember(["hub"], "key")
    assert load(folder, cache).fingerprint == first.fingerprint
    monkeypatch.setattr(balancing.data.cache.tempfile, "mkdtemp", read_only)
    with pytest.raises(UserError, match=r"cannot be written \(Read-only file system\)"):
        load_images(str(folder), image_size=13, cache_dir=cache)


def test_no_home_gives_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BALANCING_ACT_CACHE")

    def nobody() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", nobody)
    with pytest.raises(UserError, match="no place for the cache.*BALANCING_ACT_CACHE"):
        Cache()


def test_an_empty_home_is_not_the_root_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(balancing.data.cache.VARIABLE, raising=False)
    monkeypatch.setenv("HOME", "")
    with pytest.raises(UserError, match="HOME is empty"):
        Cache()


def test_a_folder_whose_name_is_no_utf8_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no UTF-8"):
        Cache(tmp_path / "R\udcf6ntgen")
    assert list(tmp_path.iterdir()) == []


def test_an_entry_whose_notes_are_nested_deeply_is_made_again(folder: Path, tmp_path: Path) -> None:
    made = load(folder, tmp_path / "cache")
    (made.pixels_path.parent / "meta.json").write_text("[" * 100_000)
    assert load(folder, tmp_path / "cache").fingerprint == made.fingerprint
