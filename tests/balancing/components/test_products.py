"""Both ways to multiply pixels give whole numbers' products, and the check that chooses between them sees faults."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch

from balancing.components.neighbours import products as module
from balancing.components.neighbours.products import paired_products, products, signed, squared_norms
from balancing.components.neighbours.search import nearest_neighbours

SHAPES = [(1, 1, 1), (5, 4, 1), (3, 2, 9), (33, 40, 225), (17, 7, 1024), (2, 3, 65536), (3, 2, 65537), (2, 2, 140000)]


@pytest.fixture(autouse=True)
def _fresh_choice() -> Iterator[None]:
    """The choice is made once per process; these tests make it anew."""
    module.multiplies_bytes.cache_clear()
    yield
    module.multiplies_bytes.cache_clear()


@pytest.fixture(params=["bytes", "floats"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "bytes" and not module._passes_check("cpu"):
        pytest.skip("this CPU does not multiply bytes exactly")
    monkeypatch.setattr(module, "multiplies_bytes", lambda device: request.param == "bytes")
    # The fixture above clears the cache of whatever stands here.
    monkeypatch.setattr(module.multiplies_bytes, "cache_clear", lambda: None, raising=False)
    return str(request.param)


def exact(images_QF: torch.Tensor, images_PF: torch.Tensor) -> np.ndarray:
    return images_QF.numpy().astype(np.int64) @ images_PF.numpy().astype(np.int64).T


def random_bytes(n: int, n_features: int, seed: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).integers(-128, 128, (n, n_features), dtype=np.int8))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_random_bytes(way: str, shape: tuple[int, int, int]) -> None:
    n_queries, n_pool, n_features = shape
    images_QF, images_PF = random_bytes(n_queries, n_features, 0), random_bytes(n_pool, n_features, 1)
    np.testing.assert_array_equal(products(images_QF, images_PF).numpy(), exact(images_QF, images_PF))
    np.testing.assert_array_equal(squared_norms(images_QF).numpy(), np.diag(exact(images_QF, images_QF)))


@pytest.mark.parametrize("n_features", [1023, 1024, 1025, 65536, 65537, 2 * 65536 + 5])
def test_largest_and_smallest_sums(way: str, n_features: int) -> None:
    """All black, all white, and each half of the features."""
    images = torch.full((4, n_features), -128, dtype=torch.int8)
    images[1] = 127
    images[2, ::2] = 127
    images[3, : n_features // 2] = 127
    np.testing.assert_array_equal(products(images, images).numpy(), exact(images, images))
    np.testing.assert_array_equal(squared_norms(images).numpy(), np.diag(exact(images, images)))


def test_many_norms(way: str) -> None:
    images = random_bytes(101, 30, 2)
    np.testing.assert_array_equal(squared_norms(images).numpy(), np.diag(exact(images, images)))


def test_each_image_times_the_one_at_its_place(way: str) -> None:
    images, partners = random_bytes(70, 1030, 2), random_bytes(70, 1030, 5)
    np.testing.assert_array_equal(paired_products(images, partners).numpy(), np.diag(exact(images, partners)))


@pytest.mark.parametrize("multiples", [(1, 2), (32, 32), (16, 8)], ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_padding_changes_nothing(shape: tuple[int, int, int], multiples: tuple[int, int]) -> None:
    """What CUDA is given, on the CPU."""
    n_queries, n_pool, n_features = shape
    images_QF, images_PF = random_bytes(n_queries, n_features, 3), random_bytes(n_pool, n_features, 4)
    for images in (images_QF, images_PF):
        assert all(size % m == 0 for size, m in zip(module._padded(images, multiples).shape, multiples, strict=True))
    if module._passes_check("cpu"):
        found = module._byte_products(images_QF, images_PF, multiples)
        np.testing.assert_array_equal(found.numpy(), exact(images_QF, images_PF))


def test_images_of_fitting_size_are_not_copied() -> None:
    images = random_bytes(64, 96, 5)
    assert module._padded(images, (32, 32)) is images


def test_signed_pixels() -> None:
    pixels = torch.arange(256, dtype=torch.uint8).reshape(2, 128)
    shifted = signed(pixels)
    assert shifted.dtype == torch.int8
    assert shifted.flatten().tolist() == list(range(-128, 128))
    assert shifted.data_ptr() == pixels.data_ptr()


def saturating(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Sums of two products kept in 16 bits, as CPUs without VNNI do."""
    whole = torch.zeros(len(a), b.shape[1], dtype=torch.int64)
    for i in range(0, a.shape[1], 2):
        pair = a[:, i : i + 2].long() @ b[i : i + 2].long()
        whole += pair.clamp(-(2**15), 2**15 - 1)
    return whole.to(torch.int32)


def rounding(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return (a.float() @ b.float()).to(torch.int32)


def refusing(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    raise RuntimeError("_int_mm_out_cuda not compiled for this GPU")


@pytest.mark.parametrize("fault", [saturating, rounding, refusing, None])
def test_the_check_sees_a_product_that_is_wrong_or_missing(
    fault: Callable[..., torch.Tensor] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, size=(20, 30, 30), dtype=np.uint8)
    rows = np.arange(20)
    wanted = nearest_neighbours(pixels, rows, rows, 5)
    module.multiplies_bytes.cache_clear()
    if fault is None:
        monkeypatch.delattr(torch, "_int_mm")
    else:
        monkeypatch.setattr(torch, "_int_mm", fault)
    assert not module._passes_check("cpu")
    assert not module.multiplies_bytes("cpu")
    np.testing.assert_array_equal(nearest_neighbours(pixels, rows, rows, 5), wanted)


def test_a_cpu_without_vnni_multiplies_floats(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "_is_vnni_supported", lambda: False, raising=False)
    assert not module.multiplies_bytes("cpu")
    monkeypatch.delattr(torch.cpu, "_is_vnni_supported")
    module.multiplies_bytes.cache_clear()
    assert not module.multiplies_bytes("cpu")


@pytest.mark.parametrize("k", [1, 6])
def test_neighbours_are_the_same_both_ways(way: str, k: int) -> None:
    """Images of more features than one product of bytes takes, with ties."""
    pixels = np.random.default_rng(6).integers(0, 2, size=(12, 260, 260), dtype=np.uint8) * 255
    pixels[5] = pixels[3]
    pixels[7, 0, 0] ^= 1
    flat = pixels.reshape(12, -1).astype(np.int64)
    distances = ((flat[:, None] - flat[None]) ** 2).sum(axis=2)
    np.fill_diagonal(distances, np.iinfo(np.int64).max)
    wanted = np.argsort(distances, axis=1, kind="stable")[:, :k]
    np.testing.assert_array_equal(nearest_neighbours(pixels, np.arange(12), np.arange(12), k, block=5), wanted)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_cuda(shape: tuple[int, int, int]) -> None:
    n_queries, n_pool, n_features = shape
    images_QF, images_PF = random_bytes(n_queries, n_features, 0), random_bytes(n_pool, n_features, 1)
    found = products(images_QF.cuda(), images_PF.cuda()).cpu().numpy()
    np.testing.assert_array_equal(found, exact(images_QF, images_PF))
