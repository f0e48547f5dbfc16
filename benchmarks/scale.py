"""What the `compare` preset's draws take on larger data and more GPUs, and a check of that model on simulated nodes.

Docs and conclusions: docs/scale.md.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence

from benchmarks import scale_rates
from benchmarks.common import gigabytes, show
from benchmarks.scale_check import check
from benchmarks.scale_model import (
    CHEST_XRAYS,
    MIMIC,
    NIH,
    STORE_SHARE,
    Constants,
    DataSet,
    compare_specs,
    distribution,
    fits,
    predict,
    rows_per_epoch,
    trial_parts,
    written_bytes,
)
from sweep.runs.spec import TrialSpec

# A GPU was not at hand: both speeds are assumptions, with round prices of a GPU of that class. The first is one of
# cluster.yaml's workers and its head, with 16 GiB each.
GPUS = {
    "A: 1,500 images/s, $1/h": Constants(images_per_second=1500, slot_price=1.0),
    "B: 4,000 images/s, $4/h": Constants(
        images_per_second=4000, slot_price=4.0, head_price=1.0, node_memory=256 * 2**30, head_memory=256 * 2**30
    ),
}
# One core of this machine: `sweep plan compare`. Pixels stay where they are; nothing is rented.
CORE = Constants(
    images_per_second=16.0,
    neighbour_flops=330e9,
    upload_bytes_per_second=math.inf,
    slots_per_node=2,
    slot_price=0.0,
    head_price=0.0,
)
# Walls of the same sweep in other orders.
OTHER_ORDERS = ("draws as drawn", "trials sorted")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=16, help="simulated nodes; 0 prints the tables alone")
    parser.add_argument("--seconds", type=float, default=75.0, help="what the simulated sweep takes at best")
    parser.add_argument("--megabytes", type=int, default=48, help="of the array that goes to every node")
    options = parser.parse_args()
    if options.nodes and options.nodes < 2:
        parser.error("--nodes must be 0, or 2 or more")
    if options.seconds <= 0 or not 1 <= options.megabytes <= 1000:
        parser.error("--seconds must be positive and --megabytes in 1..1000")
    specs = compare_specs()
    show_data(specs)
    show_pixels()
    show_sweeps(specs)
    show_trials(specs)
    show_rates(specs)
    show_measured()
    if options.nodes:
        modelled = [sum(trial_parts(spec, NIH, next(iter(GPUS.values()))).values()) for spec in specs]
        check(modelled, [spec.epochs for spec in specs], options.nodes, options.seconds, options.megabytes * 1_000_000)


def show_data(specs: Sequence[TrialSpec]) -> None:
    rows = []
    for data in (CHEST_XRAYS, NIH, MIMIC):
        found = [spec.epochs * rows_per_epoch(spec, data.class_counts) for spec in specs]
        negatives, positives = data.class_counts
        rows.append(
            [
                data.name,
                f"{data.images:,}",
                f"{negatives:,} / {positives:,}",
                f"{data.validation:,}",
                f"{data.test:,}",
                f"{sum(found) / 1e6:,.1f} M",
                f"{sum(s.epochs for s in specs) * data.validation / 1e6:,.1f} M",
            ]
        )
    epochs = sum(spec.epochs for spec in specs)
    show(
        f"The data, and what these trials make of it: {len(specs)} trials, {epochs:,} epochs, "
        f"{epochs / len(specs):g} a trial",
        ["data", "images", "training by class", "validation", "test", "images trained on", "validated on"],
        rows,
    )


def show_pixels() -> None:
    rows = []
    for name, c in GPUS.items():
        for data in (NIH, MIMIC):
            few, many = distribution(data, 8, c), distribution(data, 64, c)
            rows.append(
                [
                    name,
                    data.name,
                    gigabytes(data.pixel_bytes),
                    f"{gigabytes(STORE_SHARE * c.node_memory)}: {'fits' if fits(data, c.node_memory) else 'disk'}",
                    _time(data.images / c.decode_per_second),
                    _time(few.put),
                    f"{_time(few.by_doubling)} to {_time(few.from_head)}",
                    f"{_time(many.by_doubling)} to {_time(many.from_head)}",
                ]
            )
    c = next(iter(GPUS.values()))
    show(
        "The pixels at 224 px: one copy a node",
        ["a slot", "data", "a copy", "object store", "decoding", "into the head's store", "to 8 nodes", "to 64 nodes"],
        rows,
        [
            f"Decoding at {c.decode_per_second:g} images/s, once; the store is {STORE_SHARE:.0%} of a node's memory; "
            f"the head sends {c.network_bytes_per_second * 8 / 1e9:g} Gbit/s; what fits no store is written to disk at "
            f"{c.spill_bytes_per_second / 1e6:g} MB/s. The first time: nodes that have a copy serve others. The "
            "second: all pull from the head at once."
        ],
    )


def show_sweeps(specs: Sequence[TrialSpec]) -> None:
    rows = []
    for name, c in GPUS.items():
        for data in (NIH, MIMIC):
            for slots in (1, 8, 64):
                rows.append([name, *_sweep(specs, data, slots, c)])
    rows.append(["this machine, 16 images/s a core", *_sweep(specs, CHEST_XRAYS, 2, CORE)])
    show(
        "The sweep: wall time and cost",
        [
            "a slot",
            "data",
            "slots",
            "before",
            "trials",
            "test",
            "wall",
            "longest",
            "busy",
            "tail",
            "cost",
            *OTHER_ORDERS,
        ],
        rows,
        [
            "before: Ray, and the pixels' way through the object store, all nodes pulling from the head. test: of the "
            "18 chosen trials. longest: one trial. busy: slots in trials. tail: from the first idle slot to the end. "
            "cost: every slot and the head held to the end. draws as drawn: wall if draws with more epochs did not "
            "come first. trials sorted: wall if the longest trials came first."
        ],
    )


def _sweep(specs: Sequence[TrialSpec], data: DataSet, slots: int, c: Constants) -> list[str]:
    through_store = c.slot_price > 0
    found = predict(specs, data, slots, c, through_store=through_store)
    as_drawn = sorted(specs, key=lambda spec: spec.draw)  # stable: each draw's seeds and techniques stay in order
    draws = predict(as_drawn, data, slots, c, through_store=through_store)
    sorted_trials = predict(specs, data, slots, c, through_store=through_store, longest_first=True)
    schedule = found.schedule
    return [
        data.name,
        str(slots),
        _time(found.before),
        _time(schedule.makespan),
        _time(found.after),
        _time(found.wall),
        _time(float((schedule.ends - schedule.starts).max())),
        f"{schedule.efficiency:.0%}",
        _time(schedule.tail),
        f"${found.dollars:,.0f}" if found.dollars else "-",
        _time(draws.wall),
        _time(sorted_trials.wall),
    ]


def _time(value: float) -> str:
    return f"{value / 3600:.1f} h" if value >= 3600 else f"{value / 60:.1f} min" if value >= 60 else f"{value:.0f} s"


def show_trials(specs: Sequence[TrialSpec]) -> None:
    """Where the time of all trials goes, and what it is worth that a run keeps the neighbours it found."""
    rows = []
    for name, c in GPUS.items():
        for data in (NIH, MIMIC):
            found, each = predict(specs, data, 64, c), predict(specs, data, 64, c, keeps_neighbours=False)
            whole = sum(found.parts.values())
            search = max(trial_parts(spec, data, c)["plan"] for spec in specs)
            shares = [f"{part / whole:.1%}" for part in found.parts.values()]
            rows.append([name, data.name, _time(whole), *shares, _time(search), _time(found.wall), _time(each.wall)])
    parts = list(trial_parts(specs[0], NIH, next(iter(GPUS.values()))))
    show(
        "Where the trials' time goes, on 64 slots",
        ["a slot", "data", "all trials", *parts, "longest search", "wall", "searched by every trial"],
        rows,
        [
            "plan: neighbours of SMOTE and Borderline-SMOTE, searched on a slot's 4 CPU cores by the trials that start "
            "together and kept for the others. The last column: the wall if every trial searched."
        ],
    )


def show_rates(specs: Sequence[TrialSpec]) -> None:
    rows = []
    for name, c in GPUS.items():
        for data in (NIH, MIMIC):
            schedule = predict(specs, data, 64, c, through_store=False).schedule
            epochs = sum(spec.epochs for spec in specs)
            per_second = epochs / schedule.makespan
            shortest = min(sum(trial_parts(s, data, c).values()) / s.epochs for s in specs)
            rows.append(
                [
                    name,
                    data.name,
                    f"{per_second:.2f}",
                    f"{64 / shortest:.1f}",
                    f"{len(specs) * c.checkpoint_bytes / 1e9:.1f} GB",
                    f"{64 * 3 * c.checkpoint_bytes / 1e9:.1f} GB",
                    f"{sum(written_bytes(s, data, c) for s in specs) / schedule.makespan / 1e6:.0f} MB/s",
                    f"{64 * 3 * c.checkpoint_bytes / c.resume_seconds / 1e6:.0f} MB/s",
                ]
            )
    show(
        "What 64 slots ask of the driver and of shared storage",
        [
            "a slot",
            "data",
            "epochs/s, mean",
            "epochs/s, most",
            "best networks",
            "files to go on from",
            "written, mean",
            "at most",
        ],
        rows,
        [
            "Epochs/s, most: if all 64 slots were in the trial with the shortest epochs. A file to go on from holds "
            "network and optimizer (3 x 45 MB). Mean: these, and every epoch's network as if each were the best so "
            "far. At most: files to go on from alone, one in 30 s for each trial."
        ],
    )


def show_measured() -> None:
    """The model's constants that are rates of this machine's processor."""
    show(
        "Rates of one core of this machine",
        ["what", "measured"],
        [
            *([name, f"{rate:.0f} images/s"] for name, rate in scale_rates.decoding().items()),
            ["neighbour search, 939 of 4,000 images at 224 px", f"{scale_rates.neighbours() / 1e9:.0f} G operations/s"],
        ],
        ["The files are upscaled X-rays or drawings with noise, about as large as the real sets' files."],
    )


if __name__ == "__main__":
    main()
