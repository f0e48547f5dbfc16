"""Images a second of `sweep predict` on files as they are, against the bare forward pass of the same network.

    python -m benchmarks.predicting
    python -m benchmarks.predicting --images 5000 --image-size 224 --network resnet18
    python -m benchmarks.predicting --files FOLDER        # of X-rays; without it CHEST_XRAY_DIR's, or the phantom's

In one process, by turns: decoding alone (files to pixels, on all cores), the bare forward pass (the same pixels in
memory, the same batches, float32, logits thrown away), and all that `sweep predict --no-distance` does from paths to
the table's rows. Where the same cores decode and compute, predicting takes at least the time of both one after the
other, less what one leaves idle; the last column is the ratio to that.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

import numpy as np
import torch

from balancing.data.pixels.decoding import Manner, decode_all
from benchmarks.common import cores, show, source
from sweep.inference.deployed import Calibration, Deployed
from sweep.inference.inputs import gathered
from sweep.inference.predicting import Wanted, predicted
from sweep.inference.reading import Reading
from sweep.inference.rule import most_probable
from sweep.inference.stream import Stream
from sweep.training.network import new_model


def deployed_network(network: str, size: int) -> Deployed:
    """A network of random weights, whose passes take as long as a trained one's."""
    return Deployed(
        "best", "baseline", "baseline", ("benchmark",), (0,), (new_model(2, 0, architecture=network).eval(),), 0.5, 0.5,
        Reading(Manner(size), False, False), ("NORMAL", "PNEUMONIA"), 1, "probabilities", "probabilities",
        most_probable(2, 1), Calibration(1.0), {}, Path(),
    )  # fmt: skip


def write_files(folder: Path, n: int) -> None:
    """The source's images as files: X-rays with the bytes that they came in, drawings as PNG."""
    if source() == "phantom":
        from PIL import Image

        from benchmarks.common import load

        for number, pixels in enumerate(load(224, n).pixels[:n]):
            Image.fromarray(pixels).save(folder / f"{number:05}.png")
        return
    import pyarrow.parquet as pq

    number = 0
    for path in sorted(Path(source()).rglob("*.parquet")):
        for part in pq.ParquetFile(path).iter_batches(500, columns=["image"]):
            for record in part.column(0).to_pylist():
                if number == n:
                    return
                (folder / f"{number:05}.jpeg").write_bytes(record["bytes"])
                number += 1


def seconds_of(do: Callable[[], object]) -> float:
    before = perf_counter()
    do()
    return perf_counter() - before


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--image-size", type=int, default=224)
    parser.add_argument("--network", default="resnet18")
    parser.add_argument("--files", type=Path, help="a folder of images")
    parser.add_argument("--repeats", type=int, default=3, help="the median of so many turns")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        if given.files is None:
            write_files(Path(made), given.images)
        inputs = gathered([given.files or made])
        found = deployed_network(given.network, given.image_size)
        stream, paths = Stream(found), inputs.paths[: given.images]
        pixels = np.stack([image.pixels for image in decode_all(paths, found.reading.manner)])  # type: ignore[union-attr]
        some = gathered(list(paths))

        def bare() -> None:
            with torch.inference_mode():
                for start in range(0, len(pixels), stream.batch):
                    batch = found.input_of(pixels[start : start + stream.batch], stream.device)
                    stream.model(batch.contiguous(memory_format=stream.layout))

        turns: dict[str, list[float]] = {"decoding": [], "bare forward pass": [], "sweep predict": []}
        stream.pixels(pixels[: stream.batch])  # warm
        for _ in range(given.repeats):
            turns["decoding"].append(seconds_of(lambda: list(decode_all(paths, found.reading.manner))))
            turns["bare forward pass"].append(seconds_of(bare))
            turns["sweep predict"].append(seconds_of(lambda: predicted(stream, found, some, Wanted())))
    median = {name: float(np.median(values)) for name, values in turns.items()}
    both = median["decoding"] + median["bare forward pass"]
    title = f"{len(paths):,} images of {given.image_size} px, {given.network}, in batches of {stream.batch}"
    how = (
        f"{stream.device}, {cores()} cores, {torch.get_num_threads()} threads of torch; median of {given.repeats} turns"
    )
    lines = [
        [name, f"{len(paths) / took:.0f}", f"{median['bare forward pass'] / took:.0%}", f"{both / took:.0%}"]
        for name, took in median.items()
    ]
    show(title, ["", "images/s", "of the bare pass", "of both shares in turn"], lines, [how])


if __name__ == "__main__":
    main()
