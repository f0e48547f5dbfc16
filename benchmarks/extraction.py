"""How fast images go through a frozen network into the store, against the bare forward pass, and what bfloat16 changes.

The bare pass is the network's body on batches that lie ready on the device, normalised and in the layout that it likes:
nothing is read, converted, checked or kept. Ours is what a sweep does: pixels of the decoded images in, an entry on
disk out. Both take turns, so that a slow spell hits both.

python -m benchmarks.extraction --images 400
python -m benchmarks.extraction --device cuda

With --threads 1 on a CPU, seconds are the processor's: what other programs take of a busy machine does not count.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from dataclasses import dataclass

import numpy as np
import torch

from benchmarks.bare_step import timed
from benchmarks.common import load, seconds, show
from sweep.runs.network_name import NetworkName
from sweep.runs.spec import TrialSpec
from sweep.training.dtype import fast_precision
from sweep.training.frozen.extract import Eye, Looks, all_cores, body_of
from sweep.training.frozen.store import VectorStore
from sweep.training.hardware import memory_format, on_device
from sweep.training.inputs import to_input
from sweep.training.network import new_model
from sweep.training.networks.weights import load_weights
from sweep.training.step import autocast

PRECISIONS = ("float32", "bfloat16")


@dataclass(frozen=True)
class Speed:
    """Seconds of each turn, and the vectors, (N, D) float32."""

    bare: list[float]
    ours: list[float]
    vectors: np.ndarray

    @property
    def ratio(self) -> float:
        """Our images a second in those of the bare pass: the median over turns."""
        return statistics.median(bare / ours for bare, ours in zip(self.bare, self.ours, strict=True))


def eye_of(network: str, weights: str, size: int, precision: str, pixels: torch.Tensor, device: torch.device) -> Eye:
    """A frozen body with images to look at; ``none`` are random weights, which take as long."""
    spec = TrialSpec(
        "baseline", lr=1e-3, epochs=1, seed=0, image_size=size, precision=precision, network=f"frozen:{network}"
    )
    if weights == "none":
        body = new_model(1, 0, architecture=NetworkName.parse(spec.network).architecture).eval()
    else:
        start, _ = load_weights(weights)
        assert start is not None
        body = body_of(spec, start)
    return Eye(body, pixels, spec, device)


def measure(eye: Eye, turns: int) -> Speed:
    """The bare pass and ours in turns, after one of each that does not count."""
    spec, device, count = eye.spec, eye.device, len(eye.pixels)
    layout = memory_format(spec.image_size, spec.precision, device)
    batch = to_input(eye.pixels[: eye.batch].to(device), spec.mean, spec.std).contiguous(memory_format=layout)
    rest = batch[: count % eye.batch].contiguous(memory_format=layout)
    kept: list[np.ndarray] = []

    def bare() -> None:
        with torch.inference_mode(), autocast(device, spec.precision):
            for _ in range(count // eye.batch):
                eye.body.features(batch)
            if len(rest):
                eye.body.features(rest)

    def ours() -> None:
        with tempfile.TemporaryDirectory() as folder:
            store = VectorStore(f"{folder}/store")
            found = store.opened("vectors", count, lambda: eye.vectors(Looks.at_all(count)))
            kept[:] = [np.array(found.rows)]

    clock = time.process_time if device.type == "cpu" and torch.get_num_threads() == 1 else time.perf_counter
    times: list[list[float]] = [[], []]
    for turn in range(turns + 1):
        for found, work in zip(times, (bare, ours), strict=True):
            took = timed(device, work, clock)
            found += [took] if turn else []
    return Speed(times[0], times[1], kept[0])


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--network", default="resnet18")
    parser.add_argument("--weights", default="none", help="none: random ones, which take as long; or as of sweep run")
    parser.add_argument("--sizes", type=int, nargs="+", default=[224])
    parser.add_argument("--images", type=int, default=400)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--threads", type=int, help="all cores by default")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    given = parser.parse_args(arguments)
    device = torch.device(given.device)
    lines = []
    for size in given.sizes:
        pixels = on_device(load(size, max(given.images, 300)).pixels[: given.images], device)
        found: dict[str, Speed] = {}
        for precision in PRECISIONS:
            with all_cores():
                torch.set_num_threads(given.threads or torch.get_num_threads())
                eye = eye_of(given.network, given.weights, size, precision, pixels, device)
                found[precision] = measure(eye, given.turns)
        lines += [_line(given.network, size, precision, len(pixels), found) for precision in PRECISIONS]
    show(
        f"Images through a frozen body on {given.device}, {given.images} images, "
        + (f"{given.threads} thread(s)" if given.threads else "all cores"),
        ["network", "size", "precision", "bare images/s", "ours images/s", "ours / bare", "took", "against float32"],
        lines,
        [
            "Against float32: each image's features; relative error (of the norm of the difference) in the median and "
            "at most, cosine at least.",
            f"precision: auto takes {fast_precision(given.device)} here.",
        ],
    )


def _line(network: str, size: int, precision: str, count: int, found: dict[str, Speed]) -> list[str]:
    speed, whole = found[precision], found["float32"].vectors.astype(np.float64)
    bare, ours = (statistics.median(values) for values in (speed.bare, speed.ours))
    said = ""
    if precision != "float32":
        other = speed.vectors.astype(np.float64)
        norms = np.linalg.norm(whole, axis=1)
        error = np.linalg.norm(other - whole, axis=1) / norms
        cosine = (other * whole).sum(axis=1) / norms / np.linalg.norm(other, axis=1)
        said = f"error {np.median(error):.2g}, at most {error.max():.2g}; cosine at least {cosine.min():.6f}"
    return [
        network,
        f"{size} px",
        precision,
        f"{count / bare:.1f}",
        f"{count / ours:.1f}",
        f"{speed.ratio:.3f}",
        seconds(ours),
        said,
    ]


if __name__ == "__main__":
    main()
