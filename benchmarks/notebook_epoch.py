"""An epoch the notebook's way, and one of a trial here."""

from __future__ import annotations

import statistics
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from benchmarks.bare_step import BATCH, images_and_split, timed
from benchmarks.common import Measured, cores, gigabytes, in_fresh_process, load, show, source, times
from sweep.runs.spec import TrialSpec
from sweep.training.epoch import train_epoch
from sweep.training.hardware import keep_freed_memory, on_device
from sweep.training.method import method_of
from sweep.training.network import new_model, to_device
from sweep.training.optimizer import new_optimizer


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

        took = timed(device, work)
    return {"images_per_second": len(files) / took, "seconds": took}


def our_epoch(size: int, n: int, device_name: str, threads: int, precision: str) -> dict[str, float]:
    """In a process of its own: one baseline epoch of a trial."""
    device = torch.device(device_name)
    torch.set_num_threads(threads)
    keep_freed_memory()
    images, _ = images_and_split(size, n)
    spec = TrialSpec("baseline", lr=1e-4, epochs=1, seed=0, image_size=size, batch_size=BATCH, precision=precision)
    method = method_of(spec, images)
    rows = len(method.plan(1))
    pixels = on_device(images.pixels, device)
    network = to_device(new_model(2, 0), spec, device)
    optimizer = new_optimizer(network, spec.lr)
    took = timed(device, lambda: train_epoch(network, optimizer, pixels, method, spec, 1, device))
    return {"images_per_second": rows / took, "seconds": took}


def notebook_table(size: int, n: int, device: str, precision: str, repeats: int) -> None:
    """Both ways with all cores for one training, and ours as a sweep runs: a trial a core."""
    threads = cores()
    here = "benchmarks.notebook_epoch"
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
            each = at_once(threads, here, "our_epoch", size, n, device, 1, precision)
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


def at_once(count: int, *call: Any) -> list[Measured]:
    """The same call in several fresh processes side by side."""
    with ThreadPoolExecutor(count) as pool:
        return [started.result() for started in [pool.submit(in_fresh_process, *call) for _ in range(count)]]
