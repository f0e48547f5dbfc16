"""Images that are (nearly) the same: equal bytes, or another file of the same picture.

Near duplicates are found in three steps, each dearer and stricter than the one before: a perceptual hash names
candidates, their thumbnails must correlate almost perfectly, and so must what is finer than any layout.

The limits were chosen on 5,856 chest X-rays of 224 x 224 pixels (17 million pairs), which all look alike. Thumbnails
of two different radiographs correlate by 0.975 at most (0.981 where images are stored at 32 x 32), and of the 300 pairs
most alike the detail correlates by 0.55 at most (0.83 at 32 x 32): the limits name no pair there but the 34
byte-identical ones. Of copies made on purpose, more than 97 of 100 pass that were recompressed (JPEG, quality 10), scaled
down to 64 pixels, made noisier, brighter or flatter. Some are missed when cropped by 1 % or turned by 1 degree, most
when cropped or turned by more, shifted, or marked with a letter.
"""

from __future__ import annotations

from collections import defaultdict

import numpy as np

MOST_BITS = 8
LEAST_CORRELATION = 0.985
LEAST_DETAIL = 0.6
# No two different radiographs come near this; recompressed, brightened and flattened copies lie above it.
COPY_DETAIL = 0.9
# Where more pairs than these look the same when small, it is the kind of image (a disc on black), not copies.
MOST_PAIRS = 10_000
_SIDE = 32
_WAVES = 8
_AT_ONCE = 8192  # candidates whose thumbnails are gathered together: 64 MB


def exact_groups(sha256: np.ndarray) -> list[np.ndarray]:
    """Rows of each group of images with equal bytes, two or more, in order of their first row.

    Args:
        sha256: (N,) str.
    """
    rows = defaultdict(list)
    for row, digest in enumerate(sha256.tolist()):
        rows[digest].append(row)
    return [np.array(group) for group in rows.values() if len(group) > 1]


def thumbnails(pixels: np.ndarray, block: int = 64) -> tuple[np.ndarray, np.ndarray]:
    """Each image as 32 x 32 means of its parts, grey, mean 0 and length 1; and which images show one colour alone.

    Args:
        pixels: (N, H, W) or (N, H, W, 3) uint8, H and W in 8..2048; may be memory-mapped, it is read once in blocks.
        block: images read at once.
    Returns:
        (N, K) float32 with K = min(32, H, W) ** 2, all 0 where an image has no contrast at that size; and (N,) bool,
        True where all pixels are equal.
    """
    n, height, width = pixels.shape[:3]
    side = min(_SIDE, height, width)
    rows = np.linspace(0, height, side + 1).astype(int)
    columns = np.linspace(0, width, side + 1).astype(int)
    area = np.outer(np.diff(rows), np.diff(columns)).astype(np.float32)
    found = np.zeros((n, side * side), dtype=np.float32)
    constant = np.zeros(n, dtype=bool)
    for start in range(0, n, block):
        part = np.asarray(pixels[start : start + block])
        constant[start : start + block] = (part == part[:, :1, :1]).reshape(len(part), -1).all(axis=1)
        # Whole numbers, so that nothing is rounded and no float copy of the pixels is made; 256 rows fit 16 bits.
        bands = np.add.reduceat(part, rows[:-1], axis=1, dtype=np.uint16)
        sums = np.add.reduceat(bands, columns[:-1], axis=2, dtype=np.uint32)
        grey = sums.mean(axis=3) if sums.ndim == 4 else sums
        small = (grey / area).astype(np.float32).reshape(len(part), -1)
        small -= small.mean(axis=1, keepdims=True)
        length = np.linalg.norm(small, axis=1, keepdims=True)
        np.divide(small, length, out=found[start : start + block], where=length > 1e-3)
    return found, constant


def perceptual_hash(thumbnails_NK: np.ndarray) -> np.ndarray:
    """64 bits an image: whether each of its coarsest 8 x 8 cosine waves but the mean is above their median.

    Args:
        thumbnails_NK: as ``thumbnails`` gives them.
    Returns:
        (N,) uint64.
    Reference: Zauner, Implementation and Benchmarking of Perceptual Image Hash Functions, 2010 (pHash).
    """
    from scipy.fft import dctn

    side = round(thumbnails_NK.shape[1] ** 0.5)
    waves = dctn(thumbnails_NK.reshape(-1, side, side), axes=(1, 2), norm="ortho")[:, :_WAVES, :_WAVES]
    flat = waves.reshape(len(waves), _WAVES * _WAVES)
    bits = flat > np.median(flat[:, 1:], axis=1, keepdims=True)
    bits[:, 0] = False
    return np.packbits(bits, axis=1).view(np.uint64).reshape(-1)


def near_pairs(
    thumbnails_NK: np.ndarray, *, most_pairs: int = MOST_PAIRS, block: tuple[int, int] = (256, 8192)
) -> tuple[np.ndarray, bool]:
    """Pairs of rows that look the same when small; rows without contrast are left out.

    Every two hashes are compared, in blocks that fit a processor's cache.

    Args:
        thumbnails_NK: (N, K) float32, as ``thumbnails`` gives them.
        most_pairs: where to stop.
        block: how many hashes are compared with how many at once.
    Returns:
        (P, 2) int64, first row < second, sorted; and whether these are all (False: the search stopped).
    """
    plain = ~thumbnails_NK.any(axis=1)
    hashes = perceptual_hash(thumbnails_NK)
    found, total = [np.empty((0, 2), dtype=np.int64)], 0
    for top in range(0, len(hashes), block[0]):
        for left in range(top, len(hashes), block[1]):
            apart = np.bitwise_count(hashes[top : top + block[0], None] ^ hashes[None, left : left + block[1]])
            pairs = np.argwhere(apart <= MOST_BITS) + (top, left)
            pairs = pairs[(pairs[:, 0] < pairs[:, 1]) & ~plain[pairs].any(axis=1)]
            for start in range(0, len(pairs), _AT_ONCE):
                some = pairs[start : start + _AT_ONCE]
                alike = np.einsum("pk,pk->p", thumbnails_NK[some[:, 0]], thumbnails_NK[some[:, 1]])
                found.append(some[alike >= LEAST_CORRELATION])
                total += len(found[-1])
                if total > most_pairs:
                    return _sorted(np.concatenate(found))[:most_pairs], False
    return _sorted(np.concatenate(found)), True


def _sorted(pairs: np.ndarray) -> np.ndarray:
    return pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]


def detail_correlation(pixels: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """How far two images agree in what is finer than 1/16 of their side: each minus its local mean, correlated.

    Images of one kind share a layout (a disc on black, lungs between arms); copies share the detail too.

    Args:
        pixels: (N, H, W) or (N, H, W, 3) uint8; may be memory-mapped, only the rows named are read.
        pairs: (P, 2) int, rows.
    Returns:
        (P,) float64 in [-1, 1]; 0 where an image has no detail.
    """
    from scipy.ndimage import uniform_filter

    window = max(3, min(pixels.shape[1:3]) // 16)

    def detail(row: int) -> np.ndarray:
        image = np.asarray(pixels[row], dtype=np.float64)
        grey = image.mean(axis=2) if image.ndim == 3 else image
        fine: np.ndarray = (grey - uniform_filter(grey, window)).ravel()
        fine -= fine.mean()
        length = float(np.linalg.norm(fine))
        return fine / length if length > 1e-6 else np.zeros_like(fine)

    found, last = np.zeros(len(pairs)), (-1, np.zeros(0))
    for i, (first, second) in enumerate(pairs.tolist()):
        if first != last[0]:  # pairs come sorted by their first row
            last = (first, detail(first))
        found[i] = last[1] @ detail(second)
    return found


def grouped(pairs: np.ndarray) -> list[np.ndarray]:
    """Rows joined by pairs, directly or through others; each group sorted, groups by their first row.

    Args:
        pairs: (P, 2) int.
    """
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
