"""Early stopping against the full sweep: training epochs, and how good the chosen configurations are.

    python -m benchmarks.asha
    python -m benchmarks.asha --every 4 --techniques baseline,undersampling,smote --keep full   # some half an hour
    python -m benchmarks.asha --full full/run     # against a full sweep that an earlier call has left

``compare``'s space with the study's techniques (6 techniques x 8 draws x 3 seeds, 3 to 10 epochs) and the quick
settings (no pretrained weights, small images), run in full and with ``--scheduler asha``. As good means: the mean over
seeds on validation that the full sweep gives the configuration chosen under ASHA lies within the full sweep's own
spread over seeds of its best.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from benchmarks.common import seconds, show, source
from benchmarks.scaling import configuration
from benchmarks.sweeps import Swept, run_sweep_command
from sweep.runs.run import Run


def some_patients(folder: Path, every: int) -> str:
    """The X-rays of every n-th patient, as parquet in the Hub's layout; what to give as the source."""
    import pyarrow.parquet as pq

    from balancing.data.patients import patient_ids

    (folder / "data").mkdir(parents=True)
    for path in sorted(Path(source()).rglob("*.parquet")):
        table = pq.read_table(path)
        split = path.name.split("-")[0]
        names = [record["path"] for record in table.column("image").to_pylist()]
        patients, _ = patient_ids(names, [split] * len(names))
        if patients is None:
            raise ValueError(f"{path}: nothing tells its patients apart")
        numbers = np.unique(patients, return_inverse=True)[1]
        pq.write_table(table.filter(numbers % every == 0), folder / "data" / path.name)
    return str(folder)


def compared(
    table: pd.DataFrame, selection: Sequence[Mapping[str, Any]], stopped: Swept, metric: str
) -> list[list[Any]]:
    """A line a technique: the two choices, both judged by the full sweep's records.

    Args:
        table, selection: ``Run.trials()`` and ``Run.selection()`` of the full sweep.
    """
    by_configuration = table.groupby("configuration")[metric].mean()
    chosen = {choice["technique"]: choice for choice in stopped.selection}
    lines = []
    for best in selection:
        choice = chosen.get(best["technique"])
        value = by_configuration.get(choice["configuration"]) if choice else None
        spread = best["spread"] or 0.0
        within = value is not None and value >= best["mean"] - spread
        lines.append(
            [
                best["technique"],
                f"{best['mean']:.3f}",
                f"{spread:.3f}",
                f"{value:.3f}" if value is not None else "none chosen",
                "the same" if choice and choice["configuration"] == best["configuration"] else "another",
                "yes" if within else "NO",
                _epochs(table, best["technique"]),
                _epochs(stopped.table, best["technique"]),
            ]
        )
    return lines


def _epochs(table: pd.DataFrame, technique: str) -> int:
    return int(table.loc[table["technique"] == technique, "epochs_run"].sum())


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--draws", type=int, default=8)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", default="3..10")
    parser.add_argument("--phantom", type=int, default=600, help="drawings, where no X-rays are given")
    parser.add_argument("--every", type=int, default=1, help="of the X-rays, every so many-th patient")
    parser.add_argument("--techniques", default="", help="some of compare's, separated by commas")
    parser.add_argument("--keep", type=Path, help="where to leave the full sweep, and the X-rays it was run on")
    parser.add_argument("--full", type=Path, help="the run folder of a full sweep that an earlier call left")
    parser.add_argument("--grace", type=int, help="epochs before a trial may be stopped; by default the program's own")
    given = parser.parse_args(arguments)
    if given.every > 1 and source() == "phantom":
        parser.error("--every is for the X-rays: set CHEST_XRAY_DIR")
    config = configuration(given.size, given.draws, given.seeds, 1, given.phantom)
    config["space"]["epochs"] = given.epochs
    if given.techniques:
        config["space"]["techniques"] = given.techniques.split(",")
    config["sweep"] = {**config.get("sweep", {}), "grace": given.grace}
    wall = None
    with tempfile.TemporaryDirectory(prefix="asha-") as folder:
        left = given.keep or Path(folder)
        path = given.full or left / "run"
        if given.full:
            config = yaml.safe_load(Run(path).config_yaml)
        else:
            if given.every > 1:
                config["data"]["source"] = some_patients(left / "images", given.every)
            wall = run_sweep_command(config, keep=path).wall
        full = Run(path)
        stopped = run_sweep_command(config, "--scheduler", "asha")
        lines = compared(full.trials(), full.selection(), stopped, "balanced_accuracy")
        table, size = full.trials(), config["data"]["image_size"]
        training = sum(full.info["data"]["class_counts"]["train"])
    epochs = int(table["epochs_run"].sum())
    lines.append(["all", "", "", "", "", "", epochs, stopped.epochs])
    show(
        f"Early stopping: {len(table)} trials, {size} px, {training:,} training images",
        ["technique", "full: best mean", "its spread over seeds", "ASHA's choice, in the full sweep", "configuration",
         "within the spread", "epochs, full", "epochs, ASHA"],
        lines,
        [f"Epochs with ASHA: {stopped.epochs / epochs:.1%} of the full sweep's. Whole command: "
         f"{f'full {seconds(wall)}, ' if wall else ''}ASHA {seconds(stopped.wall)}. Balanced accuracy on validation, "
         "best epoch."],
    )  # fmt: skip


if __name__ == "__main__":
    main()
