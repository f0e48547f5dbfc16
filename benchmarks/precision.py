"""What bfloat16 does to the metrics: the same trials in float32 and in bfloat16, over several seeds.

python -m benchmarks.precision
"""

from __future__ import annotations

import argparse

import numpy as np
from scipy import stats

from benchmarks.common import seconds, show, source
from benchmarks.sweeps import run_sweep_command

METRICS = ("balanced_accuracy", "recall", "specificity", "auroc", "f1")


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--seeds", type=int, default=6)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--techniques", default="baseline")
    parser.add_argument("--phantom", type=int, default=900, help="drawings, where no X-rays are given")
    given = parser.parse_args(arguments)
    tables, walls = {}, {}
    for precision in ("float32", "bfloat16"):
        config = {
            "data": {"source": source(), "image_size": given.size},
            "space": {"techniques": given.techniques, "lr": 1e-3, "epochs": given.epochs, "seeds": given.seeds},
            "train": {"weights": "none", "stem": "imagenet", "precision": precision},
        }
        if source() == "phantom":
            config["data"]["phantom_images"] = given.phantom
        found = run_sweep_command(config)
        tables[precision], walls[precision] = found.table.set_index(["technique", "seed"]), found.trials_wall
    lines = []
    for metric in METRICS:
        whole, half = (tables[p][metric].astype(float) for p in ("float32", "bfloat16"))
        difference = (half - whole).dropna().to_numpy()
        n = len(difference)
        margin = stats.t.ppf(0.975, n - 1) * difference.std(ddof=1) / np.sqrt(n) if n > 1 else float("nan")
        lines.append(
            [
                metric,
                f"{whole.mean():.3f} ({whole.std(ddof=1):.3f})",
                f"{half.mean():.3f} ({half.std(ddof=1):.3f})",
                f"{difference.mean():+.3f}",
                f"{difference.mean() - margin:+.3f} to {difference.mean() + margin:+.3f}",
            ]
        )
    show(
        f"float32 against bfloat16: {given.techniques}, {given.seeds} seeds, {given.epochs} epochs, {given.size} px",
        ["validation, best epoch", "float32: mean (sd over seeds)", "bfloat16", "paired difference", "95 % interval"],
        lines,
        [f"Trials' wall time: float32 {seconds(walls['float32'])}, bfloat16 {seconds(walls['bfloat16'])}."],
    )


if __name__ == "__main__":
    main()
