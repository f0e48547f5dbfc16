"""A table in its place beside images; and which of several files a row of it means."""

from __future__ import annotations

import filecmp
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from balancing.data.mask_names import masks_among
from balancing.data.sources.base import split_of
from balancing.data.sources.tables.choosing import Roles
from balancing.data.sources.tables.matching import ImageFiles, Matched, as_path
from balancing.data.sources.tables.reading import Table
from balancing.data.sources.usual_names import number_word, quoted
from balancing.data.text import shown
from balancing.errors import UserError


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


def settle(one: Placed, files: ImageFiles, root: Path | None, notes: list[str]) -> None:
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
            folders = {path.rpartition("/")[0] for path in paths}
            glob = f"{paths[0].rpartition('/')[0]}/*" if len(folders) > 1 else f"*{os.path.splitext(paths[0])[1]}"
            glob = glob.removeprefix("/")
            raise UserError(
                f"'{shown(as_path(table.columns[roles.image][row]))}' of {table.name} could be {shown(paths[0])} or "
                f"{shown(paths[1])}; say which images are meant, such as --images {quoted(glob)}"
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
