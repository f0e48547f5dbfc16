"""Kills a small real sweep at random moments, resumes it, and counts what was lost. Linux; hours for 25 kills a row.

``python -m benchmarks.chaos --n 25 --results chaos.jsonl``: each case is a line of that file, and a case that is there
already is not repeated, so that this too goes on where it was stopped.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path

import yaml

from benchmarks.chaos_cases import one_case
from benchmarks.chaos_outcomes import COLUMNS, KINDS, MEANING, PLACES, add_result, read_results, table
from benchmarks.chaos_places import Bench, cannot
from benchmarks.common import show


def configuration(seeds: int, epochs: int) -> dict[str, object]:
    """A sweep of two techniques, small enough to be killed often."""
    return {
        "data": {"source": "phantom", "image_size": 32, "phantom_images": 300},
        "space": {
            "techniques": ["baseline", "smote"],
            "lr": 0.001,
            "epochs": epochs,
            "strength": 0.0,
            "batch_size": 32,
            "seeds": seeds,
        },
        "train": {"weights": "none", "stem": "imagenet", "resume_seconds": 0},
    }


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--n", type=int, default=25, help="kills of each kind, in each place")
    parser.add_argument("--kinds", default=",".join(KINDS), help="some of them, separated by commas")
    parser.add_argument("--places", default=",".join(PLACES))
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--seeds", type=int, default=2, help="of the sweep: trials for each technique")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--patience", type=float, default=5.0, help="a hang is so many times the undisturbed sweep")
    parser.add_argument(
        "--results", type=Path, default=Path("chaos.jsonl"), help="a line a case, also of earlier calls"
    )
    parser.add_argument("--table", action="store_true", help="only print the table of the cases that are there")
    given = parser.parse_args(arguments)
    kinds, places = given.kinds.split(","), given.places.split(",")
    for name, asked, known in (("kinds", kinds, KINDS), ("places", places, PLACES)):
        if unknown := set(asked) - set(known):
            parser.error(f"--{name} are some of {', '.join(known)}, but not {', '.join(sorted(unknown))}")
    done = {(outcome.kind, outcome.place, outcome.number) for outcome in read_results(given.results)}
    missing = [
        (kind, place, number)
        for number in range(given.n)  # outermost, so that a table of half the time has every row
        for place in places
        for kind in kinds
        if (kind, place, number) not in done
    ]
    left_out = {kind: reason for kind in kinds if (reason := cannot(kind))}
    missing = [case for case in missing if case[0] not in left_out]
    if missing and not given.table:
        # Short: sockets' paths have a limit. Not under the project: Ray would take it for code to watch.
        work = Path(tempfile.mkdtemp(prefix="chaos-", dir="/tmp"))
        os.environ["BALANCING_ACT_CACHE"] = str(work / "cache")
        config = work / "config.yaml"
        config.write_text(yaml.safe_dump(configuration(given.seeds, given.epochs)))
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # by way of ``finally``
        bench, logs = Bench(work, config, given.patience), given.results.with_suffix(".logs")
        try:
            for kind, place, number in missing:
                outcome = one_case(bench, kind, place, number, seed=given.seed, logs=logs)
                add_result(given.results, outcome)
                print(outcome.line(), flush=True)
        finally:
            bench.close()
            shutil.rmtree(work, ignore_errors=True)
    rows = table(
        [outcome for outcome in read_results(given.results) if outcome.kind in kinds and outcome.place in places]
    )
    reasons = [f"Left out: {KINDS[kind]}, because {reason}." for kind, reason in left_out.items()]
    show("A sweep killed at random moments, and resumed", COLUMNS, rows, [MEANING, *reasons])


if __name__ == "__main__":
    main()
