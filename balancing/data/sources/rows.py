"""What the rows of tables that hold their images say of them: cells bounded and cleaned, names and types reconciled."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from balancing.data.options import Options
from balancing.data.sources.base import Listing
from balancing.data.sources.columns import Chosen, image_name
from balancing.data.sources.tables.labels import label_of
from balancing.data.sources.tables.reading import class_word
from balancing.data.sources.tables.splitting import fold_splits, splits_of_cells
from balancing.data.sources.usual_names import number_word, patient_note, split_of_word
from balancing.data.text import check_length, one_patient, shown
from balancing.errors import UserError


@dataclass
class Cells:
    """The cells of one file or split.

    Args:
        path: of the file, or the name of the split.
        split: that its name tells, None where it tells none.
        class_names: of its label's numbers, None without.
        of: column -> cells, for all columns of ``Chosen.columns``.
        paths: of the images, None where there is none.
    """

    path: str
    split: str | None
    class_names: tuple[str, ...] | None
    of: dict[str, list[Any]] = field(default_factory=dict)
    paths: list[str | None] = field(default_factory=list)


def listing_of(
    cells: Sequence[Cells], chosen: Chosen, where: str, options: Options, notes: Sequence[str] = ()
) -> Listing:
    """The listing of all files.

    Class numbers are brought together by name, where files name them differently or one has words.

    Raises:
        UserError: a text too long to be a name, a label that is no class, a word that names no split, or numbers
            without names beside numbers with.
    """
    notes = list(notes)
    for one in cells:
        for column in chosen.columns():
            for row, value in enumerate(one.of[column]):
                check_length(value, f"column '{column}' of {where}", row)
        for row, path in enumerate(one.paths):
            check_length(path, f"column '{chosen.image}' of {where}", row)
    class_names, labels = _labels(cells, chosen, where, notes)
    patients = _patients(cells, chosen, where, notes)
    splits, folds = _splits(cells, chosen, where, options, notes)
    paths = [path for one in cells for path in one.paths]
    names = [image_name(path, split, row) for row, (path, split) in enumerate(zip(paths, splits, strict=True))]
    return Listing(
        names,
        splits,
        labels,
        class_names,
        patients,
        tuple(notes),
        chosen.label,
        folds=folds,
        paths=[shown(path) if path else "" for path in paths] if any(paths) else None,
    )


def _labels(
    cells: Sequence[Cells], chosen: Chosen, where: str, notes: list[str]
) -> tuple[tuple[str, ...] | None, list[Any]]:
    """The class names that all share, or None; and the labels, by name where files don't share them."""
    column = chosen.label
    spaced = {v.strip() for one in cells for v in _texts(one.of[column]) if v != v.strip() and v.strip()}
    if spaced:
        notes.append(f"Spaces around labels are no part of the class: {', '.join(sorted(spaced)[:5])}.")
    kinds = {one.class_names for one in cells}
    lists = any(isinstance(value, list) for one in cells for value in one.of[column])
    if len(kinds) == 1 and not lists:
        return cells[0].class_names, [label_of(value) for one in cells for value in one.of[column]]
    labels: list[Any] = []
    for one in cells:
        if one.class_names is not None:
            _check_range(one, column, where)
            labels += [label_of(class_word(value, one.class_names)) for value in one.of[column]]
            continue
        found = [label_of(value) for value in one.of[column]]
        number = next((value for value in found if isinstance(value, int)), None)
        if number is not None and len(kinds) > 1:
            named = next(other for other in cells if other.class_names is not None)
            raise UserError(
                f"column '{column}' of {where} has names for its numbers in {shown(named.path)}, but plain numbers, "
                f"such as {number}, in {shown(one.path)}; write words in both"
            )
        labels += found
    if len(kinds) > 1:
        notes.append(
            f"The files of {where} don't number the classes of column '{column}' alike: they are told by name."
        )
    return None, labels


def _check_range(one: Cells, column: str, where: str) -> None:
    names = one.class_names or ()
    wrong = next((v for v in one.of[column] if isinstance(v, int) and not -1 <= v < len(names)), None)
    if wrong is not None:
        raise UserError(
            f"{shown(one.path)} of {where} has the label {wrong} in column '{column}', but there are {len(names)} "
            f"class names (0..{len(names) - 1}: {', '.join(names[:20])}); repair the labels"
        )


def _texts(values: Sequence[Any]) -> set[str]:
    return {value for value in values if isinstance(value, str)}


def _patients(cells: Sequence[Cells], chosen: Chosen, where: str, notes: list[str]) -> list[str | None] | None:
    column = chosen.patient
    if column is None:
        return None
    patients = [one_patient(value) for one in cells for value in one.of[column]]
    if column in chosen.found:
        if len(set(patients) - {None}) <= 2:
            return None
        notes.append(patient_note(column, where))
    return patients


def _splits(
    cells: Sequence[Cells], chosen: Chosen, where: str, options: Options, notes: list[str]
) -> tuple[list[str], list[str | None] | None]:
    told: list[str | None] = [one.split for one in cells for _ in one.paths]
    own = _gathered(cells, chosen.split)
    column = chosen.split
    if column is not None and own is not None:
        words = {number_word(value) for value in own} - {""}
        known = any(split_of_word(word, options.split_map) for word in words)
        if column not in chosen.found or (known and not any(told)):
            split = splits_of_cells(own, options, column, where)
            told = [mine or given for mine, given in zip(split, told, strict=True)]
            notes.append(f"Splits are told by column '{column}' of {where}.")
        elif words and not any(told):
            notes.append(
                f"Column '{column}' of {where} ({', '.join(map(shown, sorted(words)[:5]))}) names no split that is "
                f"known and is not used; --split-column {column} --split-map WORD=test says what its words mean."
            )
    folds = _gathered(cells, chosen.fold, lambda value: number_word(value) or None)
    if folds is not None and options.test_fold is not None:
        told = fold_splits(folds, options, f"column '{chosen.fold}' of {where}")
    return [split or "train" for split in told], folds


def _gathered(
    cells: Sequence[Cells], column: str | None, read: Callable[[Any], Any] = lambda value: value
) -> list[Any] | None:
    return None if column is None else [read(value) for one in cells for value in one.of[column]]
