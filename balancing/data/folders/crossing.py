"""Two levels of folders that cross, with the same few names under each folder: which of them is the class."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from balancing.data.folders import notes as say
from balancing.data.folders.tree import Level
from balancing.data.folders.words import hinted_split, kind_of, look_like_ids, tokens
from balancing.data.positive import means_healthy

# What ``kind_of`` tells -> how ``--folders`` writes it.
LEVEL_OF = {"fold": "fold", "part": "part", "date": "part", "site": "site", "patient": "patient"}
# Folders called so above the same classes hold the same images again: jpg and png, raw and cropped.
_KINDS_OF_COPY = frozenset(
    "jpg jpeg png bmp tif tiff dicom dcm gif webp raw original originals processed preprocessed cropped segmented "  # noqa: SIM905
    "enhanced resized masked clahe filtered denoised color colour gray grey grayscale rgb normalized normalised".split()
)
_MOST_SETS = 4
_FEW, _DEEPEST = 20, 12


def crossed_below(
    level: Level, splits_of: Callable[[Iterable[str]], Mapping[str, str]]
) -> tuple[set[str], list[str]] | None:
    """The names of a level below that are the same few under each folder of this one, and what lies between.

    Levels between that are splits, patients and the like, or of one name, are passed over.

    Returns:
        None where there is no such level.
    """
    middle: list[str] = []
    for depth in range(1, _DEEPEST):
        under: dict[str, set[str]] = {}
        images = 0
        for place in level.places:
            if len(place.folders) > place.at + depth:
                under.setdefault(place.here, set()).add(place.folders[place.at + depth])
                images += place.images
        names = set().union(*under.values())
        if len(under) < 2:
            return None
        kind = kind_of(names)
        if len(names) == 1:
            middle.append("*")
        elif splits_of(names):
            middle.append("split")
        elif kind is not None:
            middle.append(LEVEL_OF.get(kind, "*"))
        elif look_like_ids(names, images):
            middle.append("patient")
        else:
            often = Counter(name for found in under.values() for name in found)
            shared = sum(count > 1 for count in often.values())
            return (names, middle) if len(names) <= _FEW and 2 * shared > len(names) else None
    return None


def inner_is_class(outer: Collection[str], inner: Collection[str]) -> bool | None:
    """Whether the inner one of two crossed levels is the class, by its words; None where they don't tell.

    A level with a name that means healthy is the class, where the other has none; else one of just 0 and 1.
    """
    healthy = any(map(means_healthy, outer)), any(map(means_healthy, inner))
    yes_no = set(outer) == {"0", "1"}, set(inner) == {"0", "1"}
    for told in (healthy, yes_no):
        if told[0] != told[1]:
            return told[1]
    return None


def decide_crossed(source: str, level: Level, inner: Sequence[str], readings: Sequence[Sequence[str]]) -> bool:
    """Whether the inner one of two crossed levels is the class.

    Args:
        level: the outer one.
        inner: names of the inner one.
        readings: what each level means where the outer one, or the inner one, is the class.
    Raises:
        UserError: in doubt; or the outer folders hold copies of each other's images, or splits of their own.
    """
    outer = level.names
    if any(word.startswith("augment") for name in (*outer, *inner) for word in tokens(name)):
        raise say.augmented(source, outer, inner, readings)
    found = inner_is_class(outer, inner)
    if found is not False and all(_KINDS_OF_COPY.intersection(tokens(name)) for name in outer):
        raise say.copies(source, level, readings[1])
    if found is None:
        raise say.two_readings(source, outer, inner, readings)
    hinted = {name: split for name in outer if (split := hinted_split(name))} if found else {}
    if hinted and len(hinted) < len(outer) and len(outer) <= _MOST_SETS:
        raise say.may_be_splits(source, outer, hinted, readings[1])
    if found and "split" in readings[1][len(readings[0]) :]:
        raise say.splits_in_several(source, level, readings[1])
    return found
