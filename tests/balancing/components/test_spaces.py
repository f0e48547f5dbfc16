"""Neighbours among vectors, and among rows that are mixtures, against those of the rows themselves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import pairwise_distances
from sklearn.neighbors import NearestNeighbors

from balancing.components.axes import TrainingData
from balancing.components.laws.common import make_data
from balancing.components.neighbours import mixtures, real, spaces
from balancing.components.neighbours.mixtures import nearest_rows
from balancing.components.neighbours.real import extreme_distances, nearest_real
from balancing.components.neighbours.search import nearest_neighbours
from balancing.components.neighbours.spaces import PixelSpace, VectorSpace, vector_space
from balancing.components.techniques import get_technique

VECTORS = np.random.default_rng(1).normal(50, 1, size=(70, 9)).astype(np.float32)
ROWS = np.random.default_rng(2).permutation(70)[:60]


def with_vectors(data: TrainingData) -> TrainingData:
    vectors = np.random.default_rng(3).normal(20, 1, size=(len(data.labels), 6)) + data.labels[:, None]
    return replace(data, vectors=vectors.astype(np.float32))


@pytest.mark.parametrize("at_once", [1, 130, 2**21])
def test_neighbours_among_vectors_are_scikit_learn_s(at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(real, "_AT_ONCE", at_once)
    space, queries, pool = VectorSpace(VECTORS, ROWS), ROWS[:25], ROWS[10:]
    found = nearest_real(space, queries, pool, 4)
    machine = NearestNeighbors(n_neighbors=5, algorithm="brute").fit(VECTORS[pool].astype(np.float64))
    wanted = pool[machine.kneighbors(VECTORS[queries].astype(np.float64), return_distance=False)]
    for row, mine, theirs in zip(queries, found, wanted, strict=True):
        np.testing.assert_array_equal(mine, theirs[theirs != row][:4])


def test_vectors_of_whole_numbers_have_the_neighbours_of_pixels_ties_and_all() -> None:
    """Few levels, so that many are equally far: of these the earlier in the pool is nearer."""
    pixels = np.random.default_rng(0).integers(0, 3, size=(70, 4), dtype=np.uint8)
    wanted = nearest_neighbours(pixels, ROWS, ROWS, 12)
    for space in (PixelSpace(pixels), VectorSpace(pixels.astype(np.float32), ROWS)):
        np.testing.assert_array_equal(nearest_real(space, ROWS, ROWS, 12), wanted)


def test_squared_gaps_of_pixels_are_exact_and_of_vectors_those_of_the_rows() -> None:
    """More pairs than are read at a time, some of a row with itself."""
    rng = np.random.default_rng(4)
    pixels = rng.integers(0, 256, size=(70, 5, 7), dtype=np.uint8)
    a, b = rng.choice(ROWS, 100), rng.choice(ROWS, 100)
    flat = pixels.reshape(70, -1).astype(np.int64)
    np.testing.assert_array_equal(PixelSpace(pixels).squared_gaps(a, b), ((flat[a] - flat[b]) ** 2).sum(axis=1))
    wanted = ((VECTORS[a].astype(np.float64) - VECTORS[b]) ** 2).sum(axis=1)
    np.testing.assert_allclose(VectorSpace(VECTORS, ROWS).squared_gaps(a, b), wanted, rtol=1e-9)
    none = np.empty(0, dtype=np.int64)
    assert PixelSpace(pixels).squared_gaps(none, none).shape == (0,)


def test_a_k_that_does_not_fit_is_named() -> None:
    with pytest.raises(ValueError, match=r"k must lie in 1\.\.4, the other rows of the pool, but is 5"):
        nearest_real(VectorSpace(VECTORS, ROWS), ROWS[:2], ROWS[:5], 5)


@pytest.mark.parametrize("at_once", [7, 2**21])
def test_nearest_and_farthest_distances(at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(real, "_AT_ONCE", at_once)
    a, b = ROWS[:20], ROWS[20:]
    distances = np.sort(pairwise_distances(VECTORS[a].astype(np.float64), VECTORS[b].astype(np.float64)), axis=1)
    space = VectorSpace(VECTORS, ROWS)
    np.testing.assert_allclose(extreme_distances(space, a, b, 3, farthest=False), distances[:, :3], rtol=1e-9)
    np.testing.assert_allclose(extreme_distances(space, a, b, 3, farthest=True), distances[:, -3:], rtol=1e-9)


def test_products_of_pixels_are_exact_whatever_the_block(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, size=(9, 40, 41), dtype=np.uint8)
    signed = pixels.reshape(9, -1).astype(np.int64) - 128
    for size in (64 * 2**20, 5000):
        monkeypatch.setattr("balancing.components.neighbours.spaces._BLOCK_BYTES", size)
        space, rows = PixelSpace(pixels), np.array([3, 0, 8, 1])
        np.testing.assert_array_equal(space.products(rows, np.arange(9)), signed[rows] @ signed.T)
        np.testing.assert_array_equal(space.squared_norms(rows), (signed[rows] ** 2).sum(axis=1))


@pytest.mark.parametrize("in_vectors", [False, True])
@pytest.mark.parametrize("at_once", [(1, 1), (700, 300), (2**24, 2**20)])
def test_neighbours_of_mixtures_are_those_of_the_mixtures_made(
    in_vectors: bool, at_once: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mixtures, "_PRODUCTS", at_once[0])
    monkeypatch.setattr(mixtures, "_DISTANCES", at_once[1])
    data = make_data((30, 12, 17), size=8)
    data = with_vectors(data) if in_vectors else data
    plan = get_technique("smote").build(data, 3)
    values = data.vectors if data.vectors is not None else data.pixels
    made = plan.realise(values).reshape(len(plan), -1)
    distances = pairwise_distances(made)
    np.fill_diagonal(distances, np.inf)
    np.testing.assert_array_equal(
        nearest_rows(data.space, plan, data.nearest(data.rows, data.rows, 4)), np.argsort(distances, axis=1)[:, :4]
    )


def test_a_plan_without_mixtures_has_the_neighbours_of_its_rows() -> None:
    data = make_data((20, 12))
    places = np.empty(len(data.labels), dtype=np.int64)
    places[data.rows] = np.arange(len(data.rows))
    nearest = data.nearest(data.rows, data.rows, 3)
    found = nearest_rows(data.space, get_technique("baseline").build(data, 0), nearest)
    np.testing.assert_array_equal(found, places[nearest])


@pytest.mark.parametrize("held", [0, 2**28])
@pytest.mark.parametrize("block", [1, 7, 2048])
def test_products_are_those_of_the_rows_in_blocks_and_held(
    held: int, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spaces, "_PRODUCTS_BYTES", held)
    monkeypatch.setattr(spaces, "_LARGEST_BLOCK", block)
    space = VectorSpace(VECTORS, ROWS)
    centred = VECTORS.astype(np.float64) - VECTORS[ROWS].mean(axis=0, dtype=np.float64)
    for a, b in ((ROWS[:3], ROWS[5:9]), (ROWS, ROWS), (ROWS[7:20], ROWS[:30]), (ROWS[:0], ROWS)):
        np.testing.assert_allclose(space.products(a, b).numpy(), centred[a] @ centred[b].T, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(space.squared_norms(a), (centred[a] ** 2).sum(axis=1), rtol=1e-9)
    assert ("_products_TT" in vars(space)) == bool(held)
    whole = space.products(ROWS, ROWS)
    if held:
        assert bool((whole == whole.T).all()), "each pair is multiplied once"


def test_trials_with_the_same_vectors_share_a_space() -> None:
    found = vector_space(VECTORS, ROWS)
    assert vector_space(VECTORS, ROWS.copy()) is found
    assert vector_space(VECTORS.copy(), ROWS) is found, "as another trial has opened them"
    moved = VECTORS.copy()
    moved[ROWS[0], 0] += 1
    other = vector_space(moved, ROWS)
    assert other is not found
    assert vector_space(moved, ROWS[::-1]) is other, "their order is no matter"
    assert vector_space(moved, ROWS[1:]) is not other


def test_a_matrix_holds_vectors_or_else_pixels() -> None:
    data = make_data((5, 4))
    rows = data.rows[[2, 0]]
    np.testing.assert_array_equal(data.matrix(rows), data.pixels[rows].reshape(2, 36))
    moved = with_vectors(data)
    assert moved.vectors is not None
    np.testing.assert_array_equal(moved.matrix(rows), moved.vectors[rows].astype(np.float64))
    assert data.matrix(rows).dtype == moved.matrix(rows).dtype == np.float64
