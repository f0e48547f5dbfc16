"""A source of which a table or lists tell more than it does itself: the patients of its images, or its splits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from balancing.data.options import Options
from balancing.data.sources.base import Content, Listing, Source, digest
from balancing.data.sources.folder import FolderSource
from balancing.data.sources.tables.finding import named_files, patients_by_file
from balancing.data.sources.tables.matching import ImageFiles
from balancing.data.split_lists import apply_split_lists
from balancing.data.text import shown
from balancing.errors import UserError


class ToldSource(Source):
    """Another source, with patients of a table and splits of lists.

    Args:
        inner: the source.
        root: that the paths of lists may be relative to.
        options: how the tables are to be read.
        patients: the table that tells patients, None for none.
        lists: split -> a text file of names.
    """

    def __init__(
        self, inner: Source, root: Path, options: Options, patients: Path | None, lists: Mapping[str, str]
    ) -> None:
        self._inner, self._root, self._patients, self._lists = inner, root, patients, lists
        self.name, self.kind, self.notes, self.options = inner.name, inner.kind, inner.notes, options
        self.remembered, self.pinned = inner.remembered, inner.pinned

    def identity(self) -> str:
        named = [path for word in self._lists.values() for path in named_files(self._root, word, "split_list")]
        files = [*([self._patients] if self._patients else []), *named]
        stats = [[str(path), stat.st_size, stat.st_mtime_ns] for path in files for stat in [path.stat()]]
        return digest(["told", self._inner.identity(), stats])

    def listing(self) -> Listing:
        listing = self._inner.listing()
        paths = listing.paths or listing.names
        files = ImageFiles(sorted(paths))
        rows = _rows(files.paths, paths)
        if self._patients is not None:
            listing = self._with_patients(listing, self._patients, files, rows)
        if self._lists:
            listing = self._with_splits(listing, paths)
        return listing

    def _with_patients(self, listing: Listing, path: Path, files: ImageFiles, rows: Sequence[int]) -> Listing:
        assert self.options is not None
        told, notes = patients_by_file(path, shown(path.name), files, self.options)
        patients = list(listing.patients or [None] * len(listing.names))
        for file, patient in told.items():
            patients[rows[file]] = patient
        without = [name for name, patient in zip(listing.names, patients, strict=True) if patient is None]
        if without:
            notes.append(
                f"{len(without):,} images have no patient in {shown(path.name)}, such as {', '.join(without[:3])}."
            )
        return replace(listing, patients=patients, notes=(*listing.notes, *notes))

    def _with_splits(self, listing: Listing, paths: Sequence[str]) -> Listing:
        splits, notes = apply_split_lists(self._lists, self._root, paths, listing.splits)
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
    """The source, with the patients and splits of the tables and lists that the options name.

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
    lists = {} if isinstance(inner, FolderSource) else options.split_list  # which reads them itself
    for word in lists.values():
        named_files(root, word, "split_list")
    return ToldSource(inner, root, options, patients, lists) if patients is not None or lists else inner
