"""How a plan's time and memory grow with the number of images: ``python -m benchmarks.resampling --rows``."""

from __future__ import annotations

import importlib
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import anonymous_bytes, cores, gigabytes, in_fresh_process, peak_bytes, seconds, show

_DRAWN = 2_000
_MODULE = "benchmarks.resampling_growth"


def growth_table(names: Sequence[str], size: int, counts: Sequence[int]) -> None:
    """Prints what plans of these techniques cost at each number of images."""
    with tempfile.TemporaryDirectory(prefix="resampling-") as folder:
        path = Path(folder) / "pixels.npy"
        labels = write_many(path, max(counts), size)
        np.save(Path(folder) / "labels.npy", labels)
        rows = []
        for name in names:
            for count in counts:
                found = in_fresh_process(_MODULE, "grown", name, folder, count, env={"OMP_NUM_THREADS": str(cores())})
                value = found.value
                rows.append(
                    [
                        name,
                        f"{count:,}",
                        f"{value['smallest']:,}",
                        seconds(found.seconds),
                        gigabytes(value["pixels"]),
                        gigabytes(value["peak"]),
                        gigabytes(value["anonymous"]),
                    ]
                )
                print(*rows[-1], file=sys.stderr, flush=True)
    show(
        f"A plan's cost by number of images of {size} x {size}, 1 to 3",
        ["technique", "images", "of them rarer", "time", "pixels on disk", "peak", "peak without mapped pages"],
        rows,
        [
            f"{min(max(counts), _DRAWN):,} drawings of the phantom, each in many variants (shifted by a few pixels, "
            "brighter or darker, with noise), memory-mapped. Mapped pages belong to the system's file cache, which "
            "takes them back where memory is short.",
            f"Once each, in a fresh process with {cores()} threads; the call alone is timed.",
        ],
    )


def write_many(path: Path, n: int, size: int) -> np.ndarray:
    """Writes many images cheaply: variants of drawings.

    Args:
        path: the .npy of (n, size, size) uint8 to write.
        n: images.
        size: their side.
    Returns:
        (n,) int64, their classes.
    """
    from balancing.data.phantom import FEWEST, Phantom

    phantom = Phantom(max(FEWEST, min(n, _DRAWN)), size)
    drawn = np.stack(list(phantom.images()))
    rng = np.random.default_rng(0)
    pixels = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=(n, size, size))
    for start in range(0, n, len(drawn)):
        for i in range(start, min(start + len(drawn), n)):
            brightness, down, right = rng.integers(-6, 7, size=3)
            noise = rng.integers(-3, 4, size=(size, size), dtype=np.int8)
            image = np.roll(drawn[i - start], (down, right), axis=(0, 1)).astype(np.int16) + brightness + noise
            pixels[i] = image.clip(0, 255)
    pixels.flush()
    return np.resize(phantom.labels, n)


def grown(name: str, folder: str, count: int) -> dict[str, Any]:
    """One plan for the first ``count`` images written into a folder."""
    from balancing.components.axes import TrainingData
    from balancing.components.techniques import get_technique

    importlib.import_module("balancing.components.neighbours.search")  # torch, which a plan's first search would import
    pixels = np.load(Path(folder) / "pixels.npy", mmap_mode="r")[:count]
    data = TrainingData(pixels, np.load(Path(folder) / "labels.npy")[:count], np.arange(count), 2)
    build = get_technique(name).build
    with _watching_anonymous() as most:
        began = time.perf_counter()
        build(data, 42)
        took = time.perf_counter() - began
    return {
        "seconds": took,
        "peak": peak_bytes(),
        "anonymous": most[0],
        "pixels": pixels.nbytes,
        "smallest": int(data.class_counts.min()),
    }


@contextmanager
def _watching_anonymous() -> Iterator[list[int]]:
    """[bytes]: the most memory without mapped files while it lasts, looked at every 20 ms."""
    most, stop = [anonymous_bytes()], threading.Event()

    def watch() -> None:
        while not stop.wait(0.02):
            most[0] = max(most[0], anonymous_bytes())

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield most
    finally:
        stop.set()
        thread.join()
