"""A source of which a table or lists tell more than it does itself: the patients of its images, or its splits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from balancing.data.content import Content
from balancing.data.options import Options
from balancing.data.sources.base import Listing, Source, digest
from balancing.data.sources.tables.finding import named_files, patients_by_file
from balancing.data.sources.tables.matching import ImageFiles
from balancing.data.sources.tables.reading import Table, read_table
from balancing.data.sources.tables.splitting import DROP, NameList, read_list, splits_by_lists
from balancing.data.text import shown
from balancing.errors import UserError


class ToldSource(Source):
    """Another source, with patients of a table and splits of lists.

    Args:
        inner: the source.
        options: how the tables are to be read.
        patients: the table that tells patients, None for none.
        lists: split -> names of images.
    """

    def __init__(self, inner: Source, options: Options, patients: Table | None, lists: Mapping[str, NameList]) -> None:
        self._inner, self._patients, self._lists = inner, patients, lists
        self.name, self.kind, self.notes, self.options = inner.name, inner.kind, inner.notes, options
        self.what, self.passes_over = inner.what, inner.passes_over  # never remembered by name: the tables may change

    def identity(self) -> str:
        table = None if self._patients is None else {name: list(c) for name, c in self._patients.columns.items()}
        lists = {split: one.lines for split, one in self._lists.items()}
        return digest(["told", self._inner.identity(), table, lists, self.options.given() if self.options else None])

    def listing(self) -> Listing:
        listing = self._inner.listing()
        paths = listing.paths or listing.names
        files = ImageFiles(sorted(paths))
        rows = _rows(files.paths, paths)
        if self._patients is not None:
            listing = self._with_patients(listing, self._patients, files, rows)
        if self._lists:
            listing = self._with_splits(listing, files, rows)
        return listing

    def _with_patients(self, listing: Listing, table: Table, files: ImageFiles, rows: Sequence[int]) -> Listing:
        assert self.options is not None
        told, notes = patients_by_file(table, files, self.options)
        patients = list(listing.patients or [None] * len(listing.names))
        for file, patient in told.items():
            patients[rows[file]] = patient
        without = [name for name, patient in zip(listing.names, patients, strict=True) if patient is None]
        if without:
            notes.append(f"{len(without):,} images have no patient in {table.name}, such as {', '.join(without[:3])}.")
        return replace(listing, patients=patients, notes=(*listing.notes, *notes))

    def _with_splits(self, listing: Listing, files: ImageFiles, rows: Sequence[int]) -> Listing:
        told, notes = splits_by_lists(self._lists, files)
        # Where train is listed, too, an image that no list names is in none of the splits.
        splits = [DROP] * len(listing.splits) if "train" in self._lists else list(listing.splits)
        for file, split in told.items():
            splits[rows[file]] = split
        without = [name for name, split in zip(listing.names, splits, strict=True) if split == DROP]
        if without:
            notes.append(f"{len(without):,} images stand in no list and are left out, such as {without[0]}.")
        return replace(listing, splits=splits, notes=(*listing.notes, *notes))

    def contents(self) -> Iterator[Content]:
        return self._inner.contents()

    def masks(self) -> Iterator[np.ndarray] | None:
        return self._inner.masks()


def _rows(known: Sequence[str], paths: Sequence[str]) -> list[int]:
    places: dict[str, list[int]] = {}
    for row in range(len(paths) - 1, -1, -1):
        places.setdefault(paths[row], []).append(row)
    return [places[path].pop() for path in known]


def with_tables(inner: Source, root: Path, options: Options, patients: Path | None = None) -> Source:
    """The source, with the patients and splits of the tables and lists that the options name, which are read at once.

    Args:
        root: that their paths may be relative to.
        patients: a table that was found to tell patients.
    Raises:
        UserError: there is no such file.
    """
    if options.patient_table is not None:
        found = named_files(root, options.patient_table, "patient_table")
        if len(found) > 1:
            raise UserError(f"--patient-table {options.patient_table} names {len(found)} tables; name one")
        patients = found[0]
    lists = {split: read_list(named_files(root, word, "split_list")[0]) for split, word in options.split_list.items()}
    table = None if patients is None else read_table(patients, shown(patients.name))
    return ToldSource(inner, options, table, lists) if table is not None or lists else inner
