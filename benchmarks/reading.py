"""What reading takes beside decoding: which images there are, of which class, split and patient.

    python -m benchmarks.reading                   # 100,000 files of one pixel; a minute, half of it to write them

Each row is a process of its own: it opens the data as a run does, lists them and makes classes of the labels. Files are
in the system's memory, as they were written just before.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.common import show

# A grey PNG of one pixel.
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b550000000a49444154789c6360000000020001"
    "48afa4710000000049454e44ae426082"
)
_CHILD = """
import sys, time
from benchmarks.common import peak_bytes
from balancing.data.options import Options
from balancing.data.sources import open_source
from balancing.data.classes import encode_labels
began = time.perf_counter()
options = Options()
opened = open_source(sys.argv[1], options, image_size=64)
opened.identity()
encoded = encode_labels(opened.listing(), opened.options or options)
seconds = time.perf_counter() - began
print(seconds, time.process_time(), len(encoded.labels), len(encoded.class_names), peak_bytes() >> 20)
"""


def write(root: Path, paths: list[str]) -> Path:
    for folder in {os.path.dirname(path) for path in paths}:
        (root / folder).mkdir(parents=True, exist_ok=True)
    for path in paths:
        with open(f"{root}/{path}", "wb") as file:
            file.write(PIXEL)
    return root


def class_folders(root: Path, count: int) -> Path:
    """split/CLASS/*, of patients' numbers."""
    parts = [("train", "test")[i % 5 == 4] for i in range(count)]
    return write(
        root, [f"{parts[i]}/{('NORMAL', 'ILL')[i % 3 == 0]}/{i // 4:08d}_{i % 4:03d}.png" for i in range(count)]
    )


def patients_and_classes(root: Path, count: int) -> Path:
    """patient/CLASS/*, a hundred images a patient."""
    return write(
        root, [f"{i // 100 + 8000}/{i % 2}/{i // 100 + 8000}_x{i % 100}_class{i % 2}.png" for i in range(count)]
    )


def table_beside(root: Path, count: int) -> Path:
    """One folder and a table of as many rows."""
    write(root, [f"images/{i:08d}.png" for i in range(count)])
    lines = [f"{i:08d},{('no', 'yes')[i % 3 == 0]},{i // 4},{('train', 'test')[i % 5 == 4]}" for i in range(count)]
    (root / "labels.csv").write_text("\n".join(["image_id,label,patient_id,split", *lines]))
    return root


def findings_table(root: Path, count: int) -> Path:
    """Twelve folders of parts and a table of as many rows, paths and fourteen columns."""
    paths = [f"images_{i % 12 + 1:03d}/images/{i // 4:08d}_{i % 4:03d}.png" for i in range(count)]
    write(root, paths)
    head = ["Image Index", "Label", "Follow-up #", "Patient ID", *(f"extra{k}" for k in range(10))]
    rows = [
        f"{path.rpartition('/')[2]},{('no', 'yes')[i % 3 == 0]},{i % 4},{i // 4}" + ",1" * 10
        for i, path in enumerate(paths)
    ]
    (root / "entries.csv").write_text("\n".join([",".join(head), *rows]))
    return root


SHAPES: dict[str, Callable[[Path, int], Path]] = {
    "split/CLASS/*": class_folders,
    "patient/CLASS/*": patients_and_classes,
    "a folder and a table": table_beside,
    "twelve folders and a table": findings_table,
}


def measured(data: Path) -> list[float]:
    """Seconds of the wall and of the processor, images, classes, and MiB at the peak."""
    found = subprocess.run([sys.executable, "-c", _CHILD, str(data)], capture_output=True, text=True, check=True)
    return [float(word) for word in found.stdout.split()]


def reading_table(count: int, scratch: str | None) -> None:
    rows = []
    for name, make in SHAPES.items():
        root = Path(tempfile.mkdtemp(dir=scratch))
        try:
            seconds, own, images, classes, peak = measured(make(root / "data", count))
        finally:
            shutil.rmtree(root)
        rows.append([name, f"{images:,.0f}", f"{classes:.0f}", f"{seconds:.1f}", f"{own:.1f}", f"{peak:,.0f}"])
    show("Listing beside decoding", ["shape", "images", "classes", "seconds", "own CPU seconds", "peak MiB"], rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--scratch", help="where the files are written; the system's folder for such by default")
    given = parser.parse_args()
    reading_table(given.images, given.scratch)


if __name__ == "__main__":
    main()
