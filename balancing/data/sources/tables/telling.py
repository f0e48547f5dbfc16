"""What tables tell of each image: rows brought to files, doubled ones joined, everything that doesn't fit counted."""

from __future__ import annotations

import filecmp
import os
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from balancing.data.folder_words import split_words
from balancing.data.mask_names import masks_among
from balancing.data.options import Options
from balancing.data.sources.base import split_of, split_of_path
from balancing.data.sources.tables.choosing import Roles, ones_a_row
from balancing.data.sources.tables.matching import (
    NOTHING,
    OUTSIDE,
    SEVERAL,
    ImageFiles,
    Matched,
    as_path,
    is_image_name,
)
from balancing.data.sources.tables.reading import Table
from balancing.data.sources.tables.splitting import fold_splits, splits_of_cells
from balancing.data.sources.usual_names import number_word, quoted
from balancing.data.text import check_length, one_label, one_patient, shown
from balancing.errors import UserError

_NAMED = 3  # examples in a note
_SETTLED = 0.95


@dataclass(frozen=True)
class Placed:
    """A table with its place and what its columns are.

    Args:
        table: its cells.
        folder: of the table below the data's folder; '' for that folder itself, or where it lies elsewhere.
        roles: its columns.
        matched: which file each row means.
    """

    table: Table
    folder: str
    roles: Roles
    matched: Matched


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
        _settle(one, files, root, notes)
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


def label_cells(table: Table, roles: Roles) -> list[Any]:
    """(n,) the labels of all rows: numbers, words, tuples of findings, None where there is none.

    Raises:
        UserError: a text too long to be a name, or numbers with fractions.
    """
    if roles.label is not None:
        column = f"column '{roles.label}' of {table.name}"
        cells = table.columns[roles.label]
        for row, cell in enumerate(cells):
            check_length(cell, column, row)
        if all(isinstance(cell, str | None) for cell in cells):
            numbers = {cell: number_word(cell) for cell in set(cells)}
            filled = [word for word in numbers.values() if word]
            if filled and all(re.fullmatch(r"-?(0|[1-9]\d{0,17})(\.\d+)?", word) for word in filled):
                cells = [float(numbers[cell]) if numbers[cell] else None for cell in cells]
        return [label_of(cell) for cell in cells]
    if not roles.one_hot:
        return [None] * len(table)
    counts = ones_a_row(table.columns, roles.one_hot)
    single = sum(count == 1 for count in counts) >= _SETTLED * len(counts)
    found: list[Any] = [()] * len(table)
    for column in roles.one_hot:
        for row, cell in enumerate(table.columns[column]):
            if number_word(cell) == "1":
                found[row] += (column,)
    if single:
        return [one[0] if len(one) == 1 else None for one in found]
    return found


def label_of(cell: Any) -> Any:
    """One cell of a label column; a list becomes a tuple of words."""
    if isinstance(cell, list | tuple):
        return tuple(str(word) for one in cell if (word := one_label(one)) is not None)
    return one_label(cell)


def one_hot_note(table: Table, roles: Roles) -> str | None:
    """What is said of rows whose classes are not exactly one."""
    if not roles.one_hot:
        return None
    counts = ones_a_row(table.columns, roles.one_hot)
    wrong = [row for row, count in enumerate(counts) if count != 1]
    if not wrong or len(wrong) > (1 - _SETTLED) * len(counts):
        return None
    names = [as_path(table.columns[roles.image][row]) for row in wrong[:_NAMED]]
    return (
        f"{len(wrong):,} rows of {table.name} have no 1, or several, in the columns of classes, and so no label: "
        f"{', '.join(map(shown, names))}{' ...' if len(wrong) > _NAMED else ''}."
    )


def _settle(one: Placed, files: ImageFiles, root: Path | None, notes: list[str]) -> None:
    """Takes one of several files that a row could mean: the one that is no mask, of the row's split or class, or equal.

    Raises:
        UserError: none of these tells.
    """
    if not one.matched.several:
        return
    table, roles = one.table, one.roles
    copies: list[str] = []
    masks = masks_among(files.paths)
    for row, candidates in one.matched.several.items():
        kept = [file for file in candidates if files.paths[file] not in masks] or candidates
        for column in (roles.split, roles.label):
            word = number_word(table.columns[column][row]) if column is not None and len(kept) > 1 else ""
            if word:
                kept = [file for file in kept if _lies_in(files.paths[file], word)] or kept
        if len(kept) > 1 and root is not None and _all_equal(root, [files.paths[file] for file in kept]):
            kept = sorted(kept, key=lambda file: (files.paths[file].count("/"), files.paths[file]))[:1]
            copies.append(files.paths[kept[0]])
        if len(kept) > 1:
            paths = [files.paths[file] for file in kept]
            folder = next((path.rpartition("/")[0] for path in paths if "/" in path), "FOLDER")
            raise UserError(
                f"'{shown(as_path(table.columns[roles.image][row]))}' of {table.name} could be {shown(paths[0])} or "
                f"{shown(paths[1])}; say which images are meant, such as --images {quoted(folder + '/*')}"
            )
        one.matched.files[row] = kept[0]
    if copies:
        notes.append(
            f"{len(copies):,} images of {table.name} lie here more than once, with equal bytes; one of each is taken, "
            f"such as {shown(copies[0])}."
        )


def _lies_in(path: str, word: str) -> bool:
    split = split_of(word)
    folders = path.split("/")[:-1]
    return any(
        part.casefold() == word.casefold() or (split is not None and split_of(part) == split) for part in folders
    )


def _all_equal(root: Path, paths: Sequence[str]) -> bool:
    first, *others = (os.path.join(root, path) for path in paths)
    try:
        return all(filecmp.cmp(first, other, shallow=False) for other in others)
    except OSError:
        return False


def _note_unmatched(one: Placed, notes: list[str]) -> None:
    cells = one.table.columns[one.roles.image]
    said = one_hot_note(one.table, one.roles)
    if said:
        notes.append(said)
    for kind, what in ((NOTHING, "name no image that is here"), (OUTSIDE, "lead out of the data's folder")):
        rows = [row for row, file in enumerate(one.matched.files) if file == kind]
        if rows:
            some = ", ".join(shown(as_path(cells[row])) or "a blank one" for row in rows[:_NAMED])
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
        first = next(iter(table.columns))
        return UserError(
            f"no column of the table {table.name} names the images: {has}, the table has '{first}' = "
            f"'{shown(str(table.columns[first][0]))[:60]}'; name the column with --image-column, of: "
            f"{', '.join(list(table.columns)[:30])}"
        )
    example = next((as_path(cell) for cell in table.columns[column] if as_path(cell)), "nothing")
    outside = ".." in example or example.startswith("/")
    way = (
        "; no file is read from outside of the data's folder: give the folder that holds both as --data, and the table "
        "with --labels"
        if outside
        else "; name another with --image-column, or the folder of the images with --data"
    )
    return UserError(f"no row of {table.name} names an image: column '{column}' has {shown(example)}, {has}{way}")


def folder_splits(paths: Sequence[str]) -> list[str | None]:
    """(N,) the split of each image's nearest folder that tells one, None where none does."""
    folders = {path.rpartition("/")[0] for path in paths}
    told = split_words({part for folder in folders for part in folder.split("/")})
    nearest = {f: next((told[part] for part in reversed(f.split("/")) if part in told), None) for f in folders}
    return [nearest[path.rpartition("/")[0]] for path in paths]


def table_split(name: str) -> str | None:
    """The split that a table's file name tells (``train.csv``), None where it tells none."""
    return split_of_path(name.rpartition("/")[2])
