"""The model's makespan against a measured one, on simulated nodes."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from benchmarks import scale_nodes
from benchmarks.common import seconds, show
from benchmarks.scale_model import list_schedule


def check(modelled: Sequence[float], epochs: Sequence[int], n_nodes: int, best: float, size: int) -> None:
    """Prints the model's makespan against that of sleeping trials on simulated nodes.

    Time is compressed, the start of a worker is not: a trial of some length on every node comes first, so that all
    workers are up before the first short trial ends (what happens otherwise is measured too). The gap and the ramp come
    from a run with other lengths; nothing is fitted to the run that is predicted.

    Args:
        modelled: (trials,) seconds of each trial, in order; scaled here.
        epochs: (trials,) reports of each.
        n_nodes: 2 or more.
        best: seconds that the trials take by list scheduling alone.
        size: bytes of the array that every node gets.
    """
    import ray

    factor = best / list_schedule(modelled, n_nodes).makespan
    lengths = [length * factor for length in modelled]
    first, ones = [10.0 + n_nodes] * n_nodes, [1] * n_nodes
    others = np.random.default_rng(0).uniform(2.0, 4.0, size=3 * n_nodes).tolist()
    began = time.perf_counter()
    with scale_nodes.many_nodes(n_nodes) as nodes:
        up = time.perf_counter() - began
        moved = scale_nodes.time_object(nodes, size)
        larger = scale_nodes.time_object(nodes[:1], scale_nodes.LARGER_BYTES)
        pixels = ray.put(np.zeros(size, dtype=np.uint8))
        known = scale_nodes.sleep_sweep(first + others, [1] * 4 * n_nodes, n_nodes, pixels)
        measured = scale_nodes.sleep_sweep(first + lengths, ones + list(epochs), n_nodes, pixels)
        cold = scale_nodes.sleep_sweep([s / 3 for s in lengths], epochs, n_nodes, pixels)
        empty = scale_nodes.sleep_sweep([0.0] * len(epochs), epochs, n_nodes, pixels)
    _show_check(first, lengths, n_nodes, known, measured, factor)
    alone = list_schedule([s / 3 for s in lengths], n_nodes, ramp=known.ramp, gap=known.gap)
    results = sum(epochs) + len(epochs)
    show(
        f"{n_nodes} Ray nodes of one CPU on this machine",
        ["what", "measured"],
        [
            ["nodes up, one after the other", seconds(up)],
            [f"memory-mapped array of {size / 1e6:.0f} MB into the head's store", _rate(size, moved["put"])],
            ["from there to one node", _rate(size, moved["one"])],
            [f"to {n_nodes - 1} others at once", _rate(size * (n_nodes - 1), moved["others"])],
            [
                f"{scale_nodes.LARGER_BYTES / 1e6:.0f} MB, larger than any store, into the head's: a file on disk",
                f"{_rate(scale_nodes.LARGER_BYTES, larger['put'])}, driver's own memory {larger['heap'] / 1e6:+.0f} MB",
            ],
            ["... and to one node: a file on disk there", _rate(scale_nodes.LARGER_BYTES, larger["one"])],
            ["first trial's start after `fit` is called", seconds(known.startup)],
            ["each further node's first trial later by", seconds(known.ramp)],
            ["between two trials of a node, mean", seconds(known.gap)],
            ["lengths / 3 without a first trial: nodes that ever ran one", f"{cold.n_nodes} of {n_nodes}"],
            ["... first start to last end", f"{seconds(cold.makespan)}, predicted {seconds(alone.makespan)}"],
            [f"{len(epochs)} trials of no length, {results:,} results", seconds(empty.makespan)],
            ["results a second that the driver took", f"{results / empty.makespan:.0f}"],
        ],
        ["All nodes, workers and the driver share this machine's cores; a cluster's don't."],
    )


def _rate(size: float, took: float) -> str:
    return f"{seconds(took)} ({size / took / 1e6:,.0f} MB/s)"


def _show_check(
    first: list[float],
    lengths: list[float],
    n_nodes: int,
    known: scale_nodes.Ran,
    measured: scale_nodes.Ran,
    factor: float,
) -> None:
    whole = first + lengths
    bare = list_schedule(whole, n_nodes)
    full = list_schedule(whole, n_nodes, ramp=known.ramp, gap=known.gap)
    returned = known.startup + full.makespan + known.returned - known.ends.max()
    slept = measured.ends - measured.starts
    busy = slept.sum() / n_nodes / measured.makespan
    rows = [
        ["total / slots", seconds(sum(whole) / n_nodes), "", ""],
        ["list scheduling alone", seconds(bare.makespan), "", ""],
    ]
    for name, predicted, found in (
        ("with gap and ramp: first start to last end", full.makespan, measured.makespan),
        ("call of `fit` to its return", returned, measured.returned),
    ):
        rows.append([name, seconds(predicted), seconds(found), f"{found / predicted - 1:+.1%}"])
    rows.append(["busy", f"{full.efficiency:.0%}", f"{busy:.0%}", ""])
    show(
        f"The model checked: {len(lengths)} trials on {n_nodes} simulated nodes, NIH's lengths times {factor:.2g}",
        ["", "predicted", "measured", "off by"],
        rows,
        [
            f"One trial of {first[0]:g} s a node comes first, in both columns. Predicted with a gap of "
            f"{seconds(known.gap)} and a ramp of {seconds(known.ramp)}, from a run with other lengths. In the run "
            f"itself: gap {seconds(measured.gap)}, ramp {seconds(measured.ramp)}, {measured.n_nodes} nodes used; "
            f"trials slept {slept.sum() / sum(whole) - 1:+.1%} of their lengths."
        ],
    )
