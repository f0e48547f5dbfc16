"""nearest_neighbours against scikit-learn's brute force, and its exactness where floats would round."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.neighbors import NearestNeighbors

from balancing.components.neighbours.search import nearest_in_both, nearest_neighbours


def random_images(n: int, *shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, size=(n, *shape), dtype=np.uint8)


def by_integers(pixels: np.ndarray, queries: np.ndarray, pool: np.ndarray, k: int) -> np.ndarray:
    """The definition, in whole numbers: order by (distance, place in the pool), the query left out."""
    flat = pixels.reshape(len(pixels), -1).astype(np.int64)
    nearest = []
    for query in queries:
        distances = ((flat[pool] - flat[query]) ** 2).sum(axis=1)
        order = np.argsort(distances, kind="stable")
        nearest.append([row for row in pool[order] if row != query][:k])
    return np.array(nearest)


@pytest.mark.parametrize("shape", [(1, 1), (8, 8), (40, 40), (17, 13, 3)], ids=str)
def test_equals_the_definition(shape: tuple[int, ...]) -> None:
    pixels = random_images(70, *shape)
    pool = np.random.default_rng(1).permutation(70)[:50]
    queries = np.random.default_rng(2).permutation(70)[:30]
    np.testing.assert_array_equal(nearest_neighbours(pixels, queries, pool, 7), by_integers(pixels, queries, pool, 7))


def test_equals_scikit_learn_without_ties() -> None:
    pixels = random_images(120, 24, 24)
    rows = np.arange(120)
    flat = pixels.reshape(120, -1).astype(np.float64)
    wanted = NearestNeighbors(n_neighbors=10, algorithm="brute").fit(flat).kneighbors(flat, return_distance=False)
    np.testing.assert_array_equal(nearest_neighbours(pixels, rows, rows, 9), wanted[:, 1:])


def test_ties_go_to_the_earlier_place_in_the_pool() -> None:
    """Few distances among many images; also for a pool in no order."""
    pixels = random_images(80, 2, 2) // 100
    pool = np.random.default_rng(3).permutation(80)
    for block in (1, 7, 64, 1000):
        found = nearest_neighbours(pixels, np.arange(80), pool, 12, block=block)
        np.testing.assert_array_equal(found, by_integers(pixels, np.arange(80), pool, 12))


def test_a_query_is_never_its_own_neighbour_but_its_twin_is() -> None:
    pixels = random_images(10, 6, 6)
    pixels[7] = pixels[2]
    rows = np.arange(10)
    found = nearest_neighbours(pixels, rows, rows, 9)
    assert (found != rows[:, None]).all()
    assert found[2, 0] == 7
    assert found[7, 0] == 2


def test_distances_that_float32_rounds_are_told_apart() -> None:
    """Two images at squared distances 10**9 and 10**9 + 1, where float32 steps by 64."""
    pixels = np.zeros((3, 224, 224), dtype=np.uint8)
    pixels[1, :100] = 211  # 100 * 224 * 211**2 = 997 270 400
    pixels[2] = pixels[1]
    pixels[2, 223, 223] = 1  # one more
    rows = np.arange(3)
    assert nearest_neighbours(pixels, rows[:1], np.array([2, 1]), 2).tolist() == [[1, 2]]
    assert nearest_neighbours(pixels, rows[:1], rows, 2).tolist() == [[1, 2]]


@pytest.mark.parametrize("values", [(0, 255), (255, 255), (0, 0), (127, 128)], ids=str)
def test_extreme_images_are_exact(values: tuple[int, int]) -> None:
    """The largest sums that the float32 products can reach: images all black and all white."""
    pixels = np.full((6, 64, 64), values[0], dtype=np.uint8)
    pixels[::2] = values[1]
    pixels[np.arange(6), 0, 0] = np.arange(100, 106)
    rows = np.arange(6)
    np.testing.assert_array_equal(nearest_neighbours(pixels, rows, rows, 5), by_integers(pixels, rows, rows, 5))


def test_lowered_precision_and_autocast_change_nothing_and_stay() -> None:
    pixels = random_images(40, 40, 40)
    rows = np.arange(40)
    wanted = nearest_neighbours(pixels, rows, rows, 5)
    before = torch.get_float32_matmul_precision()
    try:
        torch.set_float32_matmul_precision("medium")
        with torch.autocast("cpu", dtype=torch.bfloat16):
            np.testing.assert_array_equal(nearest_neighbours(pixels, rows, rows, 5), wanted)
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision(before)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_gives_the_same() -> None:
    pixels = random_images(90, 40, 40) // 64
    rows = np.arange(90)
    found = nearest_neighbours(pixels, rows, rows, 9, device="cuda", block=32)
    np.testing.assert_array_equal(found, nearest_neighbours(pixels, rows, rows, 9))


def test_only_named_rows_are_read_a_block_at_a_time() -> None:
    class Watched(np.ndarray):
        read: set[int]
        most: int

        def __getitem__(self, rows):  # type: ignore[no-untyped-def]
            raise AssertionError(f"rows {rows} were read, but not into the one buffer")

        def take(self, rows, **where):  # type: ignore[no-untyped-def]
            Watched.read |= set(rows.tolist())
            Watched.most = max(Watched.most, len(rows))
            return np.asarray(self).take(rows, **where)

    Watched.read, Watched.most = set(), 0
    pixels = random_images(30, 4, 4).view(Watched)
    nearest_neighbours(pixels, np.array([3, 5, 7]), np.array([9, 3, 8, 20]), 2, block=2)
    assert Watched.read == {3, 5, 7, 8, 9, 20}
    assert Watched.most == 2


@pytest.mark.parametrize("block", [1, 3, 8, 17, 100, None])
def test_queries_of_which_some_are_in_the_pool_and_some_twice(block: int | None) -> None:
    """Pairs of common rows are met once for both, whatever the blocks; few grey levels, so there are ties."""
    pixels = random_images(90, 3, 3) // 64
    rng = np.random.default_rng(4)
    for n_queries, n_pool in ((60, 80), (80, 25), (5, 90), (90, 12)):
        queries, pool = rng.choice(90, n_queries), rng.permutation(90)[:n_pool]
        found = nearest_neighbours(pixels, queries, pool, 11, block=block)
        np.testing.assert_array_equal(found, by_integers(pixels, queries, pool, 11))


@pytest.mark.parametrize("block", [1, 7, 16, None])
@pytest.mark.parametrize(("k_pool", "k_queries"), [(10, 3), (2, 19), (1, 1), (49, 19)])
def test_one_search_for_both_equals_two(block: int | None, k_pool: int, k_queries: int) -> None:
    pixels = random_images(70, 3, 3) // 50
    pool = np.random.default_rng(5).permutation(70)[:50]
    queries = pool[np.sort(np.random.default_rng(6).permutation(50)[:20])]
    in_pool, among = nearest_in_both(pixels, queries, pool, k_pool, k_queries, block=block)
    np.testing.assert_array_equal(in_pool, by_integers(pixels, queries, pool, k_pool))
    np.testing.assert_array_equal(among, by_integers(pixels, queries, queries, k_queries))
    np.testing.assert_array_equal(in_pool, nearest_neighbours(pixels, queries, pool, k_pool, block=block))


def test_pixels_in_another_order_of_axes() -> None:
    pixels = random_images(12, 4, 4)
    rows = np.arange(12)
    found = nearest_neighbours(np.asfortranarray(pixels), rows, rows, 3)
    np.testing.assert_array_equal(found, nearest_neighbours(pixels, rows, rows, 3))


def test_no_query_gives_no_row() -> None:
    found = nearest_neighbours(random_images(5, 2, 2), np.array([], dtype=np.int64), np.arange(5), 3)
    assert found.shape == (0, 3)
    assert found.dtype == np.int64


def test_mistakes_are_named() -> None:
    pixels, rows = random_images(6, 3, 3), np.arange(6)
    with pytest.raises(ValueError, match=r"k must lie in 1\.\.5, the other images of the pool, but is 6"):
        nearest_neighbours(pixels, rows, rows, 6)
    with pytest.raises(ValueError, match=r"k must lie in 1\.\.5"):
        nearest_neighbours(pixels, rows, rows, 0)
    assert nearest_neighbours(pixels, rows[:1], rows[1:], 5).shape == (1, 5)
    with pytest.raises(ValueError, match="uint8"):
        nearest_neighbours(pixels.astype(np.float32), rows, rows, 2)
    with pytest.raises(ValueError, match="more than once"):
        nearest_neighbours(pixels, rows, np.array([0, 1, 1, 2]), 2)
    with pytest.raises(ValueError, match="block must be at least 1, but is 0"):
        nearest_neighbours(pixels, rows, rows, 2, block=0)
    for beyond in (6, -1):
        with pytest.raises(IndexError, match=r"rows must lie in 0\.\.5"):
            nearest_neighbours(pixels, np.array([0, beyond]), rows, 2)
    for queries in (rows[::-1], np.array([0, 0, 1]), np.array([0, 5])):
        with pytest.raises(ValueError, match="a part of the pool, in its order"):
            nearest_in_both(pixels, queries, rows[:5], 1, 1)
    with pytest.raises(ValueError, match=r"k must lie in 1\.\.1, .* but is 2"):
        nearest_in_both(pixels, rows[:2], rows, 3, 2)
