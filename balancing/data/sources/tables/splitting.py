"""What the words of a table's split column mean, its folds, and lists of files that make a split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from balancing.data.options import Options
from balancing.data.sources.tables.matching import SEVERAL, ImageFiles
from balancing.data.sources.usual_names import quoted, split_of_word
from balancing.data.text import is_no_label, shown
from balancing.errors import UserError, suggestion

DROP = "drop"
_MOST_BYTES = 1 << 28


def splits_of_cells(cells: Sequence[Any], options: Options, column: str, where: str) -> list[str | None]:
    """The split of each row; None where its cell is blank.

    Raises:
        UserError: a word that names no split.
    """
    known: dict[Any, str | None] = {}
    for cell in cells:
        key = cell if isinstance(cell, str | int | float) or cell is None else str(cell)
        if key in known:
            continue
        word = "" if cell is None else str(cell).strip()
        if is_no_label(word):
            known[key] = None
            continue
        known[key] = split_of_word(word, options.split_map)
        if known[key] is None:
            raise UserError(
                f"column '{column}' of {where} holds '{shown(word)}', which names no split; say what it means, such as "
                f"--split-map {quoted(shown(word) + '=test')} (train, validation, test or drop)"
            )
    return [known[c if isinstance(c, str | int | float) or c is None else str(c)] for c in cells]


def fold_splits(folds: Sequence[str | None], options: Options, where: str) -> list[str | None]:
    """Test for the rows of the fold that is the test split, train for all others; None without ``test_fold``.

    Raises:
        UserError: there is no such fold.
    """
    wanted = options.test_fold
    if wanted is None:
        return [None] * len(folds)
    there = {fold for fold in folds if fold is not None}
    if wanted not in there:
        raise UserError(f"{where} has no fold '{wanted}' (--test-fold){suggestion(wanted, there)}")
    return ["test" if fold == wanted else "train" for fold in folds]


@dataclass(frozen=True)
class NameList:
    """The lines of a text file that names images, without blank ones."""

    name: str
    lines: list[str]


def read_list(path: Path) -> NameList:
    """A text file with the name of an image on each line.

    Raises:
        UserError: it can't be read.
    """
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise UserError(f"the list {path.name} (--split-list) is larger than {_MOST_BYTES:,} bytes; shorten it")
        text = path.read_text(encoding="utf-8-sig", errors="replace")
    except OSError as error:
        reason = error.strerror
        raise UserError(f"the list {path} (--split-list) cannot be read ({reason}); check its path") from None
    return NameList(shown(path.name), [line.strip() for line in text.splitlines() if line.strip()])


def splits_by_lists(lists: Mapping[str, NameList], files: ImageFiles) -> tuple[dict[int, str], list[str]]:
    """The split of each file that a list names.

    Args:
        lists: split -> names of its images.
    Returns:
        index of a file -> split; and sentences on lines that name no image.
    Raises:
        UserError: a list names none of the images, or an image stands in two.
    """
    found: dict[int, str] = {}
    notes = []
    for split, listed in lists.items():
        lines = listed.lines
        matched = files.match(lines)
        missing = [line for line, file in zip(lines, matched.files, strict=True) if file < 0]
        unclear = [lines[row] for row, file in enumerate(matched.files) if file == SEVERAL]
        if unclear:
            raise UserError(
                f"the list {listed.name} (--split-list) names {shown(unclear[0])}, which could be several images; "
                "write their paths below the data's folder"
            )
        if len(missing) == len(lines):
            raise UserError(
                f"the list {listed.name} (--split-list) names none of the images"
                + (f": it has {shown(lines[0])}, the data {shown(files.paths[0])}" if lines and files.paths else "")
                + "; check it"
            )
        if missing:
            some = ", ".join(map(shown, missing[:3]))
            notes.append(f"{len(missing):,} of {len(lines):,} lines of {listed.name} name no image, such as {some}.")
        for file in matched.files:
            if file >= 0 and found.setdefault(file, split) != split:
                raise UserError(
                    f"{shown(files.paths[file])} stands in the list of {found[file]} and in that of {split} "
                    "(--split-list); keep it in one"
                )
    return found, notes
