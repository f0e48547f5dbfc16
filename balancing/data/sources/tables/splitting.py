"""What the words of a table's split column mean, and its folds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from balancing.data.options import Options
from balancing.data.sources.usual_names import quoted, split_of_word
from balancing.data.text import is_no_label, shown
from balancing.errors import UserError, suggestion

DROP = "drop"


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
