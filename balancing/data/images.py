"""One image set, from a Hub id, a folder, parquet, .npz or the built-in phantom, as one memory-mapped uint8 array."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Unpack

import numpy as np

from balancing.data.cache import Cache, Entry, entry_key
from balancing.data.ingest import Bar, Check, fill_entry, no_bar, no_check
from balancing.data.options import Options, Reading
from balancing.data.patients import patient_ids
from balancing.data.pixels.decoding import DECODER_VERSION, BadImage, BadImages
from balancing.data.positive import resolve_positive
from balancing.data.sources import open_source, refuse_columns, refuse_options
from balancing.data.sources.arrays import PREFIX, ArraySource
from balancing.data.sources.base import Source
from balancing.data.splits import PARTS
from balancing.data.text import shown, text_array
from balancing.errors import UserError
from balancing.html import html_table

__all__ = ["BadImage", "BadImages", "ImageSet", "load_images", "resolve_positive"]

_SMALLEST, _LARGEST = 8, 2048


@dataclass(frozen=True)
class ImageSet:
    """Decoded images with what is known of each.

    Args:
        pixels: (N, H, W), or (N, H, W, 3) where an image differs between its channels; uint8, read-only,
            memory-mapped from ``pixels_path``.
        labels: (N,) int64, 0..C-1.
        class_names: (C,), C >= 2.
        splits: (N,) str, the source's own split of each image: ``train``, ``validation``, ``test``.
        names: (N,) str, original file names; unique within a split only.
        patients: (N,) str, or None where nothing tells patients apart. Ids are unique over the whole set.
        sha256: (N,) str, of the encoded bytes (of the pixels where the source holds arrays).
        widths, heights, channels: (N,) int64, as stored in the source, before resizing.
        depths: (N,) int64, bits a value as stored.
        formats: (N,) str, of the files, such as ``PNG``; ``array`` where the source holds arrays.
        qualities: (N,) float64, of JPEGs 1..100, NaN of others.
        paths: (N,) str, of the files below the data; empty where there are none.
        folds: (N,) of str or None, the source's own folds; None without any.
        masks_path: .npy of (N, H, W) bool, where lesions are known (the phantom), else None.
        source: what the user named, e.g. ``phantom`` or ``hf-vision/chest-xray-pneumonia@main``.
        kind: of the source, ``phantom``, ``local``, ``hub`` or ``arrays``; None where that is not known.
        fingerprint: hex, of the pixels and labels: equal on every machine for equal content and size.
        pixels_path: the .npy file.
        bad: images left out with ``skip_bad``.
        grey_bits: that the 16-bit greys among them use together, by which all were scaled to 8 bits; None without any.
        float_range: black and white of the floating-point images among them, by which all were scaled; None without.
        notes: sentences a user should read, e.g. how patients were told apart.
        positive: the class that the data themselves say is looked for; None where they don't.
        layout: the known public data set that they look like; None for any other.
        reading: how ``load_images`` read them, so that they can be read again; None where they were not read.
    """

    pixels: np.ndarray
    labels: np.ndarray
    class_names: tuple[str, ...]
    splits: np.ndarray
    names: np.ndarray
    patients: np.ndarray | None
    sha256: np.ndarray
    widths: np.ndarray
    heights: np.ndarray
    channels: np.ndarray
    masks_path: Path | None
    source: str
    fingerprint: str
    pixels_path: Path
    bad: tuple[BadImage, ...] = ()
    grey_bits: int | None = None
    notes: tuple[str, ...] = field(default=())
    kind: str | None = None
    reading: Reading | None = None
    depths: np.ndarray | None = None
    formats: np.ndarray | None = None
    qualities: np.ndarray | None = None
    paths: np.ndarray | None = None
    folds: np.ndarray | None = None
    positive: str | None = None
    layout: str | None = None
    float_range: tuple[float, float] | None = None

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def n_classes(self) -> int:
        return len(self.class_names)

    @property
    def image_size(self) -> int:
        """Pixels a side."""
        return int(self.pixels.shape[1])

    @property
    def decoding(self) -> dict[str, Any]:
        """How they were decoded, so that other images can be decoded alike; what is as usual is left out."""
        reading = self.reading or {}
        how = {"resize": reading.get("resize"), "page": reading.get("page"), "float_range": self.float_range}
        usual = (None, "squash")
        return {"grey_bits": self.grey_bits, **{name: value for name, value in how.items() if value not in usual}}

    @classmethod
    def from_arrays(
        cls,
        pixels: np.ndarray,
        labels: np.ndarray | Sequence[int] | Sequence[str],
        *,
        patients: np.ndarray | Sequence[Any] | None = None,
        class_names: Sequence[str] | None = None,
        names: np.ndarray | Sequence[str] | None = None,
        splits: np.ndarray | Sequence[str] | None = None,
        image_size: int | None = None,
    ) -> ImageSet:
        """Images that are at hand as arrays. Like those of any source they are written into the cache, from where
        trials read them, and where a run finds them again by ``source``, ``arrays:`` and a digest.

        Args:
            pixels: (N, H, W), or (N, H, W, 3) in colour; uint8. Colour images that are grey are stored as such.
            labels: (N,) whole numbers, 0..C-1 where ``class_names`` are given; or class names.
            patients: (N,) ids of any kind; one that is missing (None, NaN) is a patient of its own. None where nothing
                tells patients apart: then each image counts as a patient, unless ``names`` are like the chest X-rays'
                (``person12_...``) and tell.
            class_names: (C,); by default the labels themselves, sorted.
            names: (N,) of the images, for records and the report; their numbers by default.
            splits: (N,) ``train``, ``validation`` or ``test``; by default all are ``train``, and are split later.
            image_size: pixels a side, to which images are resized; by default they stay, and must be square.
        Raises:
            UserError: an array has a wrong type, shape or length; see ``load_images`` for the rest.
        """
        source = ArraySource(pixels, labels, patients=patients, class_names=class_names, names=names, splits=splits)
        size = _checked_size(source.side() if image_size is None else image_size)
        cache = Cache()
        key = _arrays_key(source.name, size)
        entry = cache.find(key) or cache.build(
            key,
            lambda folder: fill_entry(folder, source, size, cache=cache, check=no_check, workers=None, bar=no_bar),
        )
        return _image_set(entry, source.name, source.kind, {}, tuple(cache.notes))

    def _repr_html_(self) -> str:
        """For notebooks: how many images of each class each of the source's own splits holds."""
        counts = {name: np.bincount(self.labels[self.splits == name], minlength=self.n_classes) for name in PARTS}
        there = [name for name in PARTS if counts[name].any()]
        title = f"{self.source}: {len(self):,} images, {self.image_size} pixels a side"
        rows = [[name, *(f"{counts[part][c]:,}" for part in there)] for c, name in enumerate(self.class_names)]
        return html_table(title, ["class", *there], rows)


def load_images(
    source: str | os.PathLike[str],
    *,
    image_size: int = 224,
    cache_dir: Path | None = None,
    workers: int | None = None,
    bar: Bar = no_bar,
    check: Check = no_check,
    **reading: Unpack[Reading],
) -> ImageSet:
    """The images of a source, decoded once into a cache and memory-mapped from there ever after.

    Args:
        source: ``phantom``; a local path: an image folder (``train|val|test/CLASS/*`` or ``CLASS/*``), a folder of
            parquet files (the Hub's layout), a .zip of either, one .parquet, a MedMNIST .npz; or else a Hub id
            with optional ``@revision``; or the ``source`` of images that ``ImageSet.from_arrays`` has put into the
            cache.
        image_size: side of the square images in pixels, 8..2048.
        cache_dir: by default $BALANCING_ACT_CACHE, or else ~/.cache/balancing-act.
        workers: decoding threads; the number of cores by default.
        bar: shows how decoding gets on; nothing by default.
        check: is given the classes before anything is decoded, and may raise.
        reading: see ``Reading``.
    Raises:
        BadImages: images that cannot be read, all of them; nothing is left in the cache.
        UserError: anything else a user can mend: no such path or column, the Hub out of reach, one class only,
            images without a label, no room in the cache.
    """
    if not isinstance(source, str | os.PathLike):
        raise UserError(f"source must be 'phantom', a path or a Hub id, but is {source!r}; give one of them")
    source, image_size = os.fspath(source), _checked_size(image_size)
    options = Options.of(reading)
    if source.startswith(PREFIX):
        return _kept_arrays(source, image_size, cache_dir, reading)
    drawn = (reading.get("phantom_images", 900), reading.get("phantom_seed", 0))
    phantom_images, phantom_seed = (one.item() if isinstance(one, np.integer) else one for one in drawn)
    opened = open_source(
        source, options, image_size=image_size, phantom_images=phantom_images, phantom_seed=phantom_seed
    )
    opened.options = opened.options or options
    cache = Cache(cache_dir)
    settings = [image_size, options.given(), DECODER_VERSION]
    entry, notes = _remembered(opened, cache, settings)
    if entry is None:
        readable = os.path.abspath(os.path.expanduser(source)) if opened.kind == "local" else source
        key = entry_key(readable, image_size, [opened.identity(), *settings])
        entry = cache.find(key) or cache.build(
            key,
            lambda folder: fill_entry(folder, opened, image_size, cache=cache, check=check, workers=workers, bar=bar),
        )
        if opened.remembered:
            cache.remember([opened.name, *settings], key)
    notes = (*opened.notes, *cache.notes, *notes)
    return _image_set(entry, source, opened.kind, reading, notes)


def _checked_size(image_size: Any) -> int:
    whole = isinstance(image_size, int | np.integer) and not isinstance(image_size, bool)
    if not whole or not _SMALLEST <= image_size <= _LARGEST:
        raise UserError(f"image_size must be a whole number in {_SMALLEST}..{_LARGEST}, but is {image_size!r}")
    return int(image_size)


def _arrays_key(source: str, image_size: int) -> str:
    return entry_key("arrays", image_size, [source, image_size, DECODER_VERSION])


def _kept_arrays(source: str, image_size: int, cache_dir: Path | None, reading: Reading) -> ImageSet:
    """What ``ImageSet.from_arrays`` has put into the cache.

    Raises:
        UserError: it is not there, or not in this size; or columns were named.
    """
    options = Options.of(reading)
    refuse_columns(options, source)
    decided = set(options.given()) - {"positive", "patient_pattern", "patient_column"}
    refuse_options(options, decided, "arrays that a program gave, which are read as they are")
    cache = Cache(cache_dir)
    entry = cache.find(_arrays_key(source, image_size))
    if entry is None:
        raise UserError(
            f"{source} were arrays in a program, and the cache {cache.folder} does not hold them with {image_size} "
            "pixels a side; give them once more by balancing.ImageSet.from_arrays(..., image_size=...)"
        )
    return _image_set(entry, source, "arrays", reading, tuple(cache.notes))


def _remembered(source: Source, cache: Cache, settings: list[Any]) -> tuple[Entry | None, tuple[str, ...]]:
    """What a Hub id led to last: taken at once for a pinned revision, else where the Hub is out of reach."""
    if not source.remembered:
        return None, ()
    entry = cache.recall([source.name, *settings])
    if entry is None:
        return None, ()
    if source.pinned:
        return entry, ()
    try:
        source.identity()
    except UserError as error:
        note = f"The Hub could not be asked, so the images decoded on {entry.meta['created']} are used ({error})."
        return entry, (note,)
    return None, ()


def _image_set(
    entry: Entry,
    source: str,
    kind: str,
    reading: Reading,
    notes: tuple[str, ...],
) -> ImageSet:
    import pyarrow.parquet as pq

    with pq.ParquetFile(entry.rows_path) as file:  # read_table would import pyarrow.dataset, for a tenth of a second
        table = file.read(use_threads=False)
    rows = {name: table.column(name).to_pylist() for name in table.column_names}
    meta = entry.meta
    patient_pattern = reading.get("patient_pattern") or meta.get("patient_pattern")
    names, splits = text_array(rows["name"]), np.array(rows["split"], dtype=str)
    patients: np.ndarray | None
    if meta["has_patients"] and patient_pattern is None:
        given = rows["patient"]
        missing = sum(value is None for value in given)
        values = [
            f"{split}/{name}" if value is None else value
            for value, name, split in zip(given, rows["name"], rows["split"], strict=True)
        ]
        patients = text_array(values)
        where = meta.get("patients_from") or "the data themselves"
        note = f"Patients are told by {where}: {len(set(values)):,} patients."
        if missing:
            note += f" {missing:,} images name none and count as a patient each."
    else:
        patients, note = patient_ids(
            rows["name"], rows["split"], pattern=patient_pattern, paths=rows["path"] if any(rows["path"]) else ()
        )
    return ImageSet(
        pixels=np.load(entry.pixels_path, mmap_mode="r"),
        labels=np.array(rows["label"], dtype=np.int64),
        class_names=tuple(meta["class_names"]),
        splits=splits,
        names=names,
        patients=patients,
        sha256=np.array(rows["sha256"], dtype=str),
        widths=np.array(rows["width"], dtype=np.int64),
        heights=np.array(rows["height"], dtype=np.int64),
        channels=np.array(rows["channels"], dtype=np.int64),
        depths=np.array(rows["depth"], dtype=np.int64),
        formats=np.array(rows["format"], dtype=str),
        qualities=np.array(rows["quality"], dtype=np.float64),
        paths=text_array(rows["path"]),
        folds=None if not any(rows["fold"]) else np.array(rows["fold"], dtype=object),
        masks_path=entry.masks_path,
        source=shown(source),
        kind=kind,
        fingerprint=meta["fingerprint"],
        pixels_path=entry.pixels_path,
        bad=tuple(BadImage(name, reason) for name, reason in meta["bad"]),
        grey_bits=meta.get("grey_bits"),
        notes=(*notes, *meta["notes"], note),
        reading=Reading(**reading),
        positive=meta.get("positive"),
        layout=meta.get("layout"),
        float_range=tuple(meta["float_range"]) if meta.get("float_range") else None,
    )
