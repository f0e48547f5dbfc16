"""Whole sweeps with one slot and with all, and one trial with all threads against one trial a core.

    python -m benchmarks.scaling

The space is ``compare``'s with the study's techniques, 6 techniques x 8 draws x 3 seeds = 144 trials, with learning
rate, strength and the techniques' own parameters drawn; small images and one epoch, so that the machine is measured and
not patience.
"""

from __future__ import annotations

import argparse
from typing import Any

from balancing.components.named import STUDY
from benchmarks.common import cores, gigabytes, seconds, show, source, times
from benchmarks.sweeps import Swept, run_sweep_command
from sweep.config.config import read_file


def configuration(size: int, draws: int, seeds: int, epochs: int, phantom_images: int) -> dict[str, Any]:
    """``compare`` with smaller images and fewer epochs."""
    config = read_file("compare")
    config["data"] = {"source": source(), "image_size": size}
    if source() == "phantom":
        config["data"]["phantom_images"] = phantom_images
    config["space"] |= {"techniques": list(STUDY), "epochs": epochs, "trials": draws, "seeds": seeds, "confirm": 0}
    config["train"] = {"weights": "none", "stem": "imagenet"}
    return config


def line(label: str, found: Swept, first: float) -> list[Any]:
    rate = float((found.table["images"] * found.table["epochs_run"]).sum()) / found.trials_wall
    return [
        label,
        found.trials,
        seconds(found.wall),
        seconds(found.trials_wall),
        f"{rate:.0f}",
        times(first / found.trials_wall),
        gigabytes(found.memory.driver),
        gigabytes(found.memory.largest_worker),
        gigabytes(found.memory.total),
    ]


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--draws", type=int, default=8)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--phantom", type=int, default=300, help="drawings, where no X-rays are given")
    given = parser.parse_args(arguments)
    config = configuration(given.size, given.draws, given.seeds, given.epochs, given.phantom)
    n = cores()
    ways = [
        ("1 slot of 1 thread", ["--max-concurrent", "1"]),
        (f"1 slot of {n} threads", ["--cpus-per-trial", str(n)]),
        (f"{n} slots of 1 thread (the default)", []),
    ]
    found = [(label, run_sweep_command(config, *options)) for label, options in ways]
    show(
        f"The same {found[0][1].trials} trials, {given.size} px, {given.epochs} epoch(s)",
        ["way", "trials", "whole command", "trials", "images/s", "against 1 slot", "driver", "largest worker", "all"],
        [line(label, swept, found[0][1].trials_wall) for label, swept in found],
    )


if __name__ == "__main__":
    main()
