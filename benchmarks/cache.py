"""Filling and opening the cache: images decoded a second, and the time to a second run's first batch.

Ours against a plain Pillow loop and against the ``map`` of ``datasets``, each in fresh processes, in turn: for large
JPEGs and for the benchmark's own images. How far our pixels are from an exact resize is measured alongside.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import io
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.common import (
    Measured,
    cores,
    gigabytes,
    in_fresh_process,
    in_turn,
    load,
    median_peak,
    median_seconds,
    seconds,
    show,
    source,
    times,
    watching_memory,
)

WIDTH, HEIGHT, QUALITY = 1300, 1000, 90
TECHNIQUES = ("baseline", "smote")
PARTS = ("load_images", "split", "plan", "first batch")
_DRAWN_SIZE, _GRAIN = (
    400,
    1.5,
)  # of the drawings before they are enlarged; grey levels, so that files weigh about 200 kB
_MODULE = "benchmarks.cache"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=400, help=f"JPEGs of {WIDTH} x {HEIGHT} to draw")
    parser.add_argument("--phantom", type=int, default=5856, help="phantom images where CHEST_XRAY_DIR is not set")
    parser.add_argument("--size", type=int, default=224, help="side of the decoded images in pixels")
    parser.add_argument("--repeats", type=int, default=5, help="runs of each, of which the median is shown")
    options = parser.parse_args(arguments)
    if options.repeats < 1 or options.size < 8 or options.images < 2 or options.phantom < 48:
        parser.error("--repeats must be 1 or more, --size 8, --images 2, --phantom 48")
    size, repeats = options.size, options.repeats
    with tempfile.TemporaryDirectory(prefix="cache-") as folder:
        large = Path(folder) / "large"
        weight = write_radiographs(large, options.images)
        what = f"grey JPEGs of {WIDTH} x {HEIGHT}, {weight / 1000:.0f} kB each on average"
        decoding_table(f"{options.images:,} {what}", large, Path(folder), size, repeats)
        if source() == "phantom":
            own = Path(folder) / "own"
            write_phantom(own, options.phantom, size)
            what = f"The phantom's {options.phantom:,} images as JPEGs of {size} x {size}"
        else:
            own = Path(source())
            what = "The chest X-rays, parquet of JPEGs of 224 x 224"
        decoding_table(what, own, Path(folder), size, repeats)
    first_batch_table(size, repeats, options.phantom)


def write_radiographs(folder: Path, n: int) -> int:
    """Draws an image folder of large JPEGs, enlarged from the phantom, with grain.

    Returns:
        mean bytes of a file.
    """
    from balancing.data.phantom import CLASS_NAMES, FEWEST, Phantom

    phantom = Phantom(max(n, FEWEST), _DRAWN_SIZE)
    rng = np.random.default_rng(0)
    written = 0
    for i in range(n):
        # Alternating classes, so that few images have both.
        path = folder / "train" / CLASS_NAMES[i % 2] / phantom.names[i].replace(".png", ".jpeg")
        path.parent.mkdir(parents=True, exist_ok=True)
        large = Image.fromarray(phantom.draw(i)).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)
        grain = _GRAIN * rng.standard_normal((HEIGHT, WIDTH), dtype=np.float32)
        pixels = np.clip(np.asarray(large) + grain, 0, 255).round().astype(np.uint8)
        Image.fromarray(pixels).save(path, quality=QUALITY)
        written += path.stat().st_size
    return written // n


def write_phantom(folder: Path, n: int, size: int) -> None:
    """The phantom as an image folder of JPEGs in its own size."""
    from balancing.data.phantom import CLASS_NAMES, Phantom

    phantom = Phantom(n, size)
    for name, split, label, pixels in zip(
        phantom.names, phantom.splits, phantom.labels.tolist(), phantom.images(), strict=True
    ):
        path = folder / split / CLASS_NAMES[label] / name.replace(".png", ".jpeg")
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path, quality=QUALITY)


def decoding_table(what: str, folder: Path, scratch: Path, size: int, repeats: int) -> None:
    offline = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "HF_HOME": str(scratch / "hf")}
    call = partial(in_fresh_process, _MODULE)
    arguments = (str(folder), str(scratch), size)
    ways = {
        f"ours, {cores()} threads": partial(call, "ours", *arguments),
        "plain Pillow loop": partial(call, "plain_loop", *arguments),
        "datasets, map": partial(call, "with_datasets", *arguments, 1, env=offline),
        "datasets, map, num_proc=2": partial(call, "with_datasets", *arguments, 2, env=offline),
    }
    runs = dict(zip(ways, in_turn(repeats, *ways.values()), strict=True))
    ours_runs, *_ = runs.values()
    n = ours_runs[0].value["images"]
    far = call("difference", *arguments).value
    rows = [
        [
            way,
            seconds(median_seconds(found)),
            f"{n / median_seconds(found):,.0f}",
            times(median_seconds(found) / median_seconds(ours_runs)),
            gigabytes(_peak(found)),
        ]
        for way, found in runs.items()
    ]
    each = "; ".join(f"{way}: {', '.join(f'{run.seconds:.2f}' for run in found)} s" for way, found in runs.items())
    show(
        f"{what}: to {n:,} grey images of {size} x {size}",
        ["", "time", "images/s", "time / ours", "peak memory"],
        rows,
        [
            f"Median of {repeats}, imports excluded, files in the system's cache. {each}.",
            f"Ours against the exact resize: {far['mean']:.3f} grey levels of difference on average, "
            f"{far['worst']:.3f} in the image that differs most, {far['most']} in the pixel that does.",
            "Ours lists the source, checks labels, decodes, hashes files and pixels and writes the cache. The plain "
            "loop opens, converts to grey, resizes and stacks in memory, in one thread. datasets: load_dataset, then "
            "map with a function that converts and resizes one image (batched=False), into its own cache as a uint8 "
            "array column.",
            "Peak memory: the most the process held, imports and mapped pages included; with num_proc=2 all its "
            "processes together, looked at every 0.1 s, pages they share counted once.",
        ],
    )


def _peak(runs: Sequence[Measured]) -> float:
    if "peak" in runs[0].value:
        return median(run.value["peak"] for run in runs)
    return median_peak(runs)


def ours(folder: str, scratch: str, size: int) -> dict[str, Any]:
    """Fills a fresh cache."""
    _import_readers()
    from balancing.data.images import load_images

    with tempfile.TemporaryDirectory(dir=scratch) as cache:
        began = time.perf_counter()
        images = load_images(folder, image_size=size, cache_dir=Path(cache))
        return {"seconds": time.perf_counter() - began, "images": len(images)}


def plain_loop(folder: str, scratch: str, size: int) -> dict[str, Any]:
    """What one writes first: every image in turn, into one array in memory."""
    _import_readers()
    began = time.perf_counter()
    pixels = np.stack([exact(opened, size) for opened in _opened(Path(folder))])
    return {"seconds": time.perf_counter() - began, "images": len(pixels)}


def _opened(folder: Path) -> Iterator[Image.Image]:
    import pyarrow.parquet as pq

    for path in sorted(folder.rglob("*.parquet")):
        for cell in pq.read_table(path, columns=["image"]).column("image"):
            yield Image.open(io.BytesIO(cell["bytes"].as_py()))
    for path in sorted(folder.rglob("*.jpeg")):
        with Image.open(path) as opened:
            yield opened


def exact(image: Image.Image, size: int) -> np.ndarray:
    """(S, S) uint8: decoded in full, grey, resized."""
    return np.asarray(image.convert("L").resize((size, size), Image.Resampling.BILINEAR))


def with_datasets(folder: str, scratch: str, size: int, processes: int) -> dict[str, Any]:
    """``datasets`` as notebooks use it, with a fresh cache."""
    import datasets

    _import_readers()
    datasets.disable_progress_bars()
    parquet = sorted(Path(folder).rglob("*.parquet"))
    watch = watching_memory(0.1) if processes > 1 else contextlib.nullcontext()
    with tempfile.TemporaryDirectory(dir=scratch) as cache, watch as memory:
        began = time.perf_counter()
        if parquet:
            loaded = datasets.load_dataset(folder, cache_dir=cache)
        else:
            loaded = datasets.load_dataset("imagefolder", data_dir=folder, cache_dir=cache)
        splits = loaded.values()
        labels = next(iter(splits)).features["label"]
        mapped = [
            split.map(
                _to_array,
                fn_kwargs={"size": size},
                remove_columns=["image"],
                features=datasets.Features(
                    {"label": labels, "pixels": datasets.Array2D(shape=(size, size), dtype="uint8")}
                ),
                num_proc=processes if processes > 1 else None,  # 1 would start a process too
            )
            for split in splits
        ]
        found = {"seconds": time.perf_counter() - began, "images": sum(map(len, mapped))}
    return {**found, "peak": memory.total} if memory else found


def _to_array(example: dict[str, Any], size: int) -> dict[str, Any]:
    return {"pixels": exact(example["image"], size)}


def difference(folder: str, scratch: str, size: int) -> dict[str, Any]:
    """Grey levels between our pixels and the exact resize: on average, in the worst image, in the worst pixel."""
    from balancing.data.images import load_images
    from balancing.data.options import Options
    from balancing.data.sources import open_source

    with tempfile.TemporaryDirectory(dir=scratch) as cache:
        images = load_images(folder, image_size=size, cache_dir=Path(cache))
        means, most = [], 0
        contents = open_source(folder, Options(), image_size=size).contents()
        for pixels, content in zip(images.pixels, contents, strict=True):
            with Image.open(io.BytesIO(content) if isinstance(content, bytes) else content) as opened:  # type: ignore[arg-type]
                away = np.abs(pixels.astype(np.int16) - exact(opened, size))
            means.append(float(away.mean()))
            most = max(most, int(away.max()))
        return {"mean": float(np.mean(means)), "worst": max(means), "most": most}


def first_batch_table(size: int, repeats: int, phantom_images: int) -> None:
    load(size, phantom_images)
    measures = [partial(in_fresh_process, _MODULE, "first_batch", name, size, phantom_images) for name in TECHNIQUES]
    in_turn(1, *measures)  # the first run, which may leave more in the cache
    runs = in_turn(repeats, *measures)
    rows = []
    for name, found in zip(TECHNIQUES, runs, strict=True):
        parts = [median(run.value["parts"][part] for run in found) for part in PARTS]
        rows.append([name, *(f"{1000 * part:.0f} ms" for part in parts), seconds(median_seconds(found))])
    each = "; ".join(
        f"{name}: {', '.join(f'{run.seconds:.3f}' for run in found)} s"
        for name, found in zip(TECHNIQUES, runs, strict=True)
    )
    late = sorted({module for found in runs for run in found for module in run.value["imported"]})
    show(
        f"Time to the first training batch of a second run, {runs[0][0].value['images']:,} images of {size} x {size}",
        ["technique", *PARTS, "in all"],
        rows,
        [
            f"Medians of {repeats} fresh processes, imports excluded, cache filled and its files in memory. {each}.",
            *([f"Imported while the clock ran: {', '.join(late)}."] if late else []),
        ],
    )


def first_batch(technique: str, size: int, phantom_images: int) -> dict[str, Any]:
    """What a second run does until its first batch is there.

    Returns:
        seconds in all and of each of ``PARTS``, the number of images, and the modules imported meanwhile.
    """
    _import_all()
    import torch

    from balancing.components.techniques import get_technique
    from balancing.data.splits import make_split
    from sweep.runs.spec import TrialSpec
    from sweep.training.batches import training_batches
    from sweep.training.hardware import on_device
    from sweep.training.inputs import SplitImages
    from sweep.training.method import method_of

    strength = get_technique(technique).strength(0.5)
    spec = TrialSpec(technique=technique, lr=1e-3, epochs=1, seed=0, strength=strength, image_size=size)
    device = torch.device("cpu")
    before = set(sys.modules)
    clock = [time.perf_counter()]
    images = load(size, phantom_images)
    clock.append(time.perf_counter())
    split = make_split(images)
    clock.append(time.perf_counter())
    seen = SplitImages(images.pixels, images.labels, images.class_names, split.train, split.validation, split.test)
    method = method_of(spec, seen)
    method.plan(1)
    clock.append(time.perf_counter())
    next(training_batches(on_device(images.pixels, device), method, spec, 1, device))
    clock.append(time.perf_counter())
    return {
        "seconds": clock[-1] - clock[0],
        "parts": dict(zip(PARTS, np.diff(clock).tolist(), strict=True)),
        "images": len(images),
        "imported": sorted(set(sys.modules) - before),
    }


def _import_readers() -> None:
    """What decoding imports when first needed; pyarrow takes pandas with it when it first writes."""
    for name in (
        "pandas",
        "pyarrow.parquet",
        "balancing.data.images",
        "balancing.data.sources.folder",
        "balancing.data.sources.parquet",
    ):
        importlib.import_module(name)
    Image.preinit()
    Image.init()


def _import_all() -> None:
    """What a run imports when first needed."""
    from balancing.components.techniques import techniques

    _import_readers()
    for name in ("balancing.components.neighbours.search", "balancing.data.sources.drawn", "sweep.training.trial"):
        importlib.import_module(name)
    techniques()


if __name__ == "__main__":
    main()
