"""What each level of folders means where the user says it: ``--folders site/split/class``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from balancing.data.folders import notes as say
from balancing.data.folders.tree import Place
from balancing.data.text import shown
from balancing.errors import UserError

if TYPE_CHECKING:
    from balancing.data.folders.levels import Reader


def read_as_asked(reader: Reader, folders: str) -> None:
    """Reads all places as asked, from the outermost folder that does not wrap everything.

    Folders that wrap all images need not be counted; they are where the levels fit only with them.

    Raises:
        UserError: there are fewer levels than asked for, or a split's word is unknown.
    """
    levels = folders.strip("/").split("/")
    if "class" not in levels and not reader.by_name:
        raise UserError(f"--folders {folders} names no level that is the class; name one, or give --label-pattern too")
    needed = max((i + 1 for i, level in enumerate(levels) if level != "*"), default=0)
    total = sum(place.images for place in reader.places)
    fitting = []
    for skip in range(_wrappers(reader.places), -1, -1):
        images = sum(place.images for place in reader.places if len(place.folders) - skip >= needed)
        if 2 * images < total:
            continue
        unknown = _unknown_split(reader, levels, skip)
        if unknown is None:
            _apply(reader, levels, skip, needed)
            return
        fitting.append(unknown)
    if fitting:
        raise say.unknown_split(reader.source, *fitting[0])
    example = max(reader.places, key=lambda place: (place.images, place.folders), default=Place((), 0)).folders
    raise UserError(
        f"--folders {folders} names {needed} levels, but most images of {shown(reader.source)} have fewer folders "
        f"above them, such as {shown('/'.join(example)) or 'none'}; name as many levels as there are"
    )


def _wrappers(places: list[Place]) -> int:
    """How many folders wrap all images, from the outermost."""
    deepest = [place.folders for place in places if place.folders]
    count = 0
    while deepest and all(len(f) > count + 1 and f[: count + 1] == deepest[0][: count + 1] for f in deepest):
        count += 1
    return count


def _unknown_split(reader: Reader, levels: list[str], skip: int) -> tuple[list[str], dict[str, str]] | None:
    if "split" not in levels:
        return None
    at = skip + levels.index("split")
    names = sorted({place.folders[at] for place in reader.places if len(place.folders) > at})
    known = reader.splits_of(names)
    unknown = [name for name in names if name not in known]
    return (unknown, known) if unknown else None


def _apply(reader: Reader, levels: list[str], skip: int, needed: int) -> None:
    splits: dict[str, str] = {}
    if "split" in levels:
        at = skip + levels.index("split")
        splits = reader.splits_of({place.folders[at] for place in reader.places if len(place.folders) > at})
    after = levels.index("class") + 1 if "class" in levels else len(levels)
    for place in reader.places:
        if len(place.folders) - skip < needed:
            place.out = "stray"
            continue
        found: dict[str, list[str]] = {}
        for i, level in enumerate(levels):
            if skip + i < len(place.folders):
                found.setdefault(level, []).append(place.folders[skip + i])
        if "split" in found:
            word = splits[found["split"][0]]
            place.split, place.out = word, "drop" if word == "drop" else None
        place.label = found["class"][0] if "class" in found else None
        place.fold = "/".join(found["fold"]) if "fold" in found else None
        place.patient = "/".join(found["patient"]) if "patient" in found else None
        kept = [i for i, level in enumerate(levels) if i >= after and level not in ("split", "fold")]
        beyond = range(len(levels), len(place.folders) - skip)
        if not reader.by_name:
            place.inside = tuple(place.folders[skip + i] for i in (*kept, *beyond) if skip + i < len(place.folders))
        place.at = len(place.folders)
    reader.notes.append(f"Folders are read as {'/'.join(levels)}, as asked.")
