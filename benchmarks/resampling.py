"""Our samplers that look at neighbours against imbalanced-learn's: time, peak memory, whether rows are the same.

Both are given the official training split, in fresh processes, in turn. imbalanced-learn is fed as studies feed it:
every pixel as three equal float32 channels, flattened; it needs about 14 GB at 224 pixels. ``--rows`` shows instead how
ours grows with the number of images, ``--vectors`` plans of vectors, as a network's features are. On a machine that has
other work take ``--threads 1 --cpu``.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.common import (
    Measured,
    cores,
    gigabytes,
    in_fresh_process,
    in_turn,
    load,
    median_peak,
    median_seconds,
    peak_bytes,
    seconds,
    show,
    times,
)
from benchmarks.resampling_growth import growth_table
from benchmarks.resampling_vectors import vectors_table

if TYPE_CHECKING:
    from balancing.components.axes import TrainingData

# All of whose time goes into neighbours; the rest take scikit-learn's, or few.
COMPARED = ("smote", "borderline_smote", "adasyn", "smote_tomek", "smote_enn", "nearmiss")
SEED = 42
CHANNELS = 3
GROWTH = (5_000, 20_000, 50_000)
_AT_ONCE = 64
_MODULE = "benchmarks.resampling"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=224, help="side of the images in pixels")
    parser.add_argument("--repeats", type=int, default=3, help="runs of each, of which the median is shown")
    parser.add_argument("--techniques", default=",".join(names()), help="which, with commas between; all by default")
    parser.add_argument("--images", type=int, help="so many of the training images; all by default")
    parser.add_argument("--rows", action="store_true", help="show how a plan's time and memory grow with the images")
    parser.add_argument(
        "--vectors", action="store_true", help="show plans of vectors instead, k-means and SVM ones too"
    )
    parser.add_argument("--threads", type=int, default=cores(), help="of each process; all cores by default")
    parser.add_argument("--cpu", action="store_true", help="count a process's own seconds, of all threads together")
    parser.add_argument("--quick", action="store_true", help="32 pixels, few images, once: does it run?")
    options = parser.parse_args(arguments)
    if options.repeats < 1 or options.size < 8:
        parser.error("--repeats must be 1 or more, --size 8 or more")
    if not set(options.techniques.split(",")) <= set(names()):
        parser.error(f"--techniques are some of {', '.join(names())}")
    size, repeats = (32, 1) if options.quick else (options.size, options.repeats)
    if options.vectors:
        vectors_table(size, repeats, 400 if options.quick else options.images)
    elif options.rows:
        growth_table(names(), size, (300, 600) if options.quick else GROWTH)
    else:
        chosen = options.techniques.split(",")
        how = Way(size, 400 if options.quick else options.images, options.cpu, options.threads)
        comparison_table(chosen, repeats, how)


def names() -> list[str]:
    """The registered techniques that imbalanced-learn has too."""
    from balancing.components.techniques import techniques

    return [technique.name for technique in techniques() if technique.name in COMPARED]


@dataclass(frozen=True)
class Way:
    """How plans are measured.

    Args:
        size: side of the images.
        most: images; None takes all.
        cpu: count the process's own seconds.
        threads: of each process.
    """

    size: int
    most: int | None
    cpu: bool
    threads: int


def comparison_table(chosen: Sequence[str], repeats: int, way: Way) -> None:
    load(way.size)  # decoded before anything is measured
    rows, notes = [], []
    for name in chosen:
        ours_runs, theirs_runs = in_turn(repeats, _measure("ours", name, way), _measure("theirs", name, way))
        ours_seconds, theirs_seconds = median_seconds(ours_runs), median_seconds(theirs_runs)
        ours_peak, theirs_peak = median_peak(ours_runs), median_peak(theirs_runs)
        same = [identical(a.value, b.value) for a, b in zip(ours_runs, theirs_runs, strict=True)]
        rows.append(
            [
                name,
                seconds(ours_seconds),
                seconds(theirs_seconds),
                times(theirs_seconds / ours_seconds),
                gigabytes(ours_peak),
                gigabytes(theirs_peak),
                times(theirs_peak / ours_peak),
                _verdict(min(same), len(theirs_runs[0].value["rows"])),
            ]
        )
        spread = [f"{found.seconds:.2f}" for found in (*ours_runs, *theirs_runs)]
        made = ours_runs[0].value["made"]
        making = (
            f"; making all {made['rows']:,} synthetic images from our plan takes {made['seconds']:.1f} s more, batch "
            "by batch while a trial trains"
        )
        notes.append(
            f"{name}: ours {', '.join(spread[:repeats])} s, theirs {', '.join(spread[repeats:])} s"
            f"{making if made['rows'] else ''}."
        )
    counts = ours_runs[0].value["counts"]
    show(
        f"Resampling {sum(counts):,} images ({' + '.join(f'{n:,}' for n in counts)}) of {way.size} x {way.size}",
        ["technique", "ours", "theirs", "ratio", "our peak", "their peak", "ratio", "identical rows"],
        rows,
        [
            f"Seconds of the {'process itself' if way.cpu else 'call alone'}, imports and reading excluded, median of "
            f"{repeats}; the most memory that the process held in RAM until the call returned, its data, mapped pages "
            f"and imports included; {way.threads} threads each. Ours returns a plan (which rows, which weights), "
            "imbalanced-learn the rows.",
            "identical rows: the plan realised in float64 and rounded to float32 once, which is how imbalanced-learn "
            "computes, hashed row by row (every value of all three channels, and the label) and compared in order.",
            *notes,
        ],
    )


def _measure(function: str, name: str, way: Way) -> Callable[[], Measured]:
    def run() -> Measured:
        env = {"OMP_NUM_THREADS": str(way.threads), "OPENBLAS_NUM_THREADS": str(way.threads)}
        found = in_fresh_process(_MODULE, function, name, way.size, way.most, way.cpu, env=env)
        # Not the whole process's: hashing comes after the call.
        return replace(found, peak=found.value["peak"])

    return run


def _verdict(same: int, n: int) -> str:
    return f"all {n:,}" if same == n else f"{same:,} of {n:,}"


def identical(ours: dict[str, Any], theirs: dict[str, Any]) -> int:
    """How many rows have equal values and labels, place by place; none where their numbers differ."""
    if len(ours["rows"]) != len(theirs["rows"]) or not theirs["channels_equal"]:
        return 0
    return sum(a == b for a, b in zip(ours["rows"], theirs["rows"], strict=True))


def training_data(size: int, most: int | None) -> TrainingData:
    """The official training split.

    Args:
        size: side of the images.
        most: images, evenly from the whole; None takes all.
    """
    from balancing.components.axes import TrainingData

    images = load(size)
    rows = np.flatnonzero(images.splits == "train")
    if most is not None:
        rows = rows[np.linspace(0, len(rows) - 1, min(most, len(rows))).astype(np.int64)]
    return TrainingData(images.pixels, images.labels, rows, images.n_classes, images.class_names)


def ours(name: str, size: int, most: int | None, cpu: bool = False) -> dict[str, Any]:
    """Makes our plan; then each of its rows, to be hashed."""
    from balancing.components.techniques import get_technique

    _import_torch()
    data = training_data(size, most)
    build, clock = get_technique(name).build, time.process_time if cpu else time.perf_counter
    began = clock()
    plan = build(data, SEED)
    took, peak = clock() - began, peak_bytes()

    hashes: list[str] = []
    making = 0.0
    for start in range(0, len(plan), _AT_ONCE):
        rows = slice(start, start + _AT_ONCE)
        began = time.perf_counter()
        made = plan.realise(data.pixels, rows)
        making += (time.perf_counter() - began) * plan.synthetic[rows].mean()
        hashes += _hashes(made.astype(np.float32), plan.labels[rows])
    return {
        "seconds": took,
        "peak": peak,
        "rows": hashes,
        "counts": data.class_counts.tolist(),
        "made": {"rows": int(plan.synthetic.sum()), "seconds": making},
    }


def theirs(name: str, size: int, most: int | None, cpu: bool = False) -> dict[str, Any]:
    """imbalanced-learn's ``fit_resample`` of the same images; then each of its rows is hashed."""
    from balancing.components.techniques import get_technique
    from balancing.oracles import oracle

    data = training_data(size, most)
    n_pixels = int(np.prod(data.pixels.shape[1:3]))
    x = np.empty((len(data.rows), n_pixels, CHANNELS), dtype=np.float32)
    for i, row in enumerate(data.rows):
        x[i] = data.pixels[row].reshape(n_pixels, -1)
    sampler = oracle(name, {**get_technique(name).complete({}), "sampling_strategy": "auto"}, SEED)
    flat, labels = x.reshape(len(x), -1), data.train_labels
    clock = time.process_time if cpu else time.perf_counter
    began = clock()
    made, made_labels = sampler.fit_resample(flat, labels)
    took, peak = clock() - began, peak_bytes()

    grey = data.pixels.ndim == 3
    hashes: list[str] = []
    channels_equal = True
    for start in range(0, len(made), _AT_ONCE):
        part = made[start : start + _AT_ONCE].reshape(-1, n_pixels, CHANNELS)
        if grey:
            # Bit by bit, so that one channel's hash speaks for all three.
            bits = part.view(np.uint32)
            channels_equal &= bool((bits == bits[..., :1]).all())
            part = np.ascontiguousarray(part[..., 0])
        hashes += _hashes(part, made_labels[start : start + _AT_ONCE])
    return {"seconds": took, "peak": peak, "rows": hashes, "channels_equal": channels_equal}


def _hashes(images: np.ndarray, labels: np.ndarray) -> list[str]:
    return [
        hashlib.blake2b(image.tobytes() + int(label).to_bytes(8, "little"), digest_size=12).hexdigest()
        for image, label in zip(images, labels, strict=True)
    ]


def _import_torch() -> None:
    """A plan's first search would import it, and what searches; imbalanced-learn's are imported before its call too."""
    for name in ("balancing.components.neighbours.search", "balancing.components.neighbours.mixtures", "numpy.random"):
        importlib.import_module(name)


if __name__ == "__main__":
    main()
