"""Official splits that are lists of file names: ``--split-list test=test_list.txt``."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from balancing.data.text import shown
from balancing.errors import UserError

_MOST_BYTES = 1 << 28


def apply_split_lists(
    lists: Mapping[str, str], root: Path, paths: Sequence[str], splits: Sequence[str]
) -> tuple[list[str], list[str]]:
    """The split of each image, where a list names it, and notes.

    A line is a file's path below the data, or the end of it, with or without its suffix.

    Args:
        lists: split -> file, relative to the data or to the working folder.
        root: of the data (a folder, or a .zip beside which the lists lie).
        paths: (N,) of the images below the data.
        splits: (N,) as they are without the lists.
    Raises:
        UserError: a list can't be read, names what is no image or several, or an image stands in two lists.
    """
    found = list(splits)
    by: dict[int, str] = {}
    index: dict[str, list[int]] = defaultdict(list)
    for row, path in enumerate(paths):
        parts = path.split("/")
        for start in range(len(parts)):
            end = "/".join(parts[start:])
            index[end].append(row)
            index[_without_suffix(end)].append(row)
    notes = []
    for split, file in lists.items():
        lines = _lines(split, file, root)
        unknown = []
        for line in lines:
            rows = index.get(line) or index.get(_without_suffix(line), [])
            if not rows:
                unknown.append(line)
                continue
            if len(rows) > 1:
                raise UserError(
                    f"--split-list {split}={shown(file)} names {shown(line)}, which are {len(rows)} images, such as "
                    f"{shown(paths[rows[0]])} and {shown(paths[rows[1]])}; write their folders, too"
                )
            if by.setdefault(rows[0], split) != split:
                raise UserError(f"{shown(paths[rows[0]])} stands in the lists of {by[rows[0]]} and {split}; keep one")
            found[rows[0]] = split
        if unknown:
            raise UserError(
                f"--split-list {split}={shown(file)} names {len(unknown):,} of {len(lines):,} files that are no images "
                f"here, such as {shown(unknown[0])}; mend the list"
            )
        notes.append(
            f"{len(lines):,} images are of the {split} split, as the list {shown(Path(file).name)} names them."
        )
    return found, notes


def _lines(split: str, file: str, root: Path) -> list[str]:
    given = Path(file).expanduser()
    folder = root if root.is_dir() else root.parent
    path = next((path for path in (folder / given, given) if path.is_file()), None)
    if path is None:
        raise UserError(f"there is no list {shown(file)} (--split-list {split}=...), neither in {folder} nor here")
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise UserError(f"the list {shown(file)} is larger than {_MOST_BYTES >> 20} MiB; give one name a line")
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"the list {shown(file)} cannot be read as text ({error}); give one name a line") from None
    lines = [line.strip().replace("\\", "/").removeprefix("./") for line in text.splitlines()]
    kept = list(dict.fromkeys(line for line in lines if line))
    if not kept:
        raise UserError(f"the list {shown(file)} names nothing; give one name a line, or remove --split-list")
    return kept


def _without_suffix(path: str) -> str:
    folder, sign, name = path.rpartition("/")
    stem, dot, _ = name.rpartition(".")
    return f"{folder}{sign}{stem}" if dot and stem else path
