"""The least a sweep on Ray Tune can take: trials that import torch and report one number. Run by ``overhead``.

    python -m benchmarks.bare_tune TRIALS

Prints the seconds from this process's start to the first trial's start, and from there to the last one's end.
"""

from __future__ import annotations

import importlib
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

STARTED = time.time()


def trial(config: dict[str, Any]) -> None:
    """Touches its file when it has what every trial needs, and again when it ends."""
    from ray import tune

    for module in ("torch", "torchvision"):
        importlib.import_module(module)
    path = Path(config["folder"]) / str(config["number"])
    path.write_text(repr(time.time()))
    tune.report({"value": 1.0})
    path.with_suffix(".end").write_text(repr(time.time()))


def main() -> None:
    from sweep.cluster.session import ray_session  # Ray as the sweep starts it
    from sweep.config.sections import ResourceConfig

    with tempfile.TemporaryDirectory(prefix="bench-") as folder, ray_session(ResourceConfig()):
        from ray import tune

        space = {"folder": folder, "number": tune.grid_search(list(range(int(sys.argv[1]))))}
        tune.Tuner(
            tune.with_resources(trial, {"cpu": 1}),
            param_space=space,
            tune_config=tune.TuneConfig(reuse_actors=True),
            run_config=tune.RunConfig(storage_path=folder, name="tune", verbose=0),
        ).fit()
        starts = [float(path.read_text()) for path in Path(folder).glob("*[0-9]")]
        ends = [float(path.read_text()) for path in Path(folder).glob("*.end")]
    print(min(starts) - STARTED, max(ends) - min(starts))


if __name__ == "__main__":
    main()
