"""Images that are (nearly) the same: equal bytes, or equal to the eye.

Near duplicates are found in two steps: a perceptual hash (signs of an image's coarsest cosine waves) names candidates,
and their thumbnails, each scaled to mean 0 and length 1, must correlate almost perfectly.
"""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from balancing.data.pixels.pooling import pooled

# Chest X-rays all look alike. Of 5,856 (17 million pairs) these limits, and 0.98, name the byte-identical pairs alone.
MOST_BITS = 8
LEAST_CORRELATION = 0.99
_SIDE = 32
_CANDIDATES = 20_000  # of 8 kB
_WAVES = 8


def exact_groups(sha256: np.ndarray) -> list[np.ndarray]:
    """Rows of each group of images with equal bytes, two or more, in order of their first row.

    Args:
        sha256: (N,) str.
    """
    rows = defaultdict(list)
    for row, digest in enumerate(sha256.tolist()):
        rows[digest].append(row)
    return [np.array(group) for group in rows.values() if len(group) > 1]


def thumbnails(pixels: np.ndarray, block: int = 512) -> np.ndarray:
    """Each image as 32 x 32 means of its parts, grey, mean 0 and length 1 (all 0 where an image is constant).

    Args:
        pixels: (N, H, W) or (N, H, W, 3) uint8, H and W at least 8; may be memory-mapped, it is read once in blocks.
    Returns:
        (N, 1024) float32.
    """
    n, height, width = pixels.shape[:3]
    side = min(_SIDE, height, width)
    found = np.empty((n, side * side), dtype=np.float32)
    for start in range(0, n, block):
        part = np.asarray(pixels[start : start + block])
        grey = part.mean(axis=3, dtype=np.float32) if part.ndim == 4 else part
        small = pooled(grey, side, np.floor).reshape(len(part), -1)
        small -= small.mean(axis=1, keepdims=True)
        length = np.linalg.norm(small, axis=1, keepdims=True)
        found[start : start + len(part)] = np.divide(small, length, out=np.zeros_like(small), where=length > 1e-3)
    return found


def perceptual_hash(thumbnails_NK: np.ndarray) -> np.ndarray:
    """64 bits an image: whether each of its coarsest 8 x 8 cosine waves but the mean is above their median.

    Args:
        thumbnails_NK: as ``thumbnails`` gives them.
    Returns:
        (N,) uint64.
    Reference: Zauner, Implementation and Benchmarking of Perceptual Image Hash Functions, 2010 (pHash).
    """
    from scipy.fft import dctn

    side = int(np.sqrt(thumbnails_NK.shape[1]))
    waves = dctn(thumbnails_NK.reshape(-1, side, side), axes=(1, 2), norm="ortho")[:, :_WAVES, :_WAVES]
    flat = waves.reshape(len(waves), -1)
    bits = flat > np.median(flat[:, 1:], axis=1, keepdims=True)
    bits[:, 0] = False
    return np.packbits(bits, axis=1).view(np.uint64).reshape(-1)


def near_pairs(thumbnails_NK: np.ndarray, block: int = 1024) -> np.ndarray:
    """Pairs of rows that look the same, constant images left out.

    Args:
        thumbnails_NK: (N, K) float32.
    Returns:
        (P, 2) int64, first row < second.
    """
    hashes = perceptual_hash(thumbnails_NK)
    plain = np.asarray(~thumbnails_NK.any(axis=1))
    found = []
    for start in range(0, len(hashes), block):
        part = hashes[start : start + block, None]
        first, second = np.nonzero(np.bitwise_count(part ^ hashes[None, start:]) <= MOST_BITS)
        first, second = first + start, second + start
        kept = np.flatnonzero((first < second) & ~plain[first] & ~plain[second])
        # A few at a time: where all images look alike, every pair is a candidate.
        for rows in np.array_split(kept, len(kept) // _CANDIDATES + 1):
            ends = first[rows], second[rows]
            alike = np.einsum("pk,pk->p", *(thumbnails_NK[end] for end in ends)) >= LEAST_CORRELATION
            found.append(np.stack([end[alike] for end in ends], axis=1))
    return np.concatenate(found) if found else np.empty((0, 2), dtype=np.int64)


def grouped(pairs: np.ndarray) -> list[np.ndarray]:
    """Rows joined by pairs, directly or through others; each group sorted, groups by their first row."""
    root: dict[int, int] = {}

    def find(row: int) -> int:
        while root.setdefault(row, row) != row:
            root[row] = root[root[row]]
            row = root[row]
        return row

    for first, second in pairs.tolist():
        a, b = sorted((find(first), find(second)))
        root[b] = a
    groups = defaultdict(list)
    for row in root:
        groups[find(row)].append(row)
    return sorted((np.array(sorted(rows)) for rows in groups.values()), key=lambda rows: int(rows[0]))
