"""Rates of one core that the model of larger runs takes: decoding files of the real sets' kind, and neighbours."""

from __future__ import annotations

import io
import time

import numpy as np
from PIL import Image

from balancing.data.pixels.decoding import decode
from benchmarks.common import load

# Width and height, format, quality, and the noise (grey levels) that makes a file as large as the set's are: 0.4 MB
# (42 GB / 112,120) and 1.5 MB (570 GB / 377,110).
_FILES = {
    "decoding 1024 x 1024 PNG, as NIH's": ((1024, 1024), "PNG", {}, 1.0),
    "decoding 2544 x 3056 JPEG, as MIMIC's": ((2544, 3056), "JPEG", {"quality": 95}, 2.0),
}


def decoding(n_images: int = 8, repeats: int = 3) -> dict[str, float]:
    """Images a second to 224 x 224, one thread, the best of some repeats; by what is decoded."""
    rng = np.random.default_rng(0)
    pixels = load(224).pixels
    chosen = pixels[np.linspace(0, len(pixels) - 1, n_images).astype(int)]
    found = {}
    for name, (size, format, options, noise) in _FILES.items():
        files = []
        for image in chosen:
            grey = image if image.ndim == 2 else image[:, :, 0]
            large = np.asarray(Image.fromarray(grey).resize(size, Image.Resampling.BICUBIC), dtype=np.float32)
            noisy = np.clip(large + rng.normal(0, noise, large.shape), 0, 255).astype(np.uint8)
            buffer = io.BytesIO()
            Image.fromarray(noisy).save(buffer, format, **options)
            files.append(buffer.getvalue())
        took = []
        for _ in range(repeats):
            began = time.perf_counter()
            for content in files:
                decode(content, 224)
            took.append(time.perf_counter() - began)
        found[f"{name} ({np.mean([len(f) for f in files]) / 1e6:.1f} MB)"] = n_images / min(took)
    return found


def neighbours(n_queries: int = 939, n_pool: int = 4000, repeats: int = 2) -> float:
    """Operations a second, two for each product of pixels, of an exact neighbour search with one thread."""
    import torch

    from balancing.components.neighbours.search import nearest_neighbours

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        pixels = np.random.default_rng(0).integers(0, 256, (n_pool, 224, 224), dtype=np.uint8)
        took = []
        for _ in range(repeats):
            began = time.perf_counter()
            nearest_neighbours(pixels, np.arange(n_queries), np.arange(n_pool), 10)
            took.append(time.perf_counter() - began)
        return 2 * n_queries * n_pool * 224**2 / min(took)
    finally:
        torch.set_num_threads(threads)
