"""The small stem against ImageNet's on small X-rays: what accuracy it brings, and what time it takes.

    python -m benchmarks.stem                      # 32 px, 480 training images, 4 epochs, 3 seeds: minutes of a core
    python -m benchmarks.stem --size 64 --rows 0   # 64 px, all training images

Nothing is pretrained. The baseline, with Adam at 1e-3 and batches of 32; the network of the best epoch by validation
balanced accuracy then predicts the test split. ImageNet's stem trains once more with so many more epochs that it takes
about as long as the small one.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import torch

from benchmarks.bare_step import BATCH, images_and_split
from benchmarks.common import seconds, show
from sweep.runs.spec import TrialSpec
from sweep.runs.trial_folder import TrialFolder
from sweep.training.dtype import fast_precision
from sweep.training.inputs import SplitImages
from sweep.training.predict import predict_part
from sweep.training.trial import Trial

# The small stem takes about so many times as long.
SLOWER = 3


def trained(images: SplitImages, size: int, stem: str, epochs: int, seed: int) -> dict[str, float]:
    """One training: balanced accuracy and AUROC on both splits, and an epoch's own seconds, validation included."""
    from sklearn.metrics import balanced_accuracy_score, roc_auc_score

    spec = TrialSpec(
        "baseline", lr=1e-3, epochs=epochs, seed=seed, image_size=size, batch_size=BATCH, stem=stem,
        precision=fast_precision("cpu"),
    )  # fmt: skip
    device, found = torch.device("cpu"), {}
    with tempfile.TemporaryDirectory() as name:
        folder = TrialFolder(Path(name))
        began = time.process_time()
        Trial(spec, images, folder, device=device).run()
        found["seconds"] = (time.process_time() - began) / epochs
        predict_part(folder, images, "test", device)
        for part in ("validation", "test"):
            told = folder.predictions(part)
            found[f"{part} balanced accuracy"] = balanced_accuracy_score(told["label"], told["p_1"] > told["p_0"])
            found[f"{part} AUROC"] = roc_auc_score(told["label"], told["p_1"])
    return found


def stems_table(size: int, rows: int | None, epochs: int, seeds: int) -> None:
    images, _ = images_and_split(size, rows)
    lines = []
    for stem, times in (("imagenet", 1), ("small", 1), ("imagenet", SLOWER)):
        runs = [trained(images, size, stem, times * epochs, seed) for seed in range(seeds)]
        columns = [name for name in runs[0] if name != "seconds"]
        means = [_mean_and_spread([run[column] for run in runs]) for column in columns]
        lines.append([stem, times * epochs, *means, seconds(statistics.mean(run["seconds"] for run in runs))])
        print(*lines[-1], flush=True)
    show(
        f"The first convolution: {size} px, {len(images.train):,} training images, {seeds} seeds",
        ["stem", "epochs", *columns, "an epoch"],
        lines,
        [f"Baseline, Adam, learning rate 1e-3, batch {BATCH}, nothing pretrained. Means over the seeds, and their "
         f"standard deviations; {len(images.validation):,} validation and {len(images.test):,} test images. An epoch: "
         "the process's own seconds, validation included, one thread."],
    )  # fmt: skip


def _mean_and_spread(values: Sequence[float]) -> str:
    return f"{statistics.mean(values):.3f} ({statistics.stdev(values) if len(values) > 1 else 0:.3f})"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--size", type=int, default=32, help="pixels a side")
    parser.add_argument("--rows", type=int, default=480, help="training images, evenly from all of them; 0 takes all")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--seeds", type=int, default=3)
    given = parser.parse_args(arguments)
    torch.set_num_threads(1)
    stems_table(given.size, given.rows or None, given.epochs, given.seeds)


if __name__ == "__main__":
    main()
