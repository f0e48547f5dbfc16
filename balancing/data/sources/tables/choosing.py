"""Which column of a table is the image, the label, the patient, the split: named, or told by cells and usual names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from balancing.data.options import NONE, Options, flag
from balancing.data.sources.tables.matching import ImageFiles, Matched
from balancing.data.sources.tables.reading import Table
from balancing.data.sources.usual_names import (
    FINDING_NAMES,
    FOLD_NAMES,
    LABEL_NAMES,
    PATIENT_NAMES,
    SPLIT_NAMES,
    find_patient,
    may_be_label,
    number_word,
    patient_note,
    plain,
    quoted,
    split_of_word,
)
from balancing.data.text import shown
from balancing.errors import UserError, suggestion

_SAMPLE = 300
_ONE_HOT = 0.95  # of the rows must have exactly one 1, for columns of 0 and 1 to be classes
_SPLIT_FLAGS = frozenset(("istest", "istrain", "isval", "isvalidation", "test", "train", "intest", "intrain"))
_FEW = 60  # different cells at most, of a column that could be the label
_IMAGE_NAMES = (
    "filename", "image", "imageid", "imageindex", "imagename", "imagepath", "path", "file", "filepath", "imgid", "img",
    "imgname", "imgpath", "idcode", "isicid", "dicomid", "relativepath", "name", "id",
)  # fmt: skip


@dataclass(frozen=True)
class Roles:
    """What the columns of a table are.

    Args:
        image: the column that names the images.
        label: that of the labels; None where ``one_hot`` has them, or where there are none.
        one_hot: columns of 0 and 1, one a class or finding.
        patient, split, fold: None where there are none.
        notes: sentences on what was decided.
    """

    image: str
    label: str | None = None
    one_hot: tuple[str, ...] = ()
    patient: str | None = None
    split: str | None = None
    fold: str | None = None
    notes: tuple[str, ...] = field(default=())


def named_column(table: Table, options: Options, name: str) -> str | None:
    """The column that an option names, checked.

    Raises:
        UserError: there is none of that name, or there are two.
    """
    wanted = getattr(options, name)
    if wanted is None or wanted == NONE:
        return None
    if wanted not in table.columns:
        alike = [one for one in table.columns if plain(one) == plain(wanted)]
        if len(alike) != 1:
            raise UserError(
                f"the table {table.name} has no column '{wanted}' ({flag(name)}){suggestion(wanted, table.columns)}"
            )
        wanted = alike[0]
    refuse_twin(table, wanted)
    return str(wanted)


def refuse_twin(table: Table, column: str) -> None:
    """Raises UserError where several columns bear this name."""
    if column in table.twins:
        raise UserError(
            f"the table {table.name} has several columns named '{column}', so which is meant can't be told; rename all "
            "but one"
        )


def find_image(table: Table, files: ImageFiles, folder: str, options: Options) -> tuple[str, Matched] | None:
    """The column that means most of the images, and which; None where no column means any.

    Args:
        folder: of the table, below the data's folder.
    Raises:
        UserError: the column that was named does not exist, or two columns mean different images.
    """
    named = named_column(table, options, "image_column")
    if named is not None:
        return named, files.match(table.columns[named], folder)
    step = max(1, len(table) // _SAMPLE)
    tried = {}
    for column, cells in table.columns.items():
        sample = files.match(cells[::step], folder)
        # Numbers that repeat are labels or ages, though there may be files of such names.
        repeats = sample.distinct == len({file for file in sample.files if file >= 0}) < len(cells[::step]) / 2
        if sample.distinct and not (repeats and all(number_word(cell).isdecimal() for cell in cells[::step] if cell)):
            tried[column] = (sample.distinct, -sample.by_number - sample.renamed)
    if not tried:
        return None
    best = max(tried.values())
    likely = [column for column, score in tried.items() if score[0] >= 0.9 * best[0]]
    matched = {column: files.match(table.columns[column], folder) for column in sorted(likely, key=_image_rank)}
    most = max((one.distinct, -one.by_number - one.renamed) for one in matched.values())
    same = [column for column, one in matched.items() if (one.distinct, -one.by_number - one.renamed) == most]
    column = same[0]
    others = [other for other in same[1:] if matched[other].files != matched[column].files]
    if others:
        raise UserError(
            f"columns {column} and {', '.join(others)} of {table.name} name different images; name one with "
            f"--image-column {column}"
        )
    refuse_twin(table, column)
    return column, matched[column]


def _image_rank(column: str) -> int:
    name = plain(column)
    return _IMAGE_NAMES.index(name) if name in _IMAGE_NAMES else len(_IMAGE_NAMES)


def choose_roles(table: Table, image: str, options: Options) -> Roles:
    """What the columns are, beside the image's.

    Raises:
        UserError: a column that was named does not exist.
    """
    notes: list[str] = []
    split = named_column(table, options, "split_column")
    if split is None:
        split, said = _find_split(table, options)
        notes += said
    fold = named_column(table, options, "fold_column")
    if fold is None:
        folds = [column for column in table.columns if plain(column) in FOLD_NAMES and column not in (image, split)]
        if options.test_fold is not None and len(folds) == 1:
            fold = folds[0]
        elif folds:
            notes.append(
                f"Column '{folds[0]}' of {table.name} looks like folds and is not used; --fold-column {folds[0]} "
                "--test-fold FOLD makes one of them the test split."
            )
    taken = {image, split, fold}
    label, one_hot = find_label(table, options, taken)
    if options.patient_column is not None:
        patient = named_column(table, options, "patient_column")
        if patient is not None and patient == label:
            raise UserError(
                f"column '{label}' of {table.name} can't be the label and the patient; name the column of classes with "
                "--label-column"
            )
    else:
        patient = find_patient(table.columns, options, {split, fold, label, *one_hot})
        if patient is not None:
            notes.append(patient_note(patient, table.name))
    for column in (label, patient, split, fold):
        if column is not None:
            refuse_twin(table, column)
    return Roles(image, label, one_hot, patient, split, fold, tuple(notes))


def _find_split(table: Table, options: Options) -> tuple[str | None, list[str]]:
    """A column whose name and words mean splits; and what is said of one whose words don't."""
    notes: list[str] = []
    for column in table.columns:
        if plain(column) in _SPLIT_FLAGS:
            notes += _flag_note(table, column)
        if plain(column) not in SPLIT_NAMES | FOLD_NAMES:
            continue
        words = {number_word(cell) for cell in table.columns[column]} - {""}
        if any(split_of_word(word, options.split_map) for word in words):
            return column, notes
        if words and plain(column) in SPLIT_NAMES:
            some = ", ".join(shown(word) for word in sorted(words)[:5])
            notes.append(
                f"Column '{column}' of {table.name} ({some}) names no split that is known and is not used; "
                f"--split-column {column} --split-map WORD=test says what its words mean."
            )
    return None, notes


def _flag_note(table: Table, column: str) -> list[str]:
    """What is said of a column such as ``is_test`` that holds yes and no."""
    words = _words(table.columns[column], 4)
    yes = sorted(word for word in words if word.casefold() in ("1", "true", "yes"))
    no = sorted(words - set(yes))
    if len(yes) != 1 or len(no) != 1 or not no[0]:
        return []
    split = split_of_word(re.sub("^(?:is|in)", "", plain(column)), {}) or "test"
    given = f"{yes[0]}={split},{no[0]}={'test' if split == 'train' else 'train'}"
    return [
        f"Column '{column}' of {table.name} looks as if it told a split and is not used; --split-column "
        f"{quoted(column)} --split-map {quoted(given)} would use it."
    ]


def find_label(table: Table, options: Options, taken: Iterable[str | None]) -> tuple[str | None, tuple[str, ...]]:
    """The label's column, or the columns that hold one class or finding each; (None, ()) where nothing tells.

    Raises:
        UserError: several columns could be the label.
    """
    named = named_column(table, options, "label_column")
    if named is not None:
        return named, ()
    free = {column: cells for column, cells in table.columns.items() if column not in taken}
    if options.positive is not None:
        finding = [one for one in free if plain(one) == plain(options.positive) and is_finding(free[one])]
        if len(finding) == 1:
            return finding[0], ()
    usual = [one for one in free if plain(one) in LABEL_NAMES and any(map(_filled, free[one]))]
    if any(plain(one) == "x" for one in free):
        usual = [one for one in usual if plain(one) != "y"]  # a place in the image
    if len(usual) > 1:
        usual = _one_of_equals(free, usual)
    block = tuple(column for column in free if is_flag(free[column]) and plain(column) not in _SPLIT_FLAGS)
    classes = len(block) > 1 and _share_of_ones(free, block) >= _ONE_HOT
    if classes and usual and all(plain(one) in FINDING_NAMES and one in block for one in usual):
        return None, block  # normal, benign, cancer
    if len(usual) == 1:
        return usual[0], ()
    if len(usual) > 1:
        raise UserError(
            f"{len(usual)} columns of {table.name} could be the label: {', '.join(usual)}; name one, such as "
            f"--label-column {quoted(usual[0])}"
        )
    if classes or (len(block) > 1 and _covers(free, block)):
        return None, block
    patients = find_patient(table.columns, Options(), taken)
    rest = [one for one in free if one != patients and _may_be_classes(one, free[one])]
    return (rest[0], ()) if len(free) - (patients in free) == 1 and len(rest) == 1 else (None, ())


def likely_labels(table: Table, taken: Iterable[str | None]) -> list[str]:
    """Columns that could be the label: findings, or words and numbers of which some repeat."""
    free = {column: cells for column, cells in table.columns.items() if column not in taken}
    return [one for one in free if is_finding(free[one]) and plain(one) not in _SPLIT_FLAGS] or [
        one for one in free if plain(one) not in PATIENT_NAMES and _may_be_classes(one, free[one])
    ]


def _may_be_classes(column: str, cells: Sequence[Any]) -> bool:
    """Whether a column that nobody named could hold classes, by its name and its cells."""
    return may_be_label(column) and plain(column) not in _SPLIT_FLAGS and _holds_classes(cells) and _repeats(cells)


def refuse_no_label(table: Table, taken: Iterable[str | None]) -> UserError:
    """What is said of a table that has no label which could be told."""
    likely = likely_labels(table, taken)
    if not likely:
        return UserError(
            f"the table {table.name} has no column of labels (its columns: {', '.join(list(table.columns)[:30])}); "
            "name it with --label-column, or another table with --labels"
        )
    return UserError(
        f"which column of {table.name} is the label can't be told; name one of {', '.join(likely[:30])}, such as "
        f"--label-column {quoted(likely[0])}"
    )


def is_finding(cells: Sequence[Any]) -> bool:
    """Whether a column says 1 and 0, perhaps -1 or nothing, of one finding."""
    words = _words(cells, 5)
    return "1" in words and len(words) > 1 and words <= {"1", "0", "-1", ""}


def is_flag(cells: Sequence[Any]) -> bool:
    """Whether a column holds 0 and 1 alone."""
    words = _words(cells, 3)
    return bool(words) and words <= {"0", "1"}


def _words(cells: Sequence[Any], most: int) -> set[str]:
    """Up to ``most`` different words of a column."""
    seen: set[Any] = set()
    words: set[str] = set()
    for cell in cells:
        if isinstance(cell, list | tuple):
            return {"a list", "of words"}
        if cell not in seen:
            seen.add(cell)
            words.add(number_word(cell))
            if len(words) >= most:
                break
    return words


def _holds_classes(cells: Sequence[Any]) -> bool:
    """Whether cells are a few different words, and no measured numbers."""
    words = _words(cells, _FEW + 2) - {""}
    return 2 <= len(words) <= _FEW and not any(re.fullmatch(r"-?\d*\.\d+(e-?\d+)?", word) for word in words)


def _repeats(cells: Sequence[Any]) -> bool:
    """Whether some word stands in several rows, as classes do; of two rows nothing can be said."""
    words = [word for cell in cells if not isinstance(cell, list | tuple) and (word := number_word(cell))]
    return len(set(words)) < len(words) or len(words) < 3


def _filled(cell: Any) -> bool:
    return cell is not None and (isinstance(cell, list | tuple) or bool(number_word(cell)))


def _share_of_ones(columns: Mapping[str, Sequence[Any]], block: Sequence[str]) -> float:
    counts = ones_a_row(columns, block)
    return sum(count == 1 for count in counts) / max(1, len(counts))


def _covers(columns: Mapping[str, Sequence[Any]], block: Sequence[str]) -> bool:
    """Whether columns of 0 and 1 are findings: at least five, and most of what the table says beside the image."""
    return len(block) >= 5 and len(block) >= len(columns) / 2


def ones_a_row(columns: Mapping[str, Sequence[Any]], block: Sequence[str]) -> list[int]:
    """(n,) how many of the columns hold a 1."""
    counts = [0] * len(columns[block[0]])
    for column in block:
        for row, cell in enumerate(columns[column]):
            counts[row] += number_word(cell) == "1"
    return counts


def _one_of_equals(columns: Mapping[str, Sequence[Any]], usual: list[str]) -> list[str]:
    """Of columns that say the same in other words (target 0/1, benign_malignant) the one of words; else all."""
    seen = {column: [number_word(cell) for cell in columns[column]] for column in usual}
    first = seen[usual[0]]
    for column in usual[1:]:
        pairs = set(zip(first, seen[column], strict=True))
        if not len(pairs) == len(set(first)) == len(set(seen[column])):
            return usual
    worded = [one for one in usual if not all(re.fullmatch(r"-?\d*", word) for word in set(seen[one]))]
    return [(worded or usual)[0]]
