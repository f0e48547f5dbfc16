"""What a sweep costs beyond its trials' training, and whether that grows with the number of trials.

    python -m benchmarks.overhead                   # 60 short trials
    python -m benchmarks.overhead --trials 60,500

Trials are of the smallest kind that still does everything: one epoch on 32 px drawings, records, checkpoint, event
files. A trial's training time is what its records say (training, validation, writing). The wall time between the
first trial's start and the last one's end, less that time over the slots, is what Ray and the tool add. Beside it
stands Ray Tune alone: as many trials that import torch and report one number, without data, training or records.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from typing import Any

from benchmarks.common import ROOT, cores, gigabytes, seconds, show
from benchmarks.sweeps import Swept, run_sweep_command


def configuration(trials: int, images: int) -> dict[str, Any]:
    """The baseline alone, with as many seeds as trials are wanted."""
    return {
        "data": {"source": "phantom", "image_size": 32, "phantom_images": images},
        "space": {"techniques": ["baseline"], "lr": 0.001, "epochs": 1, "seeds": trials},
        "train": {"weights": "none", "stem": "imagenet"},
    }


def line(found: Swept, slots: int) -> list[Any]:
    added = found.trials_wall - found.training / slots
    return [
        found.trials,
        seconds(found.startup),
        seconds(found.trials_wall),
        seconds(found.training / slots),
        seconds(added / found.trials),
        seconds(found.wall - found.startup - found.trials_wall),
        gigabytes(found.memory.driver),
        gigabytes(found.memory.largest_worker),
        gigabytes(found.memory.total),
        gigabytes(found.memory.object_store),
    ]


def bare_line(trials: int) -> list[Any]:
    """Ray Tune alone."""
    command = [sys.executable, "-m", "benchmarks.bare_tune", str(trials)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    startup, wall = (float(part) for part in done.stdout.split()[-2:])
    return [f"{trials}, Ray Tune alone", seconds(startup), seconds(wall), "0", seconds(wall / trials), *[""] * 5]


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--trials", default="60", help="e.g. 60,250,500")
    parser.add_argument("--images", type=int, default=300, help="drawings in all, at least 300")
    given = parser.parse_args(arguments)
    lines = []
    run_sweep_command(configuration(2, given.images))  # draws the images, warms the disk's cache
    for trials in (int(part) for part in given.trials.split(",")):
        lines.append(line(run_sweep_command(configuration(trials, given.images)), cores()))
        lines.append(bare_line(trials))
    show(
        f"Overhead of a sweep, {cores()} slots of one thread",
        ["trials", "start-up", "trials, wall", "training / slots", "added a trial", "selection, test, report", "driver",
         "largest worker", "all processes", "shared memory"],
        lines,
        ["Memory: peaks of the proportional set size (a page that n processes share counts 1/n in each). Shared memory "
         "is /dev/shm in use, everything on the machine counted."],
    )  # fmt: skip


if __name__ == "__main__":
    main()
