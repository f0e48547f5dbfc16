"""Images a second of a trial's epoch, against the bare training step and against the notebook's way.

    python -m benchmarks.throughput                      # 64 and 224 px, every technique, this machine
    python -m benchmarks.throughput --device cuda        # the same on a GPU; needs neither Ray nor datasets
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
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from balancing.components.registry import techniques
from balancing.data.splits import Split, make_split
from benchmarks.common import (
    Measured,
    cores,
    gigabytes,
    in_fresh_process,
    load,
    peak_bytes,
    seconds,
    show,
    source,
    times,
)
from sweep.runs.spec import TrialSpec
from sweep.runs.trial_folder import TrialFolder
from sweep.training.dtype import fast_precision
from sweep.training.hardware import evaluation_batch, keep_freed_memory, memory_format, on_device
from sweep.training.network import new_model
from sweep.training.trial import (
    SplitImages,
    build_plan,
    new_optimizer,
    placed,
    predict,
    train_epoch,
    train_trial,
    training_batches,
)

BATCH = 32


def images_and_split(size: int, rows: int | None = None) -> tuple[SplitImages, Split]:
    """The benchmark's images, split as a sweep splits them; ``rows`` keeps the first so many training rows."""
    found = load(size)
    split = make_split(found)
    train = split.train
    if rows is not None:  # evenly, so that both classes stay
        train = train[np.linspace(0, len(train) - 1, min(rows, len(train))).astype(int)]
    view = SplitImages(found.pixels, found.labels, found.class_names, train, split.validation, split.test)
    return view, split


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


def _timed(device: torch.device, work: Callable[[], object]) -> float:
    _wait(device)
    began = time.perf_counter()
    work()
    _wait(device)
    return time.perf_counter() - began


class Bare:
    """The bare step: one resident batch, nothing else.

    Args:
        size: pixels a side.
        device: where.
        precision: ``float32`` or ``bfloat16``.
        compile_mode: of ``torch.compile``; None runs eagerly.
    """

    def __init__(self, size: int, device: torch.device, precision: str, compile_mode: str | None = None):
        self.device, self.precision = device, precision
        self.layout = memory_format(size, precision, device)
        self.model: nn.Module = new_model(2, 0).to(device, memory_format=self.layout)  # type: ignore[call-overload]
        self.optimizer = new_optimizer(self.model, 1e-4)
        self.forward = torch.compile(self.model, mode=compile_mode) if compile_mode else self.model
        generator = torch.Generator().manual_seed(0)
        self.batch = self._images(BATCH, size, generator)
        self.evaluated = self._images(evaluation_batch(size, device), size, generator)
        self.labels = torch.randint(0, 2, (BATCH,), generator=generator).to(device)

    def _images(self, n: int, size: int, generator: torch.Generator) -> torch.Tensor:
        images = torch.randn(n, 3, size, size, generator=generator)
        return images.contiguous(memory_format=self.layout).to(self.device)

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.precision == "bfloat16")

    def train(self, images: int) -> float:
        """Seconds for so many images' worth of steps."""
        self.model.train()

        def work() -> None:
            for _ in range(max(1, images // BATCH)):
                with self._autocast():
                    loss = nn.functional.cross_entropy(self.forward(self.batch), self.labels)
                self.optimizer.zero_grad(set_to_none=True)
                loss.backward()
                self.optimizer.step()

        return _timed(self.device, work) * images / (max(1, images // BATCH) * BATCH)

    def evaluate(self, images: int) -> float:
        """Seconds for so many images' worth of forward passes."""
        self.model.eval()
        n = max(1, round(images / len(self.evaluated)))

        def work() -> None:
            with torch.inference_mode(), self._autocast():
                for _ in range(n):
                    self.forward(self.evaluated)

        return _timed(self.device, work) * images / (n * len(self.evaluated))


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
    plan = build_plan(spec, images)
    planned = time.perf_counter() - began
    pixels = on_device(images.pixels, device)
    model = placed(new_model(2, 0), spec, device)
    optimizer = new_optimizer(model, spec.lr)
    bare = Bare(size, device, precision)
    held_out = images.validation[: max(1, len(images.train) * len(images.validation) // len(split.train))]

    def train() -> object:
        return train_epoch(model, optimizer, training_batches(pixels, plan, spec, 1, device), spec, device)

    bare.train(2 * BATCH)  # first steps choose kernels and take memory
    bare.evaluate(1)
    train() if device.type == "cuda" else None
    found: dict[str, list[float]] = {"limit": [], "training": [], "whole": [], "whole_limit": []}
    for _ in range(repeats):
        # The bare step before and after, so that a machine that slows down meanwhile favours neither.
        before = bare.train(len(plan) // 2)
        forward = bare.evaluate(len(held_out))
        trained = _timed(device, train)
        predicted = _timed(device, lambda: predict(model, pixels, held_out, spec, device))
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
        for technique in techniques():
            done = in_fresh_process(
                "benchmarks.throughput", "epoch_of", technique.name, size, rows[size], device, precision, threads, n
            )
            found = done.value
            lines.append(
                [
                    technique.name,
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


class Notebook:
    """The notebook's data set: PIL opens, repeats and resizes an image each time it is asked for."""

    def __init__(self, files: list[Path], labels: np.ndarray, size: int):
        from torchvision import transforms

        self.files, self.labels = files, labels
        self.transform = transforms.Compose(
            [
                transforms.Grayscale(num_output_channels=3),
                transforms.Resize((size, size)),
                transforms.ToTensor(),
                transforms.Normalize([0.5] * 3, [0.5] * 3),
            ]
        )

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        from PIL import Image

        with Image.open(self.files[index]) as image:
            return self.transform(image), int(self.labels[index])


def training_files(folder: Path, n: int, size: int) -> tuple[list[Path], np.ndarray]:
    """JPEG files of the first ``n`` training images: those of the parquet as they are, the phantom's saved."""
    from PIL import Image

    files, labels = [], []
    if source() == "phantom":
        found = load(size)
        for row in range(min(n, len(found))):
            files.append(folder / f"{row}.jpg")
            Image.fromarray(np.asarray(found.pixels[row])).save(files[-1], quality=90)
            labels.append(int(found.labels[row]))
        return files, np.array(labels)
    import pyarrow.parquet as pq

    table = pq.read_table(next(Path(source()).rglob("train-*.parquet")))
    step = max(1, len(table) // n)
    for row, record in enumerate(table.take(list(range(0, len(table), step))[:n]).to_pylist()):
        files.append(folder / f"{row}.jpg")
        files[-1].write_bytes(record["image"]["bytes"])
        labels.append(int(record["label"]))
    return files, np.array(labels)


def notebook_epoch(size: int, n: int, device_name: str, threads: int) -> dict[str, float]:
    """In a process of its own: one epoch the notebook's way; the first batches, in which workers start, count too."""
    from torch.utils.data import DataLoader

    device = torch.device(device_name)
    torch.set_num_threads(threads)
    with tempfile.TemporaryDirectory() as name:
        files, labels = training_files(Path(name), n, size)
        model = new_model(2, 0).to(device)
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-4)
        criterion = nn.CrossEntropyLoss()
        loader: DataLoader = DataLoader(Notebook(files, labels, size), BATCH, shuffle=True, num_workers=2)  # type: ignore[arg-type]
        model.train()

        def work() -> None:
            running = 0.0
            for images, targets in loader:
                images, targets = images.to(device), targets.to(device)
                optimizer.zero_grad()
                loss = criterion(model(images), targets)
                loss.backward()
                optimizer.step()
                running += loss.item() * len(targets)

        took = _timed(device, work)
    return {"images_per_second": len(files) / took, "seconds": took}


def our_epoch(size: int, n: int, device_name: str, threads: int, precision: str) -> dict[str, float]:
    """In a process of its own: one baseline epoch of a trial."""
    device = torch.device(device_name)
    torch.set_num_threads(threads)
    keep_freed_memory()
    images, _ = images_and_split(size, n)
    spec = TrialSpec("baseline", lr=1e-4, epochs=1, seed=0, image_size=size, batch_size=BATCH, precision=precision)
    plan = build_plan(spec, images)
    pixels = on_device(images.pixels, device)
    model = placed(new_model(2, 0), spec, device)
    optimizer = new_optimizer(model, spec.lr)
    batches = training_batches(pixels, plan, spec, 1, device)
    took = _timed(device, lambda: train_epoch(model, optimizer, batches, spec, device))
    return {"images_per_second": len(plan) / took, "seconds": took}


def notebook_table(size: int, n: int, device: str, precision: str, repeats: int) -> None:
    """Both ways with all cores for one training, and ours as a sweep runs: a trial a core."""
    threads = cores()
    here = "benchmarks.throughput"
    rates: dict[str, list[float]] = {"notebook": [], "one": [], "float32": [], "each": []}
    peaks: dict[str, list[Measured]] = {name: [] for name in rates}
    for _ in range(repeats):
        for name, call in (
            ("notebook", ("notebook_epoch", size, n, device, threads)),
            ("one", ("our_epoch", size, n, device, threads, precision)),
            ("float32", ("our_epoch", size, n, device, threads, "float32")),
        ):
            done = in_fresh_process(here, *call)
            rates[name].append(done.value["images_per_second"])
            peaks[name].append(done)
        if device == "cpu":
            each = _at_once(threads, here, "our_epoch", size, n, device, 1, precision)
            rates["each"].append(sum(done.value["images_per_second"] for done in each))
            peaks["each"] += each
    theirs = statistics.median(rates["notebook"])
    lines = []
    for name, label in (
        ("notebook", "the notebook's way: PIL, DataLoader (2 workers), float32"),
        ("one", f"a trial here, {precision}"),
        ("float32", "a trial here, float32"),
        ("each", f"{threads} trials at once here, 1 thread each, {precision} (the default): together"),
    ):
        if not rates[name]:
            continue
        rate = statistics.median(rates[name])
        peak = statistics.median(p.peak for p in peaks[name])
        lines.append([label, f"{rate:.1f}", times(rate / theirs), gigabytes(peak)])
    show(
        f"The baseline on all cores: {size} px, batch {BATCH}, {threads} threads, {device}",
        ["way", "images/s", "ratio", "peak memory (without loader workers)"],
        lines,
        [f"One epoch over {n:,} training images, loader's start included; in turn, medians of {repeats}."],
    )


def _at_once(count: int, *call: Any) -> list[Measured]:
    """The same call in several fresh processes side by side."""
    with ThreadPoolExecutor(count) as pool:
        return [started.result() for started in [pool.submit(in_fresh_process, *call) for _ in range(count)]]


def study_table(device: str, precision: str, size: int, rows: int | None, epochs: int) -> None:
    """The study's whole table in one process: six techniques, 5 epochs, its batch size and learning rate."""
    images, _ = images_and_split(size, rows)
    lines, total = [], 0.0
    for technique in techniques():
        spec = TrialSpec(
            technique.name, lr=0.005, epochs=epochs, seed=0, image_size=size, batch_size=BATCH, precision=precision,
            strength=technique.effective_strength(0.0),
        )  # fmt: skip
        with tempfile.TemporaryDirectory() as name:
            folder = TrialFolder(Path(name))
            began = time.perf_counter()
            state = train_trial(spec, images, folder, device=torch.device(device))
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
            found = _at_once(count, "benchmarks.throughput", "packed_step", size, device, precision, compile_mode, 20.0)
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
    parser.add_argument("--parts", default="techniques,notebook", help="techniques, notebook, study, packed")
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
    if "notebook" in parts:
        notebook_table(sizes[-1], min(rows[sizes[-1]], 10**6), given.device, precision, given.repeats)
    if given.study or "study" in parts:
        study_table(given.device, precision, sizes[-1], None, given.study_epochs)
    if given.packed:
        packed_table(list(numbers(given.packed)), sizes, given.device, precision, given.compile)


if __name__ == "__main__":
    main()
