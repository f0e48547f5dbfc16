"""What early stopping costs a sweep as it grows: files read, seconds to decide, the driver's time and memory.

    python -m benchmarks.halving                        # decisions alone, then whole sweeps on a real Ray; 10 minutes
    python -m benchmarks.halving --trials 300 --no-ray

Trials are simulated: six techniques, three seeds, 3 to 10 epochs, numbers that are drawn instead of trained for. They
report and record as real ones do, through the sweep's own scheduler.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import anonymous_bytes, in_fresh_process, peak_bytes, seconds, show
from sweep.planning.halving import recorded_halvings
from sweep.runs.files import write_json
from sweep.runs.run import ASKS, FORMAT, Run
from sweep.runs.spec import TrialSpec

METRIC, MAX_EPOCHS, SEEDS = "balanced_accuracy", 10, 3
TECHNIQUES = ("baseline", "undersampling", "oversampling", "smote", "borderline_smote", "class_weights")


def specs_of(trials: int) -> list[TrialSpec]:
    """Seeds outermost, as with the real ``asha``; paired draws."""
    draws = max(1, round(trials / len(TECHNIQUES) / SEEDS))
    epochs = np.random.default_rng(0).integers(3, MAX_EPOCHS + 1, draws).tolist()
    return [
        TrialSpec(name, 1e-4 + draw * 1e-7, epochs[draw], s, data="x", split="y", seed_index=s, draw=draw)
        for s in range(SEEDS)
        for draw in range(draws)
        for name in TECHNIQUES
    ]


def bare_run(folder: Path) -> Run:
    """A run folder of no data at all."""
    data: dict[str, Any] = {"source": "", "fingerprint": "x", "split_fingerprint": "y", "shape": [1, 1, 1]}
    data |= {"class_names": ["0", "1"], "positive": 1}
    data |= {"class_counts": {part: [0, 0] for part in ("train", "validation", "test")}}
    info = {"format": FORMAT, "id": "bare", "versions": {}, "notes": [], "data": data}
    write_json(folder / "run.json", info)
    return Run(folder)


def new_run(folder: str, trials: int) -> Run:
    run = bare_run(Path(folder))
    run.write_specs(specs_of(trials))
    return run


def numbers_of(spec: TrialSpec, epoch: int) -> dict[str, Any]:
    """An epoch's numbers: a quality of the configuration, learnt over the epochs, with noise of the seed."""
    quality = np.random.default_rng([spec.draw, len(spec.technique)]).random()
    noise = np.random.default_rng([spec.draw, spec.seed, epoch]).normal(0, 0.05)
    value = float(np.clip(0.5 + 0.4 * quality * (1 - 0.7**epoch) + noise, 0, 1))
    return {"epoch": epoch, METRIC: value, "auroc": value, "seconds": 0.0, "images_per_second": 1.0}


class _Trial:
    """What the scheduler looks at of Tune's trial."""

    def __init__(self, spec: TrialSpec):
        self.config = {"spec": spec.to_dict()}


def decide_all(trials: int) -> dict[str, Any]:
    """One process: a sweep's decisions and nothing else, its records written as it goes; then a resume's start."""
    from ray.tune.schedulers import TrialScheduler

    from sweep.cluster.search import PairedASHA

    opened = [0]
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        run = new_run(folder, trials)

        def hook(event: str, arguments: tuple[Any, ...]) -> None:
            if event == "open" and str(arguments[0]).startswith(folder) and arguments[1] in ("r", "rb"):
                opened[0] += 1

        sys.addaudithook(hook)
        spent, before = 0.0, anonymous_bytes()
        began = time.perf_counter()
        scheduler = PairedASHA(MAX_EPOCHS, 1, run)
        spent += time.perf_counter() - began
        reads = opened[0]
        for spec in run.specs():
            trial: Any = _Trial(spec)
            results: list[dict[str, Any]] = [{ASKS: True}]
            results += [
                {f"numbers/{key}": value for key, value in numbers_of(spec, epoch).items()}
                for epoch in range(1, spec.epochs + 1)
            ]
            seen: list[dict[str, Any]] = []
            opened[0] = 0
            began = time.perf_counter()
            for result in results:
                if scheduler.on_trial_result(None, trial, result) == TrialScheduler.STOP:
                    break
                seen.append(result)
            scheduler.on_trial_complete(None, trial, {})
            spent += time.perf_counter() - began
            reads += opened[0]
            whole = len(seen) == len(results)
            run.trial(spec.trial_id).write_epochs(
                [
                    {"epoch": e, METRIC: 0.5, "auroc": 0.5, "seconds": 0.0, "images_per_second": 1.0}
                    for e in range(1, len(seen))
                ]
            )
            run.trial(spec.trial_id).write_status("done" if whole else "stopped")
        grown = anonymous_bytes() - before
        opened[0], began = 0, time.perf_counter()
        recorded_halvings(run, MAX_EPOCHS, 1)
        return {"spent": spent, "reads": reads, "grown": grown, "once": time.perf_counter() - began, "again": opened[0]}


def simulated(config: dict[str, Any], *, folder: str) -> None:
    """On a worker: asks, reports and records as a trial does, and trains nothing."""
    from ray import tune

    spec = TrialSpec.from_dict(config["spec"])
    trial = Run(folder).trial(spec.trial_id)
    trial.write_status("running")
    tune.report({ASKS: True})
    epochs = []
    for epoch in range(1, spec.epochs + 1):
        epochs.append(numbers_of(spec, epoch))
        trial.write_epochs(epochs)
        tune.report({"epoch": epoch, METRIC: epochs[-1][METRIC], "numbers": epochs[-1]})
    trial.write_status("done")


def sweep_all(trials: int) -> dict[str, Any]:
    """One process: a whole sweep of simulated trials on a Ray of its own, in two slots."""
    from sweep.cluster.search import PairedASHA, grid_of
    from sweep.cluster.session import ray_session
    from sweep.config.sections import ResourceConfig

    with tempfile.TemporaryDirectory(prefix="bench-") as folder, ray_session(ResourceConfig()):
        from ray import tune

        run = new_run(folder, trials)
        began, worked, idle = time.perf_counter(), time.process_time(), peak_bytes()
        found = tune.Tuner(
            tune.with_resources(tune.with_parameters(simulated, folder=folder), {"cpu": 1}),
            param_space=grid_of(run.specs()),
            tune_config=tune.TuneConfig(
                max_concurrent_trials=2, reuse_actors=True, scheduler=PairedASHA(MAX_EPOCHS, 1, run)
            ),
            run_config=tune.RunConfig(storage_path=folder, name="tune", verbose=0),
        ).fit()
        assert not found.errors, found.errors[0]
        epochs = sum(len(run.trial(spec.trial_id).epochs()) for spec in run.specs())
        return {
            "wall": time.perf_counter() - began,
            "worked": time.process_time() - worked,
            "idle": idle,
            "most": peak_bytes(),
            "epochs": epochs / sum(spec.epochs for spec in run.specs()),
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--trials", default="300,1200,5000", help="numbers with commas")
    parser.add_argument("--no-ray", action="store_true", help="decisions alone")
    given = parser.parse_args()
    sizes = [int(number) for number in given.trials.split(",")]
    rows = []
    for size in sizes:
        value = in_fresh_process("benchmarks.halving", "decide_all", size).value
        count = len(specs_of(size))
        rows.append(
            [
                f"{count:,}",
                f"{value['reads']:,}",
                f"{count * value['again']:,}",
                seconds(value["spent"]),
                seconds(count * value["once"]),
                f"{value['grown'] / 1e6:.0f} MB",
            ]
        )
    show(
        "Deciding which trials go on",
        ["trials", "files read", "if each trial read all", "seconds", "if each trial read all", "memory"],
        rows,
        ["A whole sweep's decisions, its records written beside. If each trial read all: one reading of all records, "
         "measured on the finished run, times the trials."],
    )  # fmt: skip
    if given.no_ray:
        return
    rows = []
    for size in sizes:
        value = in_fresh_process("benchmarks.halving", "sweep_all", size).value
        count = len(specs_of(size))
        rows.append(
            [
                f"{count:,}",
                seconds(value["wall"]),
                f"{value['wall'] / count * 1e3:.0f} ms",
                f"{value['worked'] / count * 1e3:.0f} ms",
                f"{value['most'] / 1e6:.0f} MB",
                f"{(value['most'] - value['idle']) / count / 1e3:.0f} kB",
                f"{value['epochs']:.0%}",
            ]
        )
    show(
        "Whole sweeps of simulated trials on Ray Tune, two slots",
        ["trials", "wall", "a trial", "driver's CPU a trial", "driver's peak", "more a trial", "epochs run"],
        rows,
    )


if __name__ == "__main__":
    main()
