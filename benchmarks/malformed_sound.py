"""The sound inputs that malformed ones are made from: images in every kind of source, finished runs, a checkpoint."""

from __future__ import annotations

import io
import json
import os
import shutil
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

SIZE = 32
# Images of NORMAL and PNEUMONIA in each part.
_COUNTS = {"train": (24, 14), "val": (8, 6), "test": (8, 6)}
CLASSES = ("NORMAL", "PNEUMONIA")
# What every command on data is given besides: small, and no weights to download.
SMALL = ("demo", "--image-size", str(SIZE))


def picture(seed: int, size: int = SIZE) -> Image.Image:
    """A grey image of noise over a slope, so that no two are equal."""
    rng = np.random.default_rng(seed)
    slope = np.linspace(0, 120, size)[:, None] * np.ones(size)
    return Image.fromarray((slope + rng.integers(0, 100, (size, size))).astype(np.uint8))


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def named_images() -> list[tuple[str, str, str, bytes]]:
    """(split, class, file name, PNG) of each image."""
    found: list[tuple[str, str, str, bytes]] = []
    for split, counts in _COUNTS.items():
        for name, count in zip(CLASSES, counts, strict=True):
            for _ in range(count):
                seed = len(found)
                found.append((split, name, f"p{seed:03d}.png", encoded(picture(seed))))
    return found


def make_sound(root: Path) -> None:
    """Writes all sound inputs below ``root``; trains four small networks for a run."""
    images = named_images()
    for split, label, name, content in images:
        path = root / "images" / split / label / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    with zipfile.ZipFile(root / "images.zip", "w") as archive:
        for split, label, name, content in images:
            archive.writestr(f"{split}/{label}/{name}", content)
    for split in _COUNTS:
        rows = [image for image in images if image[0] == split]
        write_table(root / "hub" / "data" / f"{split}-00000-of-00001.parquet", rows)
    write_table(root / "images.parquet", images)
    write_npz(root / "images.npz")
    _make_run(root, "run", ("baseline", "oversampling"))
    other = copied(root / "run", root / "other")  # another run by its id alone
    info = json.loads((other / "run.json").read_bytes())
    (other / "run.json").write_text(json.dumps({**info, "id": "0" * 12}))
    best = sorted((root / "run" / "trials").glob("*/best.pt"))[0]
    os.link(best, root / "network.pt")


def write_table(path: Path, rows: Sequence[tuple[str, str, str, bytes]]) -> None:
    """The Hub's layout: an image column of bytes and path, a label column."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    path.parent.mkdir(parents=True, exist_ok=True)
    cells = [{"bytes": content, "path": name} for _, _, name, content in rows]
    pq.write_table(pa.table({"image": cells, "label": [CLASSES.index(label) for _, label, _, _ in rows]}), path)


def arrays() -> dict[str, np.ndarray]:
    """MedMNIST's arrays of the same pictures."""
    found: dict[str, np.ndarray] = {}
    seed = 0
    for split, counts in _COUNTS.items():
        n = sum(counts)
        found[f"{split}_images"] = np.stack([np.asarray(picture(seed + number)) for number in range(n)])
        found[f"{split}_labels"] = np.repeat([0, 1], counts).astype(np.uint8)[:, None]
        seed += n
    return found


def write_npz(path: Path, **changed: np.ndarray) -> None:
    with path.open("wb") as file:
        np.savez(file, allow_pickle=False, **{**arrays(), **changed})


def _make_run(root: Path, name: str, techniques: Sequence[str]) -> None:
    """A finished run as Ray's workers would leave it, trained here: two seeds of each technique, one epoch."""
    import torch

    from sweep.config.config import build_config, read_file
    from sweep.planning.prepare import prepare
    from sweep.runs.run import Run
    from sweep.runs.selection import select
    from sweep.training.inputs import SplitImages
    from sweep.training.predict import predict_part
    from sweep.training.trial import Trial

    config = build_config(
        read_file("demo"),
        {
            "data.source": str(root / "images"),
            "data.image_size": SIZE,
            "space.techniques": list(techniques),
            "space.epochs": 1,
        },
    )
    inputs = prepare(config).in_precision("float32")
    images, split = inputs.images, inputs.split
    run = Run.create(
        root / name,
        config_yaml=config.to_yaml(),
        images=images,
        split=split,
        positive=inputs.positive,
        notes=inputs.notes,
    )
    if inputs.audit is not None:
        run.write_audit(inputs.audit)
    run.update_info(precision="float32")
    specs = inputs.specs(config)
    run.write_specs(specs)
    seen = SplitImages(images.pixels, images.labels, images.class_names, split.train, split.validation, split.test)
    for spec in specs:
        Trial(spec, seen, run.trial(spec.trial_id), device=torch.device("cpu")).run()
    run.write_selection(select(run.trials(), config.sweep.metric))
    chosen = [trial_id for choice in run.selection() for trial_id in choice["trial_ids"]]
    run.record_test_opening(chosen)
    for trial_id in chosen:
        predict_part(run.trial(trial_id), seen, "test", torch.device("cpu"))
    run.update_info(status="finished")


def copied(source: Path, target: Path) -> Path:
    """A copy of a folder, in which networks are further names of the same file: damage must replace, not write."""

    def copy(old: str, new: str) -> None:
        if old.endswith(".pt"):
            os.link(old, new)
        else:
            shutil.copyfile(old, new)

    shutil.copytree(source, target, copy_function=copy)
    return target
