"""Images beside or below a table of labels: each row names an image file, its class, perhaps its patient and split."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property

from balancing.data.content import Content
from balancing.data.options import NONE, Options
from balancing.data.patterns import search_all
from balancing.data.sources.base import Listing, Source, digest
from balancing.data.sources.filesets import FileSet
from balancing.data.sources.layout import layout_of
from balancing.data.sources.tables.folders import folder_patients, folder_splits, table_split
from balancing.data.sources.tables.matching import ImageFiles
from balancing.data.sources.tables.settling import Placed
from balancing.data.sources.tables.telling import Told, tell
from balancing.data.sources.usual_names import quoted
from balancing.data.text import shown
from balancing.errors import UserError


class TableSource(Source):
    """Images in files that the rows of tables name.

    Args:
        name: what the user named.
        places: all files, from which the images are read.
        files: those that may be images.
        placed: the tables, with what their columns are and which file each row means.
        options: how labels and splits are to be read.
        notes: sentences on how these tables were found.
    """

    what = "a table of labels"
    passes_over = ("config", "label_pattern", "folders")

    def __init__(
        self,
        name: str,
        places: FileSet,
        files: ImageFiles,
        placed: Sequence[Placed],
        options: Options,
        notes: Sequence[str] = (),
    ) -> None:
        self.name = name
        self._places = places
        self._files = files
        self._placed = placed
        self.options: Options = options
        self._found = tuple(notes)

    def identity(self) -> str:
        tables = [[one.table.name, one.roles, {c: list(v) for c, v in one.table.columns.items() if c in _read(one)}]
                  for one in self._placed]  # fmt: skip
        return digest(["table", self._places.identity, tables, self.options.given()])

    @cached_property
    def _told(self) -> Told:
        return tell(self._placed, self._files, None if self._places.packed else self._places.root, self.options)

    def listing(self) -> Listing:
        told = self._told
        paths = [self._files.paths[file] for file in told.files]
        of_folders, said_of_folders = folder_splits(paths, self.options.split_map)
        self._refuse_unmeant(paths, told)
        by_table = len({*told.tables}) > 1
        splits = [
            split or folder or (table_split(table) if by_table else None) or "train"
            for split, folder, table in zip(told.splits, of_folders, told.tables, strict=True)
        ]
        patients = told.patients
        layout = layout_of(self.options)
        if patients is None and layout is not None and self.options.patient_pattern not in (None, NONE):
            patients = self._by_pattern(paths)
        elif patients is None and self.options.patient_column is None and self.options.patient_pattern is None:
            patients, said = folder_patients(paths)
            told.notes += said
        first = self._placed[0].roles
        where = ", ".join(dict.fromkeys(one.table.name for one in self._placed))
        by = f"column '{first.label}'" if first.label else f"the {len(first.one_hot)} columns {_some(first.one_hot)}"
        note = f"Labels are told by {by} of {where}, images by column '{first.image}'."
        return Listing(
            names=[shown(path.rpartition("/")[2]) for path in paths],
            splits=splits,
            labels=list(told.labels),
            patients=patients,
            notes=(note, *self._found, *dict.fromkeys(told.notes), *said_of_folders),
            label_column=first.label or where,
            folds=told.folds,
            paths=paths,
            positive=self.options.positive if layout else None,
            layout=layout.title if layout else None,
        )

    def _refuse_unmeant(self, paths: Sequence[str], told: Told) -> None:
        """Raises UserError where the user spoke of splits or folds, and nothing tells any."""
        where = self._placed[0].table.name
        if self.options.layout in (None, NONE) and self.options.split_map:
            words = {part for path in paths for part in path.split("/")[:-1]}
            if not any(one.roles.split for one in self._placed) and not words & set(self.options.split_map):
                raise UserError(
                    f"--split-map names {', '.join(self.options.split_map)}, but no column of {where} and no folder "
                    "tells splits; name the column with --split-column"
                )
        if self.options.test_fold is not None and told.folds is None:
            raise UserError(
                f"no column of {where} tells folds, of which --test-fold {self.options.test_fold} speaks; name it with "
                "--fold-column"
            )

    def _by_pattern(self, paths: Sequence[str]) -> list[str | None]:
        """The patients that a known layout's pattern finds in the images' paths."""
        found = search_all(str(self.options.patient_pattern), paths)
        return [None if one is None else shown(one[1] if one.re.groups else one[0]) for one in found]

    def contents(self) -> Iterator[Content]:
        for file in self._told.files:
            yield self._places.content(self._files.paths[file])


def _read(one: Placed) -> set[str | None]:
    roles = one.roles
    return {roles.image, roles.label, *roles.one_hot, roles.patient, roles.split, roles.fold}


def _some(columns: Sequence[str]) -> str:
    return ", ".join(columns[:5]) + (" ..." if len(columns) > 5 else "")


def contradiction(placed: Sequence[Placed], files: ImageFiles, told: Told, classes: dict[str, str]) -> str | None:
    """What is said where a table's labels and the folders of the same images don't mean the same; None where they do.

    Args:
        classes: path of an image -> the class of its folder.
    """
    pairs: dict[tuple[str, str], str] = {}
    for file, label in zip(told.files, told.labels, strict=True):
        path = files.paths[file]
        if label is not None and path in classes:
            pairs.setdefault((classes[path], str(label)), path)
    folders, labels = {pair[0] for pair in pairs}, {pair[1] for pair in pairs}
    if len(pairs) == len(labels) >= len(folders):  # each label lies in one folder, whatever the names
        return None
    seen: dict[str, str] = {}
    (folder, label), path = next(
        ((pair, path) for pair, path in pairs.items() if seen.setdefault(pair[0], pair[1]) != pair[1]),
        next(iter(pairs.items())),
    )
    name = placed[0].table.name
    return (
        f"the folders and the table {name} contradict each other, such as in {shown(path)}: folder '{shown(folder)}', "
        f"label '{shown(label)}'; say which tells the classes, --labels {quoted(name)} or --labels folders"
    )
