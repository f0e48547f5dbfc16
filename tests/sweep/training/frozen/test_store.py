"""Vectors on disk: made once, whole or not there, private, and looked at again when they are opened."""

from __future__ import annotations

import shutil
import stat
import threading
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sweep.training.frozen.extract import Looks, Views
from sweep.training.frozen.store import VectorStore, key_of
from tests.sweep.training.frozen.bodies import frozen_spec, plan_of

ROWS = np.random.default_rng(0).normal(size=(7, 3)).astype(np.float32)
KEY = "vectors-1"


def made() -> Generator[np.ndarray]:
    yield ROWS[:4]
    yield ROWS[4:]


def never() -> Generator[np.ndarray]:
    raise AssertionError("made again")
    yield ROWS


def store(tmp_path: Path) -> VectorStore:
    return VectorStore(str(tmp_path / "cache"))


def test_they_are_made_once_and_read_only(tmp_path: Path) -> None:
    first = store(tmp_path).opened(KEY, 7, made)
    again = store(tmp_path).opened(KEY, 7, never)
    assert np.array_equal(first.rows, ROWS)
    assert np.array_equal(again.rows, ROWS)
    assert isinstance(again.rows, np.memmap)
    assert first.fingerprint == again.fingerprint
    with pytest.raises(ValueError, match="read-only"):
        again.rows[0] = 0


def test_rows_before_them_come_first(tmp_path: Path) -> None:
    found = store(tmp_path).opened(KEY, 7, made, first=-ROWS[:2])
    assert np.array_equal(found.rows, np.concatenate([-ROWS[:2], ROWS]))


def test_nobody_else_may_read_them(tmp_path: Path) -> None:
    path = store(tmp_path).opened(KEY, 7, made).path
    for place, mode in ((path, 0o600), (path.parent, 0o700), (path.parent.parent, 0o700)):
        assert stat.S_IMODE(place.stat().st_mode) & ~mode == 0, place


@pytest.mark.parametrize("damage", ["a bit", "the end", "the file"])
def test_damaged_ones_are_made_anew_and_that_is_said(tmp_path: Path, damage: str) -> None:
    kept = store(tmp_path)
    path = kept.opened(KEY, 7, made).path
    content = bytearray(path.read_bytes())
    content[-5] ^= 16
    if damage == "the file":
        path.unlink()
    else:
        path.write_bytes(content if damage == "a bit" else content[:-8])
    assert np.array_equal(kept.opened(KEY, 7, made).rows, ROWS)
    said = " ".join(kept.notes)
    assert damage != "a bit" or ("were damaged" in said and KEY in said)
    assert np.array_equal(store(tmp_path).opened(KEY, 7, never).rows, ROWS)


def test_an_entry_of_another_length_is_made_anew(tmp_path: Path) -> None:
    store(tmp_path).opened(KEY, 7, made)
    with pytest.raises(ValueError, match="8 vectors were to be made, but 7 were"):
        store(tmp_path).opened(KEY, 8, made)


def test_a_whole_entry_of_another_name_is_not_taken_for_this_one(tmp_path: Path) -> None:
    other = store(tmp_path).opened("other-32-" + "0" * 20, 7, lambda: (rows + 1 for rows in made()))
    shutil.copytree(other.path.parent, other.path.parent.with_name(KEY))
    assert np.array_equal(store(tmp_path).opened(KEY, 7, made).rows, ROWS)
    assert np.array_equal(store(tmp_path).opened(KEY, 7, never).rows, ROWS)


def test_a_stop_in_the_middle_leaves_nothing(tmp_path: Path) -> None:
    ended = []

    def stopped() -> Generator[np.ndarray]:
        try:
            yield ROWS[:4]
            raise KeyboardInterrupt
        finally:
            ended.append(True)

    with pytest.raises(KeyboardInterrupt):
        store(tmp_path).opened(KEY, 7, stopped)
    assert ended == [True]
    assert list((tmp_path / "cache").iterdir()) == []
    assert np.array_equal(store(tmp_path).opened(KEY, 7, made).rows, ROWS)


def test_two_at_once_both_have_them(tmp_path: Path) -> None:
    both = threading.Barrier(2, timeout=60)

    def together() -> Generator[np.ndarray]:
        yield ROWS[:4]
        both.wait()
        yield ROWS[4:]

    with ThreadPoolExecutor(2) as threads:
        asked = [threads.submit(store(tmp_path).opened, KEY, 7, together) for _ in range(2)]
        for found in asked:
            assert np.array_equal(found.result().rows, ROWS)
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [KEY]


def test_the_name_follows_from_all_that_settles_the_numbers_and_from_nothing_else() -> None:
    spec = frozen_spec("smote", weights="imagenet", mean=0.4)
    looks = Looks(plan_of((0, 1, 0.5), (2, 2, 0.0)))
    views = Views(2, "rotate_flip", 1.0, (), (3, 4))
    changes: list[dict[str, Any]] = [
        {"weights": "sha256:1"},
        {"network": "frozen:resnet50"},
        {"mean": 0.5},
        {"std": (0.5, 0.4, 0.3)},
        {"precision": "bfloat16"},
        {"data": "other"},
        {"image_size": 32},
    ]
    names = [key_of(spec, "cpu"), key_of(spec, "cuda"), key_of(spec, "cpu", looks)]
    names += [key_of(replace(spec, **change), "cpu") for change in changes]
    names += [
        key_of(spec, "cpu", Looks(plan_of((0, 1, 0.25), (2, 2, 0.0)))),
        key_of(spec, "cpu", Looks(looks.plan, views)),
    ]
    for change in ({"count": 3}, {"augmentation": "film"}, {"strength": 0.5}, {"counts": (4, 3)}):
        names.append(key_of(spec, "cpu", Looks(looks.plan, replace(views, **change))))  # type: ignore[arg-type]
    assert len(set(names)) == len(names)
    same = replace(spec, technique="baseline", parameters={}, seed=9, lr=0.1, epochs=7, hidden=8, split="other")
    assert key_of(same, "cpu") == names[0]
    assert names[0].startswith("resnet18-features-16-")


def test_what_another_folder_has_is_taken_from_there_and_nothing_is_written_to_it(tmp_path: Path) -> None:
    kept = store(tmp_path).opened(KEY, 7, made)
    own = VectorStore(str(tmp_path / "own"), also=str(tmp_path / "cache"))
    assert own.opened(KEY, 7, never).path == kept.path
    assert not (tmp_path / "own").exists()
    assert own.opened("vectors-2", 7, made).path.is_relative_to(tmp_path / "own")
    content = bytearray(kept.path.read_bytes())
    content[-5] ^= 16
    kept.path.write_bytes(content)
    assert own.opened(KEY, 7, made).path.is_relative_to(tmp_path / "own")
    assert "are damaged" in own.notes[0]
    assert kept.path.read_bytes() == content
    assert np.array_equal(own.opened(KEY, 7, never).rows, ROWS)
