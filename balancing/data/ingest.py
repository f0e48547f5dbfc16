"""Fills a cache entry from a source: labels are checked first, then every image is decoded once."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from balancing.data.cache import Cache, content_fingerprint
from balancing.data.classes import encode_labels
from balancing.data.decoding import BadImage, BadImages, Decoded, decode_all
from balancing.data.greybits import BITS, bits_for, grey_note
from balancing.data.options import Options
from balancing.data.pixelfile import PixelWriter
from balancing.data.sources.base import Source, unique_names
from balancing.data.text import shown
from balancing.errors import UserError

# A pass that finds 16-bit greys of more bits than it tried begins anew at once, in this first part of the images.
_EARLY = 1 / 8

# Given how many images there are: within it, what it gives is called after each.
Bar = Callable[[int], AbstractContextManager[Callable[[], None]]]


@contextlib.contextmanager
def no_bar(total: int) -> Iterator[Callable[[], None]]:
    """Shows nothing."""
    yield lambda: None


def fill_entry(
    folder: Path, source: Source, image_size: int, *, cache: Cache, options: Options, workers: int | None, bar: Bar
) -> dict[str, Any]:
    """Writes pixels.npy, rows.parquet and perhaps masks.npy; returns the rest for meta.json.

    Raises:
        BadImages: some images cannot be read, and ``options.skip_bad`` is off; all are named.
        UserError: see `encode_labels`; no room on the disk.
    """
    whole = source.listing()
    encoded = encode_labels(whole, source.options or options)
    listing, labels, class_names, notes = encoded.listing, encoded.labels, encoded.class_names, encoded.notes
    left_out = set(range(len(whole.labels))).difference(encoded.rows.tolist())
    total = len(labels)
    cache.require_room(int(1.1 * total * image_size**2))
    names = unique_names(listing.names, listing.splits)

    def before_colour() -> None:
        cache.require_room(int(1.1 * 3 * total * image_size**2))

    def decoded_by(bits: int) -> _Pass:
        writer = PixelWriter(folder / "pixels.npy", image_size, before_colour)
        images = contextlib.closing(decode_all(_without(source.contents(), left_out), image_size, workers, bits))
        with contextlib.closing(writer), images as stream, bar(total) as advance:
            return _one_pass(stream, names, writer, bits, skip_bad=options.skip_bad, advance=advance)

    done = decoded_by(BITS[0])
    while done.bits > done.tried:
        done = decoded_by(done.bits)
    kept, bad, seen, writer = done.kept, done.bad, done.seen, done.writer
    if len(np.unique(labels[kept])) < len(class_names):
        raise UserError(f"without the {len(bad)} bad images a class of {', '.join(class_names)} has none left")
    if 0 < writer.colour_images < len(kept):
        some = f"{writer.colour_images:,} of {len(kept)} images"
        notes += (f"{some} differ between their colour channels, so all are stored with three.",)
    if done.used:
        notes += (grey_note(done.used, len(kept)),)
    if done.cut:
        notes += (
            f"{done.cut:,} of {len(kept):,} images have 16-bit colours, of which the upper 8 bits are read: colours "
            "that use fewer bits lose theirs, so write such images with 8 bits a colour.",
        )
    if bad:
        notes += (f"{len(bad)} of {total} images cannot be read and are left out, as --skip-bad asks.",)

    masks = source.masks()
    if masks is not None:
        array = np.lib.format.open_memmap(
            folder / "masks.npy", mode="w+", dtype=np.bool_, shape=(len(kept), image_size, image_size)
        )
        chosen = set(kept)
        for row, mask in zip(kept, (m for i, m in enumerate(_without(masks, left_out)) if i in chosen), strict=True):
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
        fold=[listing.folds[row] if listing.folds else None for row in kept],
        path=[shown(listing.paths[row]) if listing.paths else "" for row in kept],
        **{name: [getattr(item, name) for item in seen] for name in Seen._fields},
    )
    return {
        "class_names": list(class_names),
        "fingerprint": content_fingerprint(writer.shape, done.pixels_sha256, class_names, labels[kept]),
        "grey_bits": done.bits if done.used else None,
        "has_patients": patients is not None,
        "notes": [*listing.notes, *notes],
        "positive": encoded.positive,
        "layout": listing.layout,
        "bad": [[image.name, image.reason] for image in bad],
    }


def _without(items: Iterable[Any], rows: set[int]) -> Iterator[Any]:
    """All items but those of some rows, of which nothing is decoded."""
    return (item for row, item in enumerate(items) if row not in rows)


class Seen(NamedTuple):
    """What is kept of each decoded image beside its pixels; see ``Decoded``."""

    width: int
    height: int
    channels: int
    depth: int
    sha256: str
    format: str
    quality: float

    @classmethod
    def of(cls, decoded: Decoded) -> Seen:
        return cls(*(getattr(decoded, name) for name in cls._fields))


@dataclass
class _Pass:
    """What decoding all images once gave.

    Args:
        writer: of the pixels.
        tried: the bits by which 16-bit greys were scaled.
        bits: that they turned out to use; where these are more, the pixels are of no use.
        kept: the rows that could be read.
        seen: each of those, without its pixels.
        bad: those that couldn't.
        used: number of bits -> how many have 16-bit greys of so many.
        cut: how many have 16-bit colours cut to 8.
    """

    writer: PixelWriter
    tried: int
    bits: int
    kept: list[int] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)
    bad: list[BadImage] = field(default_factory=list)
    used: Counter[int] = field(default_factory=Counter)
    cut: int = 0
    pixels_sha256: str = ""


def _one_pass(
    stream: Iterable[Decoded | str],
    names: Sequence[str],
    writer: PixelWriter,
    bits: int,
    *,
    skip_bad: bool,
    advance: Callable[[], None],
) -> _Pass:
    """Writes the images as they come, until one has 16-bit greys that use more than ``bits``.

    Early on, the pass ends there, for little is lost; later it goes on to learn what all use, so that one more pass
    will do. Sets without 16-bit greys take one pass, and nothing is kept in memory.

    Raises:
        BadImages: some images cannot be read, and ``skip_bad`` is off; or none can.
        UserError: there are more or fewer images than were listed.
    """
    total = len(names)
    done = _Pass(writer, bits, bits)
    given = 0
    for row, decoded in enumerate(stream):
        given += 1
        if row >= total:
            break
        advance()
        if isinstance(decoded, str):
            done.bad.append(BadImage(names[row], decoded))
            continue
        if decoded.brightest is not None:
            done.bits = max(done.bits, bits_for(decoded.brightest))
        if done.bits > bits:
            if row < _EARLY * total:
                return done
        elif skip_bad or not done.bad:
            writer.append(decoded.pixels)
            done.seen.append(Seen.of(decoded))
        done.kept.append(row)
        if decoded.brightest is not None:
            done.used[bits_for(decoded.brightest)] += 1
        done.cut += decoded.cut
    if done.bad and (not skip_bad or not done.kept):
        raise BadImages(done.bad, total)
    if given != total:
        raise UserError(
            f"the source listed {total} images but gave {'more' if given > total else given}; did it change? Run again"
        )
    if done.bits == bits:
        done.pixels_sha256 = writer.finish()
    return done


def _write_rows(file: Path, **columns: Any) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema(
        [("name", pa.string()), ("label", pa.int64()), ("split", pa.string()), ("patient", pa.string())]
        + [("fold", pa.string()), ("path", pa.string())]
        + [(name, pa.int64()) for name in ("width", "height", "channels", "depth")]
        + [("sha256", pa.string()), ("format", pa.string()), ("quality", pa.float64())]
    )
    pq.write_table(pa.table(columns, schema=schema), file)
