"""Fills a cache entry from a source: labels are checked first, then every image is decoded once."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np

from balancing.cache import Cache, content_fingerprint
from balancing.decoding import BadImage, BadImages, decode_all
from balancing.errors import UserError
from balancing.pixelfile import PixelWriter
from balancing.sources.base import Listing, Source, unique_names


def encode_labels(listing: Listing) -> tuple[np.ndarray, tuple[str, ...], tuple[str, ...]]:
    """Class numbers, class names and notes of a listing.

    Returns:
        labels (N,) int64 in 0..C-1; C names; notes. Names without any image are left out.
    Raises:
        UserError: no image, an image without a label, a number without a name, or one class only.
    """
    if not listing.labels:
        raise UserError("the source holds no images; check the path or the split names")
    names = listing.class_names
    missing = [i for i, label in enumerate(listing.labels) if label is None or (names is not None and label == -1)]
    if missing:
        where = Counter(listing.splits[i] for i in missing)
        raise UserError(
            f"{len(missing)} of {len(listing.labels)} images have no label "
            f"({', '.join(f'{count} in {split}' for split, count in where.items())}), such as "
            f"{listing.names[missing[0]]}; every image needs one: leave them out of the source"
        )
    notes: list[str] = []
    if names is None:
        values = set(listing.labels)
        if len({type(value) for value in values}) > 1:
            values = {str(value) for value in values}
            listing.labels[:] = map(str, listing.labels)
        index = {value: i for i, value in enumerate(sorted(values))}
        names = tuple(str(value) for value in index)
        labels = np.array([index[label] for label in listing.labels], dtype=np.int64)
    else:
        labels = np.array(listing.labels, dtype=np.int64)
        outside = np.flatnonzero((labels < 0) | (labels >= len(names)))
        if len(outside):
            raise UserError(
                f"{listing.names[outside[0]]} has label {labels[outside[0]]}, but there are {len(names)} class names "
                f"(0..{len(names) - 1}: {', '.join(names)}); repair the labels"
            )
        present = np.bincount(labels, minlength=len(names)) > 0
        if not present.all():
            absent = [name for name, there in zip(names, present, strict=True) if not there]
            notes.append(f"No image has the class {', '.join(absent)}: left out of the classes.")
            labels = (np.cumsum(present) - 1)[labels]
            names = tuple(name for name, there in zip(names, present, strict=True) if there)
    if len(names) < 2:
        raise UserError(
            f"all {len(labels)} images are of one class, {names[0]}; at least two classes are needed: "
            "check the path or the label column"
        )
    return labels, names, tuple(notes)


def fill_entry(
    folder: Path, source: Source, image_size: int, *, cache: Cache, skip_bad: bool, workers: int | None, progress: bool
) -> dict[str, Any]:
    """Writes pixels.npy, rows.parquet and perhaps masks.npy; returns the rest for meta.json.

    Raises:
        BadImages: some images cannot be read, and ``skip_bad`` is off; all are named.
        UserError: see `encode_labels`; no room on the disk.
    """
    listing = source.listing()
    labels, class_names, notes = encode_labels(listing)
    total = len(labels)
    cache.require_room(int(1.1 * total * image_size**2))
    names = unique_names(listing.names, listing.splits)

    def before_colour() -> None:
        cache.require_room(int(1.1 * 3 * total * image_size**2))

    writer = PixelWriter(folder / "pixels.npy", image_size, before_colour)
    kept: list[int] = []
    bad: list[BadImage] = []
    seen: list[tuple[int, int, int, str]] = []
    images = contextlib.closing(decode_all(source.contents(), image_size, workers))
    with contextlib.closing(writer), images as stream, _progress_bar(total, progress) as advance:
        for row, decoded in enumerate(stream):
            if isinstance(decoded, str):
                bad.append(BadImage(names[row], decoded))
            elif skip_bad or not bad:
                writer.append(decoded.pixels)
                kept.append(row)
                seen.append((decoded.width, decoded.height, decoded.channels, decoded.sha256))
            advance()
        if bad and (not skip_bad or not kept):
            raise BadImages(bad, total)
        pixels_sha256 = writer.finish()
    if len(kept) + len(bad) != total:
        raise UserError(
            f"{source.name} listed {total} images but gave {len(kept) + len(bad)}; did it change? Run again"
        )
    if len(np.unique(labels[kept])) < len(class_names):
        raise UserError(f"without the {len(bad)} bad images a class of {', '.join(class_names)} has none left")
    if 0 < writer.colour_images < len(kept):
        some = f"{writer.colour_images} of {len(kept)} images"
        notes += (f"{some} differ between their colour channels, so all are stored with three.",)
    if bad:
        notes += (f"{len(bad)} of {total} images cannot be read and are left out, as --skip-bad asks.",)

    masks = source.masks()
    if masks is not None:
        array = np.lib.format.open_memmap(
            folder / "masks.npy", mode="w+", dtype=np.bool_, shape=(len(kept), image_size, image_size)
        )
        chosen = set(kept)
        for row, mask in zip(kept, (m for i, m in enumerate(masks) if i in chosen), strict=True):
            array[row] = mask
        array.flush()
        del array

    patients = listing.patients
    _write_rows(
        folder / "rows.parquet",
        name=[names[row] for row in kept],
        label=labels[kept],
        split=[listing.splits[row] for row in kept],
        patient=[patients[row] if patients else None for row in kept],
        width=[item[0] for item in seen],
        height=[item[1] for item in seen],
        channels=[item[2] for item in seen],
        sha256=[item[3] for item in seen],
    )
    return {
        "class_names": list(class_names),
        "fingerprint": content_fingerprint(writer.shape, pixels_sha256, class_names, labels[kept]),
        "has_patients": patients is not None,
        "notes": [*listing.notes, *notes],
        "bad": [[image.name, image.reason] for image in bad],
    }


def _write_rows(path: Path, **columns: Any) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema(
        [("name", pa.string()), ("label", pa.int64()), ("split", pa.string()), ("patient", pa.string())]
        + [(name, pa.int64()) for name in ("width", "height", "channels")]
        + [("sha256", pa.string())]
    )
    pq.write_table(pa.table(columns, schema=schema), path)


@contextlib.contextmanager
def _progress_bar(total: int, wanted: bool) -> Iterator[Callable[[], None]]:
    """A bar on stderr where it is a terminal and rich is installed; else nothing."""
    bar: AbstractContextManager[Any] | None = None
    if wanted:
        try:
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

            console = Console(stderr=True)
            if console.is_terminal:
                columns = (TextColumn("decoding images"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
                bar = Progress(*columns, console=console, transient=True)
        except ImportError:
            pass
    if bar is None:
        yield lambda: None
        return
    with bar as shown:
        task = shown.add_task("decode", total=total)
        yield lambda: shown.advance(task)
