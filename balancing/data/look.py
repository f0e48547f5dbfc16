"""What a source is understood as, without decoding it all: classes, splits, patients, a few images of each class.

For a look before anything long starts: a wrong reading is seen at once.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Unpack

import numpy as np

from balancing.data.classes import Encoded, encode_labels
from balancing.data.content import Content
from balancing.data.options import NONE, Options, Reading
from balancing.data.patients import patient_ids
from balancing.data.pixels.decoding import Decoded, Manner, decode
from balancing.data.pixels.greybits import BITS, bits_for
from balancing.data.positive import resolve_positive
from balancing.data.sources import open_source
from balancing.data.sources.base import Listing, Source, unique_names
from balancing.data.splits import PARTS
from balancing.data.text import shown
from balancing.errors import UserError

PER_CLASS = 4
MOST_CLASSES = 30  # of which images are shown


@dataclass(frozen=True)
class Example:
    """One image of a class.

    Args:
        class_name: its class.
        split: of the source's own, ``train``, ``validation`` or ``test``.
        name: its file name, or split and row.
        pixels: (S, S) or (S, S, 3) uint8; None where it cannot be read.
        reason: why it cannot be read, one sentence; "" else.
    """

    class_name: str
    split: str
    name: str
    pixels: np.ndarray | None
    reason: str = ""


@dataclass(frozen=True)
class Look:
    """What a source is understood as.

    Args:
        source: what the user named.
        layout: the known public data set that it looks like; None for any other.
        labels_from: in words, where the classes come from.
        class_names: (C,).
        counts: split of the source's own -> (C,) images of each class; splits without images are left out.
        patients: split -> how many patients; None where nothing tells patients apart.
        patients_note: how patients are told, or what would tell them.
        positive: index of the positive class; None for more than two, or in doubt.
        positive_note: which and why, or what is to be settled.
        folds: fold -> images; empty without folds.
        notes: sentences on what was decided, left out or assumed.
        examples: some of each class, of at most ``MOST_CLASSES`` classes.
        options: what was asked for.
    """

    source: str
    layout: str | None
    labels_from: str
    class_names: tuple[str, ...]
    counts: dict[str, list[int]]
    patients: dict[str, int] | None
    patients_note: str
    positive: int | None
    positive_note: str
    folds: dict[str, int]
    notes: tuple[str, ...]
    examples: tuple[Example, ...]
    options: Options

    @property
    def n_images(self) -> int:
        return sum(map(sum, self.counts.values()))


def look_at(
    source: str | os.PathLike[str], *, size: int = 96, per_class: int = PER_CLASS, **reading: Unpack[Reading]
) -> Look:
    """What a source is understood as.

    Only the examples are decoded; of files in folders nothing else is read, of tables with images inside they are read
    as far as the last example.

    Args:
        source: as of ``balancing.load_images``.
        size: of the examples, pixels a side.
        per_class: examples of each class, spread over its images.
        reading: see ``balancing.data.options.Options``.
    Raises:
        UserError: it can't be read, or is in doubt; see ``balancing.load_images``.
    """
    options = Options.of(reading)
    named = os.fspath(source)
    opened = open_source(
        named,
        options,
        image_size=size,
        phantom_images=reading.get("phantom_images", 900),
        phantom_seed=reading.get("phantom_seed", 0),
    )
    whole = opened.listing()
    used = opened.options or options
    encoded = encode_labels(whole, used)
    listing, labels, class_names = encoded.listing, encoded.labels, encoded.class_names
    splits = np.array(listing.splits, dtype=str)
    counts = {
        part: np.bincount(labels[splits == part], minlength=len(class_names)).tolist()
        for part in PARTS
        if (splits == part).any()
    }
    patients, patients_note = _patients(listing, used)
    totals = np.bincount(labels, minlength=len(class_names)).tolist()
    examples, formats = _examples(opened, encoded, Manner(size, resize=used.resize, page=used.page), per_class)
    if patients is None and "DICOM" in formats and used.patient_column != NONE and used.patient_pattern is None:
        patients_note = (
            "The files are DICOM: their PatientID tells patients apart, once all of them are read for a run."
        )
    positive, positive_note = _positive(class_names, totals, encoded.positive, options)
    folds = [fold for fold in listing.folds or [] if fold is not None]
    return Look(
        source=shown(named),
        layout=listing.layout,
        labels_from=_labels_from(listing.label_column),
        class_names=class_names,
        counts=counts,
        patients=None if patients is None else {part: len(set(patients[splits == part])) for part in counts},
        patients_note=patients_note,
        positive=positive,
        positive_note=positive_note,
        folds={fold: folds.count(fold) for fold in sorted(set(folds))},
        notes=(*opened.notes, *listing.notes, *encoded.notes),
        examples=tuple(examples),
        options=options,
    )


def _labels_from(column: str | None) -> str:
    if column is None:
        return "the folders or the source itself"
    whole = Path(column).suffix.lower() in (".csv", ".tsv", ".xlsx", ".jsonl", ".ndjson", ".parquet")
    return f"columns of {column}" if whole else f"column '{column}'"


def _patients(listing: Listing, options: Options) -> tuple[np.ndarray | None, str]:
    names = unique_names(listing.names, listing.splits)
    if listing.patients is None or options.patient_pattern is not None:
        return patient_ids(names, listing.splits, pattern=options.patient_pattern, paths=listing.paths or ())
    ids = np.array(
        [
            f"{split}/{name}" if one is None else one
            for one, name, split in zip(listing.patients, names, listing.splits, strict=True)
        ],
        dtype=object,
    )
    missing = sum(one is None for one in listing.patients)
    rest = f" {missing:,} images name none and count as a patient each." if missing else ""
    return ids, f"The data tell {len(set(ids)):,} patients.{rest}"


def _positive(
    class_names: Sequence[str], counts: Sequence[int], told: str | None, options: Options
) -> tuple[int | None, str]:
    try:
        return resolve_positive(class_names, options.positive, counts=counts, told=told)
    except UserError as error:
        return None, f"To be settled before a run: {error}."


def _examples(opened: Source, encoded: Encoded, manner: Manner, per_class: int) -> tuple[list[Example], set[str]]:
    """Images of each class, spread over its images, in the order of the classes; and the formats they have."""
    wanted: dict[int, int] = {}  # place in the source -> row of what is kept
    for label in range(min(len(encoded.class_names), MOST_CLASSES)):
        rows = np.flatnonzero(encoded.labels == label)
        spread = rows[np.linspace(0, len(rows) - 1, min(per_class, len(rows))).round().astype(int)]
        wanted |= {int(encoded.rows[row]): int(row) for row in spread}
    last = max(wanted, default=-1)
    found: dict[int, Any] = {}
    for place, content in enumerate(opened.contents()):
        if place in wanted:
            found[wanted[place]] = _decoded(content, manner)
        if place >= last:
            break
    made = []
    for row in sorted(wanted.values(), key=lambda row: (encoded.labels[row], row)):
        image = found.get(row, "the source gave fewer images than it listed")
        pixels, reason = (image.pixels, "") if isinstance(image, Decoded) else (None, str(image))
        listing, name = encoded.listing, encoded.class_names[encoded.labels[row]]
        made.append(Example(name, listing.splits[row], listing.names[row], pixels, reason))
    return made, {image.format for image in found.values() if isinstance(image, Decoded)}


def _decoded(content: Content, manner: Manner) -> Decoded | str:
    """One image; 16-bit greys by the bits that this image uses, for the whole set is not read."""
    image = decode(content, manner)
    if isinstance(image, Decoded) and image.brightest is not None and bits_for(image.brightest) < BITS[-1]:
        return decode(content, replace(manner, bits=bits_for(image.brightest)))
    return image
