"""Which file a cell of a table means: with or without suffix, folders, a prefix from elsewhere, leading zeros."""

from __future__ import annotations

import os
import posixpath
import re
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import unquote

NOTHING, SEVERAL, OUTSIDE = -1, -2, -3
# Files that are no images, whatever a table says.
_NO_IMAGES = frozenset((
    ".csv", ".tsv", ".txt", ".xlsx", ".xls", ".json", ".jsonl", ".ndjson", ".parquet", ".arrow", ".npz", ".npy",
    ".h5", ".hdf5", ".zip", ".gz", ".tar", ".tgz", ".md", ".rst", ".pdf", ".html", ".xml", ".yaml", ".yml",
    ".py", ".ipynb", ".docx", ".log", ".pkl", ".pickle", ".pt", ".pth", ".db", ".mat", ".ini", ".cfg", ".toml",
    ".sh", ".lock",
))  # fmt: skip
# Endings that a table may leave out, or name another of than the file bears.
ENDINGS = frozenset((
    ".bmp", ".gif", ".jfif", ".jp2", ".jpe", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".pnm", ".ppm", ".tif",
    ".tiff", ".webp", ".dcm", ".dicom", ".dic", ".ima",
))  # fmt: skip


_LEAD = re.compile(r"(\d{5,18})[_ .-]")


def may_be_image(path: str) -> bool:
    """Whether a table may name a file as an image."""
    return os.path.splitext(path)[1].lower() not in _NO_IMAGES


def is_image_name(path: str) -> bool:
    """Whether a file's name ends like an image's."""
    return os.path.splitext(path)[1].lower() in ENDINGS


@dataclass
class Matched:
    """Which file each row of a column means.

    Args:
        files: (n,) index of the file, or NOTHING, SEVERAL, or OUTSIDE for a path that leaves the data's folder.
        several: row -> the files that it could mean.
        by_number: rows that were matched by a number alone.
        renamed: rows whose file lies in another folder than they say.
    """

    files: list[int]
    several: dict[int, list[int]] = field(default_factory=dict)
    by_number: int = 0
    renamed: int = 0

    @property
    def distinct(self) -> int:
        """Files that are meant by some row."""
        found = {file for file in self.files if file >= 0}
        return len(found.union(*self.several.values())) if self.several else len(found)


def as_path(cell: Any) -> str:
    """A cell as a path with ``/``; whole numbers without a fraction; an empty one as ''; a URL without its query."""
    if cell is None or isinstance(cell, bool | list | tuple):
        return ""
    if isinstance(cell, float):
        if cell != cell or not cell.is_integer():
            return ""
        cell = int(cell)
    text = str(cell).strip().replace("\\", "/")
    if text[:8].lower().startswith(("http://", "https://")):
        text = unquote(re.split(r"[?#]", text, maxsplit=1)[0])
    return text[2:] if text.startswith("./") else text


def _key(path: str) -> str:
    stem, suffix = os.path.splitext(path)
    key = (stem if suffix.lower() in ENDINGS else path).casefold()
    return key if key.isascii() else unicodedata.normalize("NFC", key)  # macOS takes letters apart


class ImageFiles:
    """The files that tables may name.

    Args:
        paths: below the data's folder, with ``/``, sorted.
    """

    def __init__(self, paths: Sequence[str]) -> None:
        self.paths = [path for path in paths if may_be_image(path)]
        self._keys = [_key(path) for path in self.paths]
        self._by_key: dict[str, list[int]] = defaultdict(list)
        self._by_name: dict[str, list[int]] = defaultdict(list)
        for index, key in enumerate(self._keys):
            self._by_key[key].append(index)
            self._by_name[key.rpartition("/")[2]].append(index)

    @cached_property
    def _by_number(self) -> dict[int, list[int]]:
        """Files whose names are one common word, or none, and a number."""
        stems = [key.rpartition("/")[2] for key in self._keys]
        prefix = os.path.commonprefix(stems).rstrip("0123456789") if len(stems) > 1 else ""  # noqa: RUF071
        found: dict[int, list[int]] = defaultdict(list)
        for index, stem in enumerate(stems):
            rest = stem[len(prefix) :]
            if rest.isascii() and rest.isdigit() and len(rest) <= 18:
                found[int(rest)].append(index)
        return found

    @cached_property
    def _by_lead(self) -> dict[str, list[int]]:
        """Files whose names begin with a long number and more: ``20586908_MG_R_CC``."""
        found: dict[str, list[int]] = defaultdict(list)
        for index, key in enumerate(self._keys):
            lead = _LEAD.match(key.rpartition("/")[2])
            if lead:
                found[lead[1]].append(index)
        return found

    def match(self, cells: Sequence[Any], folder: str = "") -> Matched:
        """Which file each cell means.

        Args:
            cells: of one column.
            folder: of the table, below the data's folder; '' where it is that folder or lies elsewhere.
        """
        done = Matched([NOTHING] * len(cells))
        known: dict[str, int | list[int]] = {}
        elsewhere: dict[int, int] = {}  # row -> the one file of that name, in other folders than the row says
        texts = [as_path(cell) for cell in cells]
        for row, text in enumerate(texts):
            if not text:
                continue
            if text not in known:
                known[text] = self._find(text, folder)
            found = known[text]
            if isinstance(found, list):
                done.files[row], done.several[row] = SEVERAL, found
            elif found >= 0 or found == OUTSIDE:
                done.files[row] = found
            else:
                self._loosely(row, text, done, elsewhere)
        self._take_renamed(texts, elsewhere, done)
        return done

    def _find(self, text: str, folder: str) -> int | list[int]:
        key = _key(text)
        if "../" in text or text == "..":
            key = posixpath.normpath(posixpath.join(folder.casefold(), key))
            if key.startswith(".."):
                return OUTSIDE
            return self._one(self._by_key.get(key, []), text, folder)
        for whole in ([f"{folder.casefold()}/{key}"] if folder else []) + [key]:
            if whole in self._by_key:
                return self._one(self._by_key[whole], text, folder)
        fitting = [
            index
            for index in self._by_name.get(key.rpartition("/")[2], ())
            if (own := self._keys[index]).endswith(f"/{key}") or key.endswith(f"/{own}")
        ]
        return self._one(fitting, text, folder)

    def _one(self, fitting: list[int], text: str, folder: str) -> int | list[int]:
        """The one of several files that is meant: of exactly that name, or below the table's folder."""
        if len(fitting) > 1:
            name = text.rpartition("/")[2]
            fitting = [index for index in fitting if self.paths[index].rpartition("/")[2] == name] or fitting
        if len(fitting) > 1 and folder:
            fitting = [index for index in fitting if self.paths[index].startswith(f"{folder}/")] or fitting
        return fitting if len(fitting) > 1 else fitting[0] if fitting else NOTHING

    def _loosely(self, row: int, text: str, done: Matched, elsewhere: dict[int, int]) -> None:
        whole = text[:-2] if text.endswith(".0") else text
        if whole.isascii() and whole.isdigit() and len(whole) <= 18:
            fitting = self._by_number.get(int(whole), []) or self._by_lead.get(whole, [])
            if len(fitting) == 1:  # of several, a number alone means none
                done.files[row] = fitting[0]
                done.by_number += 1
        elif "/" in text:
            parts = _key(text).split("/")
            alike = [
                (_common_end(parts, self._keys[index].split("/")), index) for index in self._by_name.get(parts[-1], ())
            ]
            best = max(alike, default=None)
            if best is not None and sum(count == best[0] for count, _ in alike) == 1:
                elsewhere[row] = best[1]

    @staticmethod
    def _take_renamed(texts: Sequence[str], elsewhere: dict[int, int], done: Matched) -> None:
        """Takes files of the right name in other folders, where no row with folders is right and each means its own."""
        if not elsewhere or any(file >= 0 and "/" in text for file, text in zip(done.files, texts, strict=True)):
            return
        meant: dict[int, str] = {}
        if any(meant.setdefault(file, texts[row]) != texts[row] for row, file in elsewhere.items()):
            return
        for row, file in elsewhere.items():
            done.files[row] = file
            done.renamed += 1


def _common_end(one: Sequence[str], other: Sequence[str]) -> int:
    """How many parts two paths have in common from their ends."""
    count = 0
    while count < min(len(one), len(other)) and one[-1 - count] == other[-1 - count]:
        count += 1
    return count
