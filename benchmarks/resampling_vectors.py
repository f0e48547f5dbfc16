"""Plans of vectors, as a network's features are, against imbalanced-learn's: ``benchmarks.resampling --vectors``."""

from __future__ import annotations

import importlib
import statistics
import time
from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks.common import in_fresh_process, load, seconds, show, times

# Those that learn a model of the values, which takes most of their time, and two that do not.
COMPARED = ("kmeans_smote", "svm_smote", "smote", "smote_enn")
DIMENSIONS = 512
SEED = 42
_MODULE = "benchmarks.resampling_vectors"


def vectors_table(size: int, repeats: int, most: int | None) -> None:
    """Prints what plans of vectors cost here and there, one thread, in one process in turn."""
    load(size)
    lines = []
    for name in COMPARED:
        env = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        found = in_fresh_process(_MODULE, "in_turn_of", name, size, most, repeats, env=env).value
        ours, theirs = (statistics.median(found[side]) for side in ("ours", "theirs"))
        equal = f"all {found['rows']:,}" if found["equal"] == found["rows"] else f"{found['equal']:,}"
        lines.append([name, seconds(ours), seconds(theirs), times(theirs / ours), equal])
    show(
        f"Resampling {found['images']:,} vectors of {DIMENSIONS}",
        ["technique", "ours", "theirs", "ratio", "equal rows"],
        lines,
        [f"The process's own seconds, one thread, medians of {repeats} in turn in one process. The vectors are the "
         f"images of {size} x {size} times a random matrix, negative values set to 0. Equal: labels, order, and values "
         "to within 1e-9 of their size."],
    )  # fmt: skip


def vectors_of(pixels: np.ndarray) -> np.ndarray:
    """(N, 512) float32 of (N, ...) uint8 images."""
    flat = pixels.reshape(len(pixels), -1).astype(np.float32) / 255
    weights = np.random.default_rng(0).normal(size=(flat.shape[1], DIMENSIONS)).astype(np.float32)
    found: np.ndarray = np.maximum((flat - flat.mean(axis=0)) @ weights / np.sqrt(flat.shape[1]), 0)
    return found


def in_turn_of(name: str, size: int, most: int | None, repeats: int) -> dict[str, Any]:
    """Both sides' seconds, ours first, and how many rows are equal."""
    from balancing.components.techniques import get_technique
    from balancing.oracles import oracle
    from benchmarks.resampling import training_data

    for module in ("balancing.components.neighbours.mixtures", "sklearn.cluster", "sklearn.svm"):
        importlib.import_module(module)
    data = training_data(size, most)
    data = replace(data, vectors=vectors_of(np.asarray(data.pixels)))
    assert data.vectors is not None
    technique = get_technique(name)
    sampler = oracle(name, {**technique.complete({}), "sampling_strategy": "auto"}, SEED)
    x = data.vectors[data.rows].astype(np.float64)
    found: dict[str, list[float]] = {"ours": [], "theirs": []}
    for _ in range(repeats):
        began = time.process_time()
        plan = technique.build(data, SEED)
        between = time.process_time()
        made, labels = sampler.fit_resample(x, data.train_labels)
        found["ours"].append(between - began)
        found["theirs"].append(time.process_time() - between)
    equal = 0
    if len(plan) == len(made):
        alike = np.isclose(plan.realise(data.vectors), made, rtol=1e-9, atol=1e-9).all(axis=1)
        equal = int((alike & (plan.labels == labels)).sum())
    return {**found, "equal": equal, "rows": len(made), "images": len(data.rows)}
