"""Image folders, ``train|val|test/CLASS/*``, ``CLASS/*`` and what else folders mean, on disk or in a .zip."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path

from balancing.data.content import Content, Unreadable
from balancing.data.folders.words import natural_order
from balancing.data.layouts import with_layout
from balancing.data.options import Options
from balancing.data.sources.arranging import FolderContents, arrange, unread
from balancing.data.sources.base import Listing, Source, digest
from balancing.data.sources.filesets import DiskFiles, FileSet, ZippedFiles
from balancing.data.sources.walking import passed_over, walk
from balancing.data.sources.zipped import read_member, zip_parquet
from balancing.data.text import shown

__all__ = ["FolderSource", "passed_over", "read_member", "walk", "zip_parquet"]


class FolderSource(Source):
    """Images in folders. Class names are the folders', sorted (by number where they are numbers)."""

    what = "an image folder"
    passes_over = ("config",)

    def __init__(self, name: str, files: FileSet, options: Options) -> None:
        self.name = name
        self._files = files
        self._options = options
        self.unfit = ""  # why the tables that lie here can't be used, for a refusal

    @classmethod
    def of_folder(cls, name: str, root: Path, files: list[str], options: Options | None = None) -> FolderSource:
        """The source of these files, given by their paths below ``root``."""
        return cls(name, DiskFiles(root, files), options or Options())

    @classmethod
    def of_zip(cls, name: str, path: Path, options: Options | None = None) -> FolderSource:
        """The source of the files in a zip file, which is read where it lies."""
        return cls(name, ZippedFiles(name, path), options or Options())

    @cached_property
    def _arranged(self) -> tuple[list[FolderContents], list[str]]:
        return arrange(self.name, self._files, self._options, self.unfit)

    def identity(self) -> str:
        given = self._options.given()  # a known layout's own, too
        return digest(["folder", self._files.identity, *([given] if given else [])])

    def listing(self) -> Listing:
        images, notes = self._arranged
        classes = natural_order({found.class_name for found in images})
        index = {name: i for i, name in enumerate(classes)}
        listing = Listing(
            [*map(shown, _names(images))],
            [found.split for found in images],
            [index[found.class_name] for found in images],
            tuple(map(shown, classes)),
            [found.patient and shown(found.patient) for found in images] if any(f.patient for f in images) else None,
            tuple(map(shown, notes)),
            folds=[found.fold and shown(found.fold) for found in images] if any(f.fold for f in images) else None,
            paths=[found.path for found in images],
        )
        return with_layout(listing, self._options)

    def contents(self) -> Iterator[Content]:
        for found in self._arranged[0]:
            reason = unread(found.path)
            yield Unreadable(reason) if reason else self._files.content(found.path)


def _names(images: Sequence[FolderContents]) -> list[str]:
    """File names alone where they tell images of a split apart, else with their class, else all of their path."""
    for named in (
        [found.name for found in images],
        [f"{found.class_name}/{found.name}" for found in images],
    ):
        alone = Counter((found.split, name) for found, name in zip(images, named, strict=True))
        if all(count == 1 for count in alone.values()):
            return named
    return [found.path for found in images]
