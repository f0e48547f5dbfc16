"""Images a second of a trial's epoch, against the bare training step and against the notebook's way.

    python -m benchmarks.throughput                      # 64 and 224 px, every technique, this machine
    python -m benchmarks.throughput --device cuda        # the same on a GPU; needs neither Ray nor datasets
    python -m benchmarks.throughput --parts steps        # what each loss, mixer, schedule and optimizer adds to a step
    python -m benchmarks.throughput --device cuda --study --packed 1,2,4

The limit is the training step alone, over and over on one batch that lies on the device: same network, size,
precision, layout, optimizer and batch size. An epoch adds gathering, mixing, augmentation and normalisation to each
step ("training"), and predicting validation, metrics and records behind them ("with validation"); the limit of the
latter adds bare forward passes over as many images as validation has. The notebook's way opens each image by PIL in
every epoch, in a DataLoader with 2 workers, float32, batch 32, each channel the same.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import torch

from balancing.components.named import STUDY
from balancing.components.techniques import get_technique
from benchmarks.bare_step import BATCH, Bare, images_and_split, timed
from benchmarks.common import gigabytes, in_fresh_process, peak_bytes, seconds, show, times
from benchmarks.notebook_epoch import at_once, notebook_table
from benchmarks.step_costs import steps_table
from sweep.runs.spec import TrialSpec
from sweep.runs.trial_folder import TrialFolder
from sweep.training.dtype import fast_precision
from sweep.training.epoch import train_epoch
from sweep.training.hardware import keep_freed_memory, on_device
from sweep.training.method import method_of
from sweep.training.network import new_model, to_device
from sweep.training.optimizer import new_optimizer
from sweep.training.predict import predict
from sweep.training.trial import Trial


def epoch_of(
    technique: str, size: int, rows: int, device_name: str, precision: str, threads: int, repeats: int
) -> dict[str, float]:
    """In a process of its own: a technique's epochs and the bare step in turn, on a share of the rows.

    Returns:
        images/s of the bare step, of the epoch's training part, of epoch and limit with validation (medians over
        ``repeats``), the plan's seconds, and bytes of GPU memory.
    """
    device = torch.device(device_name)
    torch.set_num_threads(threads)
    keep_freed_memory()
    images, split = images_and_split(size, rows)
    spec = TrialSpec(technique, lr=1e-4, epochs=1, seed=0, image_size=size, batch_size=BATCH, precision=precision)
    if technique == "augmentation":
        spec = TrialSpec.from_dict({**spec.to_dict(), "strength": 1.0})
    began = time.perf_counter()
    method = method_of(spec, images)
    plan = method.plan(1)
    planned = time.perf_counter() - began
    pixels = on_device(images.pixels, device)
    network = to_device(new_model(2, 0), spec, device)
    optimizer = new_optimizer(network, spec.lr)
    bare = Bare(size, device, precision)
    held_out = images.validation[: max(1, len(images.train) * len(images.validation) // len(split.train))]

    def train() -> object:
        return train_epoch(network, optimizer, pixels, method, spec, 1, device)

    bare.train(2 * BATCH)  # first steps choose kernels and take memory
    bare.evaluate(1)
    train() if device.type == "cuda" else None
    found: dict[str, list[float]] = {"limit": [], "training": [], "whole": [], "whole_limit": []}
    for _ in range(repeats):
        # The bare step before and after, so that a machine that slows down meanwhile favours neither.
        before = bare.train(len(plan) // 2)
        forward = bare.evaluate(len(held_out))
        trained = timed(device, train)
        predicted = timed(device, lambda: predict(network, pixels, held_out, spec, device))
        limit = before + bare.train(len(plan) - len(plan) // 2)
        found["limit"].append(len(plan) / limit)
        found["training"].append(len(plan) / trained)
        found["whole"].append(len(plan) / (trained + predicted))
        found["whole_limit"].append(len(plan) / (limit + forward))
    share = [t / b for t, b in zip(found["training"], found["limit"], strict=True)]
    whole_share = [t / b for t, b in zip(found["whole"], found["whole_limit"], strict=True)]
    gpu = torch.cuda.max_memory_allocated() if device.type == "cuda" else 0
    return {
        **{name: statistics.median(values) for name, values in found.items()},
        "share": statistics.median(share),
        "whole_share": statistics.median(whole_share),
        "plan_seconds": planned,
        "gpu_bytes": gpu,
        "seconds": planned,
        "peak": peak_bytes(),
    }


def techniques_table(sizes: list[int], rows: dict[int, int], device: str, precision: str, threads: int, n: int) -> None:
    for size in sizes:
        lines = []
        for name in STUDY:
            done = in_fresh_process(
                "benchmarks.throughput", "epoch_of", name, size, rows[size], device, precision, threads, n
            )
            found = done.value
            lines.append(
                [
                    name,
                    f"{found['limit']:.1f}",
                    f"{found['training']:.1f}",
                    f"{found['share']:.1%}",
                    f"{found['whole']:.1f}",
                    f"{found['whole_share']:.1%}",
                    seconds(found["plan_seconds"]),
                    gigabytes(found["peak"]),
                    *([gigabytes(found["gpu_bytes"])] if device == "cuda" else []),
                ]
            )
        show(
            f"An epoch against the bare step: {size} px, {precision}, batch {BATCH}, {threads} threads on {device}",
            ["technique", "bare step, images/s", "training, images/s", "of the limit", "with validation, images/s",
             "of its limit", "plan", "peak memory", *(["GPU memory"] if device == "cuda" else [])],
            lines,
            [f"Epochs over {rows[size]:,} training images and their share of validation; bare steps before and after "
             f"each; medians of {n}. Peak memory holds imports, mapped pixels, two networks and their optimizers: the "
             "trial's and the bare step's."],
        )  # fmt: skip


def study_table(device: str, precision: str, size: int, rows: int | None, epochs: int) -> None:
    """The study's whole table in one process: six techniques, 5 epochs, its batch size and learning rate."""
    images, _ = images_and_split(size, rows)
    lines, total = [], 0.0
    for technique in map(get_technique, STUDY):
        spec = TrialSpec(
            technique.name, lr=0.005, epochs=epochs, seed=0, image_size=size, batch_size=BATCH, precision=precision,
            strength=technique.strength(0.0),
        )  # fmt: skip
        with tempfile.TemporaryDirectory() as name:
            folder = TrialFolder(Path(name))
            began = time.perf_counter()
            state = Trial(spec, images, folder, device=torch.device(device)).run()
            took = time.perf_counter() - began
            best = max((e["balanced_accuracy"] for e in folder.epochs()), default=float("nan"))
            seen = sum(e["images"] for e in folder.epochs())
        total += took
        lines.append([technique.name, f"{took:.1f}", f"{seen / took:.0f}", f"{best:.3f}", state])
    lines.append(["all", f"{total:.1f}", "", "", ""])
    show(
        f"The study's table in one process: {epochs} epochs, {size} px, {precision}, {device}",
        ["technique", "seconds", "images/s, all counted", "best validation balanced accuracy", "ended"],
        lines,
        [f"{len(images.train):,} training and {len(images.validation):,} validation images; no pretrained weights."],
    )


def packed_step(size: int, device_name: str, precision: str, compile_mode: str, runs_for: float) -> dict[str, float]:
    """In a process of its own: bare steps for a while, by the clock, so that several processes overlap."""
    device = torch.device(device_name)
    if device.type == "cpu":
        torch.set_num_threads(1)
    bare = Bare(size, device, precision, compile_mode or None)
    bare.train(4 * BATCH)
    began, seen = time.perf_counter(), 0
    while time.perf_counter() - began < runs_for:
        bare.train(4 * BATCH)
        seen += 4 * BATCH
    return {"images_per_second": seen / (time.perf_counter() - began), "seconds": runs_for}


def packed_table(counts: list[int], sizes: list[int], device: str, precision: str, compile_mode: str) -> None:
    """Several trials on one device at once: what --gpus-per-trial 1/n would give."""
    lines = []
    for size in sizes:
        alone = 0.0
        for count in counts:
            found = at_once(count, "benchmarks.throughput", "packed_step", size, device, precision, compile_mode, 20.0)
            total = sum(done.value["images_per_second"] for done in found)
            alone = alone or total
            lines.append([size, count, f"{total:.0f}", times(total / alone)])
    show(
        f"Trials at once on one device: bare steps, {precision}, batch {BATCH}, {device}",
        ["px", "trials at once", "images/s together", "against the first line"],
        lines,
    )


def numbers(text: str) -> Iterator[int]:
    yield from (int(part) for part in text.split(","))


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--sizes", default="64,224", help="pixels a side")
    parser.add_argument("--rows", default="1600,320", help="training images of an epoch, for each size; 0 takes all")
    parser.add_argument("--precision", default="auto", choices=["auto", "float32", "bfloat16"])
    parser.add_argument("--threads", type=int, default=1, help="of a trial on the CPU")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--parts", default="techniques,notebook", help="techniques, steps, notebook, study, packed")
    parser.add_argument("--study", action="store_true", help="also the study's whole table in one process")
    parser.add_argument("--study-epochs", type=int, default=5)
    parser.add_argument("--packed", default="", help="also so many trials on one device at once, e.g. 1,2,4")
    parser.add_argument("--compile", default="", help="torch.compile's mode for --packed, e.g. reduce-overhead")
    given = parser.parse_args(arguments)
    precision = fast_precision(given.device) if given.precision == "auto" else given.precision
    sizes, wanted = list(numbers(given.sizes)), list(numbers(given.rows))
    rows = {size: n or 10**9 for size, n in zip(sizes, wanted, strict=True)}
    parts = given.parts.split(",")
    if "techniques" in parts:
        techniques_table(sizes, rows, given.device, precision, given.threads, given.repeats)
    if "steps" in parts:
        steps_table(sizes[0], min(rows[sizes[0]], 320), given.device, precision, given.repeats)
    if "notebook" in parts:
        notebook_table(sizes[-1], min(rows[sizes[-1]], 10**6), given.device, precision, given.repeats)
    if given.study or "study" in parts:
        study_table(given.device, precision, sizes[-1], None, given.study_epochs)
    if given.packed:
        packed_table(list(numbers(given.packed)), sizes, given.device, precision, given.compile)


if __name__ == "__main__":
    main()
