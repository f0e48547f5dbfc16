"""A store changes no neighbour and no plan; what it holds is searched for once."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from balancing.components.axes import TrainingData
from balancing.components.laws.common import SEED, assert_same_plan, make_data
from balancing.components.laws.samplers import accepted
from balancing.components.neighbours import store as neighbour_store
from balancing.components.neighbours.real import nearest_real
from balancing.components.neighbours.search import nearest_in_both, nearest_neighbours
from balancing.components.neighbours.spaces import VectorSpace
from balancing.components.neighbours.store import NeighbourStore
from balancing.components.techniques import get_technique, techniques

# Their searches follow from the random state: one image of each class, or clusters.
SEARCH_AMONG_DRAWN_ROWS = ("one_sided_selection", "kmeans_smote")
PIXELS = np.random.default_rng(0).integers(0, 256, size=(60, 5, 5), dtype=np.uint8)
QUERIES, POOL = np.arange(3, 43, 2), np.arange(1, 51)


@pytest.fixture
def searches(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """(queries, pool, k ...) of each search that the store makes."""
    made: list[tuple[int, ...]] = []

    def counting(search: Callable[..., Any]) -> Callable[..., Any]:
        def counted(pixels: np.ndarray, queries: np.ndarray, pool: np.ndarray, *k: int, **where: Any) -> Any:
            made.append((len(queries), len(pool), *k))
            return search(pixels, queries, pool, *k, **where)

        return counted

    monkeypatch.setattr(neighbour_store, "nearest_neighbours", counting(nearest_neighbours))
    monkeypatch.setattr(neighbour_store, "nearest_in_both", counting(nearest_in_both))
    monkeypatch.setattr(neighbour_store, "nearest_real", counting(nearest_real))
    return made


@pytest.fixture(params=["folder", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> NeighbourStore:
    return NeighbourStore(tmp_path / "nearest" if request.param == "folder" else None)


def wanted(k: int) -> np.ndarray:
    return nearest_neighbours(PIXELS, QUERIES, POOL, k)


def test_every_smaller_k_comes_from_one_search(store: NeighbourStore, searches: list[tuple[int, ...]]) -> None:
    for k in (5, 1, 16):
        np.testing.assert_array_equal(store.nearest(PIXELS, QUERIES, POOL, k), wanted(k))
    assert searches == [(20, 50, 16)]
    for k in (30, 17):
        np.testing.assert_array_equal(store.nearest(PIXELS, QUERIES, POOL, k), wanted(k))
    assert searches == [(20, 50, 16), (20, 50, 30)]


def test_other_rows_are_another_search(store: NeighbourStore, searches: list[tuple[int, ...]]) -> None:
    for queries, pool in ((QUERIES, POOL), (QUERIES[:-1], POOL), (QUERIES, POOL[::-1]), (POOL, QUERIES)):
        found = store.nearest(PIXELS, queries, pool, 4)
        np.testing.assert_array_equal(found, nearest_neighbours(PIXELS, queries, pool, 4))
    assert len(searches) == 4


def test_a_small_pool_gives_what_it_has(store: NeighbourStore, searches: list[tuple[int, ...]]) -> None:
    rows = np.arange(6)
    np.testing.assert_array_equal(store.nearest(PIXELS, rows, rows, 2), nearest_neighbours(PIXELS, rows, rows, 2))
    assert searches == [(6, 6, 5)]
    for k in (0, 6):
        with pytest.raises(ValueError, match=rf"k must lie in 1\.\.5, .* but is {k}"):
            store.nearest(PIXELS, rows, rows, k)


def test_both_searches_share_their_entries_with_single_ones(
    store: NeighbourStore, searches: list[tuple[int, ...]]
) -> None:
    in_pool, among = store.nearest_in_both(PIXELS, QUERIES, POOL, 7, 3)
    np.testing.assert_array_equal(in_pool, wanted(7))
    np.testing.assert_array_equal(among, nearest_neighbours(PIXELS, QUERIES, QUERIES, 3))
    assert searches == [(20, 50, 16, 16)]
    store.nearest(PIXELS, QUERIES, POOL, 16)
    store.nearest(PIXELS, QUERIES, QUERIES, 9)
    store.nearest_in_both(PIXELS, QUERIES, POOL, 16, 16)
    assert len(searches) == 1


def test_only_what_is_missing_of_both_is_searched(store: NeighbourStore, searches: list[tuple[int, ...]]) -> None:
    store.nearest(PIXELS, QUERIES, QUERIES, 3)
    in_pool, among = store.nearest_in_both(PIXELS, QUERIES, POOL, 7, 3)
    np.testing.assert_array_equal(in_pool, wanted(7))
    np.testing.assert_array_equal(among, nearest_neighbours(PIXELS, QUERIES, QUERIES, 3))
    assert searches == [(20, 20, 16), (20, 50, 16)]


@pytest.mark.parametrize("name", [technique.name for technique in techniques() if technique.axes == ("sampler",)])
def test_plans_are_the_same_with_a_store_and_search_no_more(
    name: str, store: NeighbourStore, searches: list[tuple[int, ...]]
) -> None:
    technique = get_technique(name)
    (component,) = technique.parts
    # Classes that can be told apart, where a sampler may refuse others; the seed of what is tried is that of the laws.
    data = make_data((40, 16, 22), apart=26 if component.refuses == "while building" else 3)
    tried = accepted(component, data)
    stored = replace(data, neighbours=store)
    for parameters in tried:
        once, again = (technique.build(given, SEED, **parameters) for given in (data, stored))
        assert_same_plan(once, again)
    before = len(searches)
    for random_state in (SEED,) if name in SEARCH_AMONG_DRAWN_ROWS else (SEED, 0, 1):
        for parameters in tried:
            technique.build(stored, random_state, **parameters)
    assert len(searches) == before


def test_smote_and_borderline_smote_share_the_search_within_a_class(
    store: NeighbourStore, searches: list[tuple[int, ...]]
) -> None:
    data: TrainingData = replace(make_data((40, 20)), neighbours=store)
    get_technique("borderline_smote").build(data, 0)
    get_technique("smote").build(data, 0)
    assert searches == [(20, 60, 16, 16)]


def test_another_process_finds_what_one_has_kept(tmp_path: Path, searches: list[tuple[int, ...]]) -> None:
    for _ in range(2):
        np.testing.assert_array_equal(NeighbourStore(tmp_path).nearest(PIXELS, QUERIES, POOL, 4), wanted(4))
    assert len(searches) == 1
    assert [file.suffix for file in tmp_path.iterdir()] == [".npy"]


@pytest.mark.parametrize("damage", ["short", "empty", "text", "other rows", "other shape", "other type", "pickle"])
def test_a_damaged_file_is_made_anew(damage: str, tmp_path: Path, searches: list[tuple[int, ...]]) -> None:
    NeighbourStore(tmp_path).nearest(PIXELS, QUERIES, POOL, 4)
    file = next(tmp_path.iterdir())
    whole, found = file.read_bytes(), np.load(file)
    if damage in ("short", "empty", "text"):
        file.write_bytes({"short": whole[:-3], "empty": b"", "text": b"no array"}[damage])
    elif damage == "pickle":
        np.save(file, found.astype(object), allow_pickle=True)
    else:
        np.save(file, {"other rows": found + 55, "other shape": found[:-1], "other type": found * 1.0}[damage])
    np.testing.assert_array_equal(NeighbourStore(tmp_path).nearest(PIXELS, QUERIES, POOL, 4), wanted(4))
    assert len(searches) == 2
    assert file.read_bytes() == whole


def test_processes_that_search_at_once_do_no_harm(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        ks = [1 + i % 20 for i in range(40)]
        found = list(threads.map(lambda k: NeighbourStore(tmp_path).nearest(PIXELS, QUERIES, POOL, k), ks))
    for k, nearest in zip(ks, found, strict=True):
        np.testing.assert_array_equal(nearest, wanted(k))
    assert len(list(tmp_path.iterdir())) == 1


def test_a_folder_that_cannot_be_made_costs_a_search_only(tmp_path: Path, searches: list[tuple[int, ...]]) -> None:
    (tmp_path / "file").write_text("in the way")
    for _ in range(2):
        store = NeighbourStore(tmp_path / "file" / "nearest")
        np.testing.assert_array_equal(store.nearest(PIXELS, QUERIES, POOL, 4), wanted(4))
    assert len(searches) == 2


VECTORS = np.random.default_rng(5).normal(size=(60, 7)).astype(np.float32)


def test_neighbours_of_vectors_are_searched_for_once_too(
    store: NeighbourStore, searches: list[tuple[int, ...]]
) -> None:
    space = VectorSpace(VECTORS, POOL)
    for k in (5, 1, 16):
        found = store.nearest_vectors(space, POOL[:20], POOL, k)
        np.testing.assert_array_equal(found, nearest_real(space, POOL[:20], POOL, k))
    assert searches == [(20, 50, 16)]


@pytest.mark.parametrize("changed", ["vectors", "rows", "type", "pixels"])
def test_other_vectors_or_rows_are_another_search(
    changed: str, store: NeighbourStore, searches: list[tuple[int, ...]]
) -> None:
    """Pixels of the same shape, too: one folder holds both."""
    store.nearest_vectors(VectorSpace(VECTORS, POOL), POOL, POOL, 4)
    other, rows = VECTORS.copy(), POOL
    other[7] += np.float32(1e-6)
    if changed == "pixels":
        pixels = np.random.default_rng(6).integers(0, 256, size=(60, 7), dtype=np.uint8)
        found, wanted = store.nearest(pixels, POOL, POOL, 4), nearest_neighbours(pixels, POOL, POOL, 4)
    else:
        vectors = {"vectors": other, "rows": VECTORS, "type": VECTORS.astype(np.float64)}[changed]
        rows = POOL[:-1] if changed == "rows" else POOL
        space = VectorSpace(vectors, rows)
        found, wanted = store.nearest_vectors(space, rows, rows, 4), nearest_real(space, rows, rows, 4)
    np.testing.assert_array_equal(found, wanted)
    assert len(searches) == 2


def test_what_other_rows_hold_is_no_other_search(store: NeighbourStore, searches: list[tuple[int, ...]]) -> None:
    other = VECTORS.copy()
    other[51:] = np.nan
    for vectors in (VECTORS, other):
        store.nearest_vectors(VectorSpace(vectors, POOL), POOL, POOL, 4)
    assert len(searches) == 1


def in_features(**more: Any) -> TrainingData:
    data = make_data((40, 16, 22))
    rng = np.random.default_rng(9)
    vectors = rng.normal(size=(len(data.labels), 5)) + 1.2 * data.labels[:, None]
    return replace(data, vectors=vectors.astype(np.float32), **more)


@pytest.mark.parametrize("name", ["smote", "adasyn", "eos", "enn", "nearmiss", "smote_tomek", "svm_smote"])
def test_a_sweep_in_features_searches_once_in_all_its_processes(
    name: str, tmp_path: Path, searches: list[tuple[int, ...]]
) -> None:
    """Each with vectors of its own in memory, as another process has them; support vectors are found once too."""
    technique, made = get_technique(name), 0
    for random_state in range(3):
        data = in_features(neighbours=NeighbourStore(tmp_path))
        assert_same_plan(technique.build(data, random_state), technique.build(in_features(), random_state))
        made = len(searches) if random_state == 0 else made
    assert len(searches) == made
    if name == "svm_smote":
        kept = [file for file in tmp_path.iterdir() if np.load(file).ndim == 1]
        assert len(kept) == 1
        for damaged in (np.array([999]), np.zeros((2, 2), dtype=np.int64), np.array([0.5])):
            np.save(kept[0], damaged)
            data = in_features(neighbours=NeighbourStore(tmp_path))
            assert_same_plan(technique.build(data, 0), technique.build(in_features(), 0))


def test_memory_holds_what_was_asked_for_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the folder's files what is in memory still answers; what would be too much goes, oldest first."""
    monkeypatch.setattr(neighbour_store, "_MEMORY_BYTES", 2 * 20 * 16 * 8)
    store, space = NeighbourStore(tmp_path), VectorSpace(VECTORS, POOL)
    for start in (0, 10, 20):
        store.nearest_vectors(space, POOL[start : start + 20], POOL, 4)
    for file in tmp_path.iterdir():
        file.unlink()
    for start, made_anew in ((20, 0), (10, 0), (0, 1)):
        store.nearest_vectors(space, POOL[start : start + 20], POOL, 4)
        assert len(list(tmp_path.iterdir())) == made_anew
