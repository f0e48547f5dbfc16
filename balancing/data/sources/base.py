"""What every source of images offers: a cheap listing first, then the encoded images, once, in the same order."""

from __future__ import annotations

import hashlib
import json
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from balancing.data.content import Content

if TYPE_CHECKING:
    from balancing.data.options import Options


@dataclass(frozen=True)
class Listing:
    """What is known of each image without decoding it.

    Args:
        names: (N,) file names, or split and row where there are none.
        splits: (N,) ``train``, ``validation`` or ``test``.
        labels: (N,) class numbers (with ``class_names``), or the values themselves; None where a label is missing.
        class_names: (C,) the names of the numbers; None where the names follow from the values.
        patients: (N,) from the patient column, or None without one.
        notes: sentences on what was left out or assumed.
        label_column: where the labels come from; None where they are folders.
        folds: (N,) words of the source's own folds, or None without any.
        paths: (N,) of the files below the data, with ``/``; None where there are none.
        positive: the class that the data themselves say is looked for; None where they don't.
        layout: the known public data set that this looks like, such as ``HAM10000``; None for any other.
    """

    names: list[str]
    splits: list[str]
    labels: list[Any]
    class_names: tuple[str, ...] | None = None
    patients: list[str | None] | None = None
    notes: tuple[str, ...] = ()
    label_column: str | None = None
    folds: list[str | None] | None = None
    paths: list[str] | None = None
    positive: str | None = None
    layout: str | None = None


class Source(ABC):
    """A place that holds labelled images.

    Attributes:
        name: what the user named, e.g. ``phantom`` or ``hf-vision/chest-xray-pneumonia@main``.
        remembered: True where opening the source may need a network, so that the cache remembers by name what
            it decoded last.
        pinned: True where the name alone (with its revision) settles the content.
        kind: ``phantom``, ``local`` or ``hub``.
        notes: sentences on what was passed over when it was opened.
        options: how it is read, with what a known layout adds to what was asked; None for just as asked.
        what: the kind of source, in a message.
        passes_over: options that mean nothing for it, and are refused.
    """

    name: str
    kind = "local"
    notes: tuple[str, ...] = ()
    options: Options | None = None
    remembered: bool = False
    pinned: bool = False
    what: str = "these data"
    passes_over: tuple[str, ...] = ()

    @abstractmethod
    def identity(self) -> str:
        """Changes when the content changes; cheap, for it names the cache entry."""

    @abstractmethod
    def listing(self) -> Listing:
        """Names, splits and labels of all images.

        Raises:
            UserError: no such column, no images, several labels for one image.
        """

    @abstractmethod
    def contents(self) -> Iterator[Content]:
        """The images in the order of the listing, lazily."""

    def masks(self) -> Iterator[np.ndarray] | None:
        """(H, W) bool per image in the order of the listing, where lesions are known."""
        return None


def digest(parts: Any) -> str:
    """Hex sha256 of anything JSON can write."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


def files_identity(root: Path, files: Iterable[Path]) -> str:
    """Digest of the relative path, size and time of change of each file."""
    stats = ((file, file.stat()) for file in files)
    return digest([[file.relative_to(root).as_posix(), s.st_size, s.st_mtime_ns] for file, s in stats])


_SPLIT_OF = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "validation"),
    **dict.fromkeys(("test", "testing"), "test"),
}
_SPLIT_WORD = re.compile(rf"(?:^|[^a-z0-9])({'|'.join(_SPLIT_OF)})(?=[^a-z0-9]|$)")


def split_of(word: str) -> str | None:
    """``train``, ``validation`` or ``test`` for a name that means it in any letter case, else None."""
    return _SPLIT_OF.get(word.lower())


def split_of_path(path: str) -> str | None:
    """The split that a file's name tells, or else its nearest folder that tells one.

    >>> split_of_path("data/train-00000-of-00001.parquet"), split_of_path("default/val/0000.parquet")
    ('train', 'validation')
    """
    for part in reversed(path.lower().split("/")):
        found = _SPLIT_WORD.search(part)
        if found:
            return _SPLIT_OF[found.group(1)]
    return None


def unique_names(names: Sequence[str], splits: Sequence[str]) -> list[str]:
    """The names, a repeated one within a split numbered: ``x.png``, ``x.png#2``, ..."""
    seen: dict[tuple[str, str], int] = {}
    unique = []
    for name, split in zip(names, splits, strict=True):
        count = seen[split, name] = seen.get((split, name), 0) + 1
        unique.append(name if count == 1 else f"{name}#{count}")
    return unique
