"""Which images are meant: files, folders, globs, and tables of paths."""

from __future__ import annotations

import glob
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from balancing.data.sources.tables.matching import is_image_name, may_be_image
from balancing.data.sources.tables.reading import Table, is_table, read_table
from balancing.data.sources.walking import walk
from balancing.data.text import shortened, shown
from balancing.errors import UserError, suggestion

_SIGNS = "*?["
_PEEKED = 200  # cells of a column that tell whether it holds images' paths
_NAMED = 10  # columns that a message lists


@dataclass(frozen=True)
class Inputs:
    """The images that are meant, in the order in which they were given.

    Args:
        paths: (N,) files; they may be missing, where a table names them.
        columns: of tables: name -> (N,) cells, None for images that came from elsewhere.
        notes: sentences on what was passed over.
    """

    paths: tuple[Path, ...]
    columns: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.paths)


def gathered(given: Sequence[str | os.PathLike[str]], column: str | None = None) -> Inputs:
    """The images that words of a command mean.

    A folder is looked through with all below it, for files named like images; hidden files, a system's own and folders
    that this tool wrote are passed over. A pattern with ``*``, ``?`` or ``[`` (``**`` for all below) means the files
    that fit it, where no file bears that very name. A table (.csv, .tsv, .xlsx, .jsonl, .parquet) names images in a
    column, relative to its own folder; its other columns are kept beside. Anything else is a file. An image that
    folders, patterns and files name twice is taken once; rows of a table are all kept.

    Args:
        given: at least one.
        column: of tables, which holds the paths; by default the one column whose cells are named like images.
    Raises:
        UserError: there is no such file or folder, nothing in it is an image, or a table can't be read or lacks the
            column.
    """
    paths: list[Path] = []
    rows: list[Mapping[str, Any]] = []
    notes: list[str] = []
    seen: set[str] = set()
    tables = 0
    for word in (os.fspath(one) for one in given):
        if is_table(word) and os.path.isfile(word):
            found, cells = _of_table(Path(word), column)
            paths += found
            rows += cells
            tables += 1
            continue
        files, more = _files(word)
        notes += more
        for path in files:
            real = os.path.abspath(path)
            if real not in seen:
                seen.add(real)
                paths.append(path)
                rows.append({})
    if column is not None and not tables:
        raise UserError(f"--column {column} names a column of a table, but no table was given; leave it away")
    names = dict.fromkeys(name for row in rows for name in row)
    return Inputs(tuple(paths), {name: [row.get(name) for row in rows] for name in names}, tuple(notes))


def _files(word: str) -> tuple[list[Path], list[str]]:
    """What a word means that is no table, and notes."""
    if "\0" in word:
        raise UserError("a file's name holds no NUL; give another")
    try:
        if os.path.isdir(word):
            return _of_folder(Path(word))
        if any(sign in word for sign in _SIGNS) and not os.path.lexists(word):
            return _of_pattern(word), []
        if not os.path.lexists(word):
            raise UserError(f"there is no file or folder {_short(word)}; look for a slip in its name")
    except OSError as error:
        raise UserError(f"{_short(word)} can't be read ({(error.strerror or str(error)).lower()})") from error
    return [Path(word)], []


def _of_folder(folder: Path) -> tuple[list[Path], list[str]]:
    names, passed = walk(folder)
    images = [name for name in names if is_image_name(name)]
    others = len(names) - len(images)
    if not images:
        more = f"; of its {others:,} other files none is named like one" if others else ""
        raise UserError(f"folder {_short(str(folder))} holds no images{more}; name files without such an ending by *")
    notes = []
    if others:
        notes.append(f"{others:,} files in {_short(str(folder))} are not named like images and are passed over.")
    if passed:
        notes.append(f"Folders that this tool wrote are passed over: {', '.join(map(shown, passed[:3]))}.")
    return [folder / name for name in images], notes


def _of_pattern(word: str) -> list[Path]:
    matched = sorted(glob.glob(os.path.expanduser(word), recursive=True))
    files = [path for path in matched if may_be_image(path) and not os.path.isdir(path)]
    if not files:
        why = "matches no file" if not matched else f"matches {len(matched):,} places, but no file that may be an image"
        raise UserError(f"the pattern {_short(word)} {why}; quote it, so that the shell leaves it as it is, or mend it")
    return [Path(path) for path in files]


def _of_table(path: Path, column: str | None) -> tuple[list[Path], list[dict[str, Any]]]:
    table = read_table(path, _short(str(path)))
    if not len(table):
        raise UserError(f"the table {_short(str(path))} has no rows; give one with a row an image")
    name = _column(table, column)
    cells = table.columns[name]
    empty = next((row for row, cell in enumerate(cells) if cell is None or not str(cell).strip()), None)
    if empty is not None:
        raise UserError(
            f"row {empty + 1} of the table {table.name} names no image in column '{shown(name)}'; fill it, or take "
            "the row out"
        )
    paths = [path.parent / os.path.expanduser(str(cell)) for cell in cells]
    rows = [{key: values[row] for key, values in table.columns.items()} for row in range(len(table))]
    return paths, rows


def _column(table: Table, asked: str | None) -> str:
    columns = table.columns
    listed = ", ".join(f"'{shortened(shown(name), 40)}'" for name in list(columns)[:_NAMED])
    if asked is not None:
        if asked not in columns:
            raise UserError(
                f"the table {table.name} has no column '{asked}'{suggestion(asked, list(columns)[:_NAMED])}"
            )
        return asked
    found = [name for name, cells in columns.items() if _holds_images(cells)]
    if len(found) == 1:
        return found[0]
    what = "no column" if not found else f"{len(found)} columns"
    raise UserError(f"{what} of the table {table.name} hold names of images; name it by --column (there are: {listed})")


def _holds_images(cells: Sequence[Any]) -> bool:
    peeked = [cell for cell in cells[:_PEEKED] if cell is not None and cell != ""]
    return bool(peeked) and all(isinstance(cell, str) and is_image_name(cell) for cell in peeked)


def _short(word: str) -> str:
    return shortened(shown(word), 200)
