"""What tables tell of each image: rows brought to files, doubled ones joined, everything that doesn't fit counted."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from balancing.data.mask_names import masks_among
from balancing.data.options import Options
from balancing.data.sources.tables.labels import label_cells, one_hot_note
from balancing.data.sources.tables.matching import (
    NOTHING,
    OUTSIDE,
    SEVERAL,
    ImageFiles,
    as_path,
    is_image_name,
)
from balancing.data.sources.tables.reading import Table
from balancing.data.sources.tables.settling import Placed, settle
from balancing.data.sources.tables.splitting import fold_splits, splits_of_cells
from balancing.data.sources.usual_names import number_word, quoted
from balancing.data.text import check_length, one_patient, shortened, shown
from balancing.errors import UserError

_NAMED = 3  # examples in a note


@dataclass
class Told:
    """What is known of each image that a row names, in the order of the files.

    Args:
        files: (N,) index of each image's file.
        labels: (N,) a number, a word, a tuple of findings, or None.
        patients, folds: (N,), or None without such a column.
        splits: (N,) ``train``, ``validation``, ``test`` or ``drop``; None where no column tells.
        tables: (N,) name of the table.
        notes: sentences on what did not fit.
    """

    files: list[int]
    labels: list[Any]
    patients: list[str | None] | None
    splits: list[str | None]
    folds: list[str | None] | None
    tables: list[str]
    notes: list[str] = field(default_factory=list)


@dataclass
class _Row:
    file: int
    label: Any
    patient: str | None
    split: str | None
    fold: str | None
    table: str


def tell(placed: Sequence[Placed], files: ImageFiles, root: Path | None, options: Options) -> Told:
    """Joins the rows of tables by the file that they mean.

    Args:
        placed: the tables.
        files: that they may name.
        root: of the files, to compare those that a row could mean; None where they can't be compared.
    Raises:
        UserError: no row names an image, a row could mean several, or an image has several labels.
    """
    notes: list[str] = []
    by_file: dict[int, list[_Row]] = defaultdict(list)
    for one in placed:
        notes += [*one.table.notes, *one.roles.notes]
        settle(one, files, root, notes)
        for row in _rows(one, options):
            if row.file >= 0:
                by_file[row.file].append(row)
        _note_unmatched(one, notes)
    if not by_file:
        raise refuse_no_match(placed[0].table, placed[0].roles.image, files)
    told = Told([], [], [], [], [], [], notes)
    doubled = 0
    several: list[tuple[int, list[Any]]] = []
    patients, folds = [], []
    for file in sorted(by_file):
        rows = by_file[file]
        doubled += len(rows) > 1
        labels = list(dict.fromkeys(row.label for row in rows if row.label is not None))
        if len(labels) > 1:
            several.append((file, labels))
            labels = [tuple(dict.fromkeys(word for one in labels for word in _as_words(one)))]
        splits = {row.split for row in rows} - {None}
        if len(splits) > 1:
            raise UserError(
                f"{shown(files.paths[file])} stands in rows of the splits {' and '.join(sorted(map(str, splits)))}; "
                "keep it in one"
            )
        told.files.append(file)
        told.labels.append(labels[0] if labels else None)
        told.splits.append(next(iter(splits), None))
        told.tables.append(rows[0].table)
        patients.append(next((row.patient for row in rows if row.patient is not None), None))
        folds.append(next((row.fold for row in rows if row.fold is not None), None))
    _judge_doubled(doubled, several, told, files, options)
    told.patients = patients if any(one.roles.patient for one in placed) else None
    told.folds = folds if any(one.roles.fold for one in placed) else None
    _note_images_without(told, files, placed)
    return told


def _as_words(label: Any) -> tuple[str, ...]:
    return label if isinstance(label, tuple) else (str(label),)


def _judge_doubled(
    doubled: int, several: list[tuple[int, list[Any]]], told: Told, files: ImageFiles, options: Options
) -> None:
    if several:
        file, labels = several[0]
        words = [word for one in labels for word in _as_words(one)]
        if options.positive is None:
            raise UserError(
                f"{len(several):,} images stand in several rows with different labels, such as "
                f"{shown(files.paths[file])} ({', '.join(map(shown, words[:5]))}); keep one row an image, or take one "
                f"finding against the rest with --positive {quoted(words[0])}"
            )
        chosen = {index for index, _ in several}
        told.labels[:] = [
            one if one is None or file in chosen else _as_words(one)
            for one, file in zip(told.labels, told.files, strict=True)
        ]
    if doubled > len(several):
        told.notes.append(
            f"{doubled - len(several):,} images stand in several rows that say the same label, and count once."
        )


def _rows(one: Placed, options: Options) -> list[_Row]:
    table, roles = one.table, one.roles
    count = len(table)
    labels = label_cells(table, roles)
    patients = _words_of(table, roles.patient, one_patient)
    folds = _words_of(table, roles.fold, lambda cell: number_word(cell) or None)
    splits: list[str | None] = [None] * count
    if roles.split is not None:
        splits = splits_of_cells(table.columns[roles.split], options, roles.split, table.name)
    elif roles.fold is not None:
        splits = fold_splits(folds, options, f"column '{roles.fold}' of {table.name}")
    found = zip(one.matched.files, labels, patients, splits, folds, strict=True)
    return [_Row(file, label, patient, split, fold, table.name) for file, label, patient, split, fold in found]


def _words_of(table: Table, column: str | None, read: Callable[[Any], str | None]) -> list[str | None]:
    if column is None:
        return [None] * len(table)
    for row, cell in enumerate(table.columns[column]):
        check_length(cell, f"column '{column}' of {table.name}", row)
    known = {cell: read(cell) for cell in set(map(_hashable, table.columns[column]))}
    return [known[_hashable(cell)] for cell in table.columns[column]]


def _hashable(cell: Any) -> Any:
    return str(cell) if isinstance(cell, list | tuple) else cell


def _note_unmatched(one: Placed, notes: list[str]) -> None:
    cells = one.table.columns[one.roles.image]
    said = one_hot_note(one.table, one.roles)
    if said:
        notes.append(said)
    for kind, what in ((NOTHING, "name no image that is here"), (OUTSIDE, "lead out of the data's folder")):
        rows = [row for row, file in enumerate(one.matched.files) if file == kind]
        if rows:
            some = ", ".join(shown(shortened(as_path(cells[row]), 80)) or "a blank one" for row in rows[:_NAMED])
            if kind == OUTSIDE:
                raise UserError(
                    f"{len(rows):,} of {len(cells):,} rows of {one.table.name} {what}, such as {some}, and no file is "
                    "read from elsewhere; put the files there, or take the rows out"
                )
            notes.append(
                f"{len(rows):,} of {len(cells):,} rows of {one.table.name} {what} and are left out, such as {some}."
            )
    if one.matched.renamed:
        notes.append(
            f"{one.matched.renamed:,} rows of {one.table.name} name another folder than their image lies in; its name "
            "alone tells it."
        )
    assert SEVERAL not in one.matched.files


def _note_images_without(told: Told, files: ImageFiles, placed: Sequence[Placed]) -> None:
    with_row, masks = set(told.files), masks_among(files.paths)
    without = [p for i, p in enumerate(files.paths) if i not in with_row and is_image_name(p) and p not in masks]
    if without:
        tables = ", ".join(dict.fromkeys(one.table.name for one in placed))
        folders = Counter(path.rpartition("/")[0] or "." for path in without)
        where = ", ".join(f"{count:,} in {shown(folder)}" for folder, count in folders.most_common(_NAMED))
        told.notes.append(
            f"{len(without):,} images have no row in {tables} and are left out ({where}), such as "
            f"{', '.join(map(shown, without[:_NAMED]))}."
        )


def refuse_no_match(table: Table, column: str | None, files: ImageFiles) -> UserError:
    """What is said where no row names an image, with an example of both."""
    if not len(table):
        return UserError(f"the table {table.name} has no rows; give another with --labels")
    images = [path for path in files.paths if is_image_name(path)] or files.paths
    has = f"the data hold {shown(images[0])}" if images else "the data hold no images"
    if column is None:
        paths = [
            one for one, cells in table.columns.items() if is_image_name(as_path(cells[0])) or "/" in str(cells[0])
        ]
        first = (paths or list(table.columns))[0]
        if paths and _leaves(as_path(table.columns[first][0])):
            return refuse_no_match(table, first, files)
        return UserError(
            f"no column of the table {table.name} names the images: {has}, the table has '{first}' = "
            f"'{shown(str(table.columns[first][0]))[:60]}'; name the column with --image-column, of: "
            f"{', '.join(list(table.columns)[:30])}"
        )
    example = next((as_path(cell) for cell in table.columns[column] if as_path(cell)), "nothing")
    outside = _leaves(example)
    way = (
        "; no file is read from outside of the data's folder: give the folder that holds both as --data, and the table "
        "with --labels"
        if outside
        else "; name another with --image-column, or the folder of the images with --data"
    )
    return UserError(f"no row of {table.name} names an image: column '{column}' has {shown(example)}, {has}{way}")


def _leaves(path: str) -> bool:
    """Whether a path may lead out of the folder that it is relative to."""
    return path.startswith("/") or ".." in path.split("/")
