"""Fills a cache entry from a source: labels are checked first, then every image is decoded once."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from balancing.data.cache import Cache, content_fingerprint
from balancing.data.classes import Encoded, encode_labels
from balancing.data.masks import fitted_mask
from balancing.data.options import NONE, Options
from balancing.data.pixels.decoding import BadImage, BadImages, Decoded, Manner, decode_all
from balancing.data.pixels.dicom import MISSING, require
from balancing.data.pixels.dicom_grey import window_note
from balancing.data.pixels.greybits import BITS, UNIT, bits_for, float_note, float_range, grey_note, holds
from balancing.data.pixels.pixelfile import PixelWriter
from balancing.data.sources.base import Source, unique_names
from balancing.data.text import shown
from balancing.errors import UserError

# A pass that finds 16-bit greys of more bits than it tried begins anew at once, in this first part of the images.
_EARLY = 1 / 8
_ONE_PATIENT = 10  # DICOM images that all name one patient: fewer may well be of one

# Given how many images there are: within it, what it gives is called after each.
# Given the classes before anything is decoded; raises where they will not do.
Check = Callable[[Encoded], None]
Bar = Callable[[int], AbstractContextManager[Callable[[], None]]]


def no_check(encoded: Encoded) -> None:
    """Finds nothing."""


@contextlib.contextmanager
def no_bar(total: int) -> Iterator[Callable[[], None]]:
    """Shows nothing."""
    yield lambda: None


def fill_entry(
    folder: Path, source: Source, image_size: int, *, cache: Cache, check: Check, workers: int | None, bar: Bar
) -> dict[str, Any]:
    """Writes pixels.npy, rows.parquet and perhaps masks.npy; returns the rest for meta.json.

    Raises:
        BadImages: some images cannot be read, and ``skip_bad`` is off; all are named.
        UserError: see `encode_labels`; no room on the disk; pydicom is missing; floats that no range holds.
    """
    whole = source.listing()
    used = source.options or Options()
    encoded = encode_labels(whole, used)
    listing, labels, class_names, notes = encoded.listing, encoded.labels, encoded.class_names, encoded.notes
    left_out = set(range(len(whole.labels))).difference(encoded.rows.tolist())
    require(listing.names)
    check(encoded)
    total = len(labels)
    cache.require_room(int(1.1 * total * image_size**2))
    names = unique_names(listing.names, listing.splits)

    def before_colour() -> None:
        cache.require_room(int(1.1 * 3 * total * image_size**2))

    def decoded_by(manner: Manner) -> _Pass:
        writer = PixelWriter(folder / "pixels.npy", image_size, before_colour)
        images = contextlib.closing(decode_all(_without(source.contents(), left_out), manner, workers))
        with contextlib.closing(writer), images as stream, bar(total) as advance:
            return _one_pass(stream, names, writer, manner, skip_bad=used.skip_bad, advance=advance)

    done = decoded_by(Manner(image_size, BITS[0], UNIT, used.resize, used.page))
    while done.needs != done.tried:
        done = decoded_by(done.needs)
    kept, bad, seen, writer = done.kept, done.bad, done.seen, done.writer
    if len(np.unique(labels[kept])) < len(class_names):
        raise UserError(f"without the {len(bad)} bad images a class of {', '.join(class_names)} has none left")
    if 0 < writer.colour_images < len(kept):
        some = f"{writer.colour_images:,} of {len(kept)} images"
        notes += (f"{some} differ between their colour channels, so all are stored with three.",)
    if done.used:
        notes += (grey_note(done.used, len(kept)),)
    if done.floats:
        notes += (float_note(done.floats, len(kept), *done.tried.floats),)
    if done.cut:
        notes += (
            f"{done.cut:,} of {len(kept):,} images have 16-bit colours, of which the upper 8 bits are read: colours "
            "that use fewer bits lose theirs, so write such images with 8 bits a colour.",
        )
    if bad:
        notes += (f"{len(bad)} of {total} images cannot be read and are left out, as --skip-bad asks.",)

    patients, patients_from = listing.patients, None
    if patients is not None and used.patient_column is not None:
        patients_from = f"column '{used.patient_column}'"
    in_dicom = Counter(item.shown_by for item in done.dicom if item is not None)
    if in_dicom:
        notes += (window_note(in_dicom, len(kept)),)
        if patients is None and used.patient_column != NONE:
            patients, note = _patients_of_dicom(done, total)
            notes += (note,) if note else ()
            patients_from = "the PatientID of the DICOM files"

    masks = source.masks()
    if masks is not None:
        array = np.lib.format.open_memmap(
            folder / "masks.npy", mode="w+", dtype=np.bool_, shape=(len(kept), image_size, image_size)
        )
        chosen = set(kept)
        for row, mask in zip(kept, (m for i, m in enumerate(_without(masks, left_out)) if i in chosen), strict=True):
            array[row] = fitted_mask(mask, image_size, used.resize)
        array.flush()
        del array

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
        "grey_bits": done.tried.bits if done.used else None,
        "float_range": list(done.tried.floats) if done.floats else None,
        "has_patients": patients is not None,
        "patients_from": patients_from,
        "notes": [*listing.notes, *notes],
        "patient_pattern": used.patient_pattern,
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


class InDicom(NamedTuple):
    """What is kept of a DICOM image beside ``Seen``; see ``Decoded``."""

    patient: str | None
    shown_by: str


@dataclass
class _Pass:
    """What decoding all images once gave.

    Args:
        writer: of the pixels.
        tried: how they were decoded.
        needs: how they turned out to need to be decoded; where that is another manner, the pixels are of no use.
        kept: the rows that could be read.
        seen: each of those, without its pixels.
        dicom: of each of those; None for one that is no DICOM.
        bad: those that couldn't.
        used: number of bits -> how many have 16-bit greys of so many.
        floats: how many have floating-point pixels, and ``lowest`` and ``highest`` of all of them.
        undecided: whether no range holds these, so far.
        cut: how many have 16-bit colours cut to 8.
    """

    writer: PixelWriter
    tried: Manner
    needs: Manner
    kept: list[int] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)
    dicom: list[InDicom | None] = field(default_factory=list)
    bad: list[BadImage] = field(default_factory=list)
    used: Counter[int] = field(default_factory=Counter)
    floats: int = 0
    lowest: float = 0.0
    highest: float = 0.0
    undecided: bool = False
    cut: int = 0
    pixels_sha256: str = ""

    @property
    def fits(self) -> bool:
        """Whether all images so far were decoded as they need to be."""
        return self.needs == self.tried and not self.undecided

    def look(self, decoded: Decoded) -> None:
        """Takes up what an image needs of all."""
        if decoded.brightest is not None:
            bits = bits_for(decoded.brightest)
            self.used[bits] += 1
            self.needs = replace(self.needs, bits=max(self.needs.bits, bits))
        if decoded.floats is not None:
            self.floats += 1
            self.lowest = min(self.lowest, decoded.floats[0])
            self.highest = max(self.highest, decoded.floats[1])
            if not holds(self.tried.floats, *decoded.floats):
                floats = float_range(self.lowest, self.highest)
                self.undecided = floats is None
                self.needs = replace(self.needs, floats=floats or self.tried.floats)
        self.cut += decoded.cut


def _one_pass(
    stream: Iterable[Decoded | str],
    names: Sequence[str],
    writer: PixelWriter,
    manner: Manner,
    *,
    skip_bad: bool,
    advance: Callable[[], None],
) -> _Pass:
    """Writes the images as they come, until one has 16-bit greys or floats that ``manner`` does not hold.

    Early on, the pass ends there, for little is lost; later it goes on to learn what all use, so that one more pass
    will do. Sets of 8 bits take one pass, and nothing is kept in memory.

    Raises:
        BadImages: some images cannot be read, and ``skip_bad`` is off; or none can.
        UserError: there are more or fewer images than were listed; pydicom is missing; no range holds the floats.
    """
    total = len(names)
    done = _Pass(writer, manner, manner)
    given = 0
    for row, decoded in enumerate(stream):
        given += 1
        if row >= total:
            break
        advance()
        if decoded == MISSING:  # nobody means to leave all of these out
            raise UserError(f"{names[row]} can't be read: {MISSING}")
        if isinstance(decoded, str):
            done.bad.append(BadImage(names[row], decoded))
            continue
        done.look(decoded)
        if done.fits and (skip_bad or not done.bad):
            writer.append(decoded.pixels)
            done.seen.append(Seen.of(decoded))
        elif not done.fits and not done.undecided and row < _EARLY * total:
            return done
        done.kept.append(row)
        done.dicom.append(None if decoded.shown_by is None else InDicom(decoded.patient, decoded.shown_by))
    if done.bad and (not skip_bad or not done.kept):
        raise BadImages(done.bad, total)
    if given != total:
        raise UserError(
            f"the source listed {total} images but gave {'more' if given > total else given}; did it change? Run again"
        )
    if done.undecided:
        raise UserError(
            f"the floating-point pixels reach from {done.lowest:g} to {done.highest:g}, which tells no black and "
            "white; scale all images alike to 0..1"
        )
    if done.fits:
        done.pixels_sha256 = writer.finish()
    return done


def _patients_of_dicom(done: _Pass, total: int) -> tuple[list[str | None] | None, str]:
    """Patients of all rows by the PatientID of DICOM images; None, and why, where those tell nothing."""
    told = {row: item.patient for row, item in zip(done.kept, done.dicom, strict=True) if item is not None}
    known = {patient for patient in told.values() if patient is not None}
    if not known:
        return None, "The DICOM files name no patient: their PatientID is empty or anonymised."
    if len(known) == 1 and len(told) >= _ONE_PATIENT:
        return None, "All DICOM files have one PatientID, which is taken for none."
    if 2 * len(told) <= len(done.kept):
        return None, f"Only {len(told):,} of {len(done.kept):,} images are DICOM, so their PatientID is not used."
    return [told.get(row) for row in range(total)], ""


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
