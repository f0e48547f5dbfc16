"""Exact products of images' pixels, in whole numbers, as fast as the processor or GPU multiplies bytes."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

# Shifted pixels lie in -128..127, so a product is at most 2**14: 65536 of them sum to 2**30, which int32 holds.
_FEATURES_PER_BYTE_PRODUCT = 65536
# Every partial sum over 1024 products is a whole number of at most 1024 * 2**14 = 2**24, which float32 holds exactly
# in whatever order it is summed.
_FEATURES_PER_FLOAT_PRODUCT = 1024
_SIGN_BIT = 128
# Rows and features come in multiples of these. cuBLAS asks for more than 16 rows and multiples of 8; 32 is aligned
# too. The CPU's product of one-feature images is wrong (torch 2.14): their transpose looks like a row.
_CUDA_MULTIPLES = (32, 32)
_CPU_MULTIPLES = (1, 2)
_ROWS_PER_PAIRING = 32


def signed(images: torch.Tensor) -> torch.Tensor:
    """Pixels 0..255 as -128..127, in place.

    Args:
        images: (N, F) uint8; overwritten.
    Returns:
        (N, F) int8, the same memory: pixel - 128.
    """
    return images.bitwise_xor_(_SIGN_BIT).view(torch.int8)


def products(images_QF: torch.Tensor, images_PF: torch.Tensor) -> torch.Tensor:
    """Dot products of every image with every other, exact.

    Args:
        images_QF, images_PF: int8, on one device.
    Returns:
        (Q, P) int32 or int64.
    """
    if multiplies_bytes(str(images_QF.device)):
        return _byte_products(images_QF, images_PF, _multiples(images_QF.device))
    return _float_products(images_QF, images_PF)


def squared_norms(images_NF: torch.Tensor) -> torch.Tensor:
    """(N,) int64: each image's product with itself, from (N, F) int8."""
    return paired_products(images_NF, images_NF)


def paired_products(images_NF: torch.Tensor, partners_NF: torch.Tensor) -> torch.Tensor:
    """(N,) int64: the product of each image with the one at the same place, from two times (N, F) int8."""
    if not multiplies_bytes(str(images_NF.device)):
        found = torch.zeros(len(images_NF), dtype=torch.int64, device=images_NF.device)
        for start in range(0, images_NF.shape[1], _FEATURES_PER_FLOAT_PRODUCT):
            part = slice(start, start + _FEATURES_PER_FLOAT_PRODUCT)
            found += (images_NF[:, part].float() * partners_NF[:, part].float()).sum(dim=1).to(torch.int64)
        return found
    # The diagonals of small products: byte products are so fast that the rest of each costs less than widening bytes.
    pairs = zip(images_NF.split(_ROWS_PER_PAIRING), partners_NF.split(_ROWS_PER_PAIRING), strict=True)
    return torch.cat([products(images, partners).diagonal() for images, partners in pairs]).to(torch.int64)


@functools.cache
def multiplies_bytes(device: str) -> bool:
    """Whether bytes are multiplied exactly on this device, tried once per process; if not, floats are.

    ``torch._int_mm`` is private: it may be missing, refuse a shape, or saturate. A CPU without VNNI is not asked, for
    there it is slow where it is right.
    """
    if torch.device(device).type == "cpu" and not getattr(torch.cpu, "_is_vnni_supported", lambda: False)():
        return False
    return _passes_check(device)


def _passes_check(device: str) -> bool:
    """Whether ``_byte_products`` gives whole numbers' products for the largest sums, random bytes and odd sizes."""
    rng = np.random.default_rng(0)
    shapes = ((1, 1, 1), (5, 3, 1), (3, 5, 7), (33, 19, 1025), (3, 2, _FEATURES_PER_BYTE_PRODUCT + 3))
    for n_queries, n_pool, n_features in shapes:
        images_QF = rng.integers(-128, 128, size=(n_queries, n_features), dtype=np.int8)
        images_PF = rng.integers(-128, 128, size=(n_pool, n_features), dtype=np.int8)
        images_QF[:1], images_PF[:1], images_PF[1:2] = -128, -128, 127
        # Large sums that are no round numbers, which floats would round.
        images_QF[1:3] = rng.integers(100, 128, size=images_QF[1:3].shape)
        wanted = images_QF.astype(np.int64) @ images_PF.astype(np.int64).T
        try:
            sent_QF, sent_PF = torch.from_numpy(images_QF).to(device), torch.from_numpy(images_PF).to(device)
            found = _byte_products(sent_QF, sent_PF, _multiples(sent_QF.device)).cpu().numpy()
        except (AttributeError, RuntimeError):
            return False
        if not np.array_equal(found, wanted):
            return False
    return True


def _multiples(device: torch.device) -> tuple[int, int]:
    return _CUDA_MULTIPLES if device.type == "cuda" else _CPU_MULTIPLES


def _byte_products(images_QF: torch.Tensor, images_PF: torch.Tensor, multiples: tuple[int, int]) -> torch.Tensor:
    """(Q, P) int32, or int64 where int32 might overflow."""
    n_features = images_QF.shape[1]
    if n_features <= _FEATURES_PER_BYTE_PRODUCT:
        return _int_mm(images_QF, images_PF, multiples)
    total = torch.zeros(len(images_QF), len(images_PF), dtype=torch.int64, device=images_QF.device)
    for start in range(0, n_features, _FEATURES_PER_BYTE_PRODUCT):
        part = slice(start, start + _FEATURES_PER_BYTE_PRODUCT)
        total += _int_mm(images_QF[:, part].contiguous(), images_PF[:, part].contiguous(), multiples)
    return total


def _int_mm(images_QF: torch.Tensor, images_PF: torch.Tensor, multiples: tuple[int, int]) -> torch.Tensor:
    wide = torch._int_mm(_padded(images_QF, multiples), _padded(images_PF, multiples).T)
    return wide[: len(images_QF), : len(images_PF)]


def _padded(images_NF: torch.Tensor, multiples: tuple[int, int]) -> torch.Tensor:
    """With zeros added, which change no product, up to these multiples; uncopied where it has them already."""
    rows, features = (-size % multiple for size, multiple in zip(images_NF.shape, multiples, strict=True))
    return torch.nn.functional.pad(images_NF, (0, features, 0, rows)) if rows or features else images_NF


def _float_products(images_QF: torch.Tensor, images_PF: torch.Tensor) -> torch.Tensor:
    """(Q, P) int64, over so few features at a time that float32 rounds nothing, and summed in float64."""
    total = torch.zeros(len(images_QF), len(images_PF), dtype=torch.float64, device=images_QF.device)
    with _full_float32():
        for start in range(0, images_QF.shape[1], _FEATURES_PER_FLOAT_PRODUCT):
            part = slice(start, start + _FEATURES_PER_FLOAT_PRODUCT)
            total += images_QF[:, part].float() @ images_PF[:, part].float().T
    return total.to(torch.int64)


@contextmanager
def _full_float32() -> Iterator[None]:
    """Float32 products as such, whatever the process allows its network (TF32, bfloat16, autocast)."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        with torch.autocast("cuda", enabled=False), torch.autocast("cpu", enabled=False):
            yield
    finally:
        torch.set_float32_matmul_precision(before)
