"""What is known of an image beside its disease: its file, where it came from, how it looks at the edges."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from balancing.data.images import ImageSet
from balancing.data.splits import PARTS
from balancing.quality.findings import Family

# A level of folders with more names than this many patients or fewer to a name is one of patients, not of sources.
_FEWEST_TO_A_FOLDER = 3
_MOST_FOLDERS = 100
_SPLIT_WORDS = frozenset({*PARTS, "val", "valid", "validate", "training", "testing", "train_set", "test_set", "dev"})


@dataclass(frozen=True)
class Property:
    """One number or word of each image.

    Args:
        name: in words.
        family: what kind of thing it is; properties of a family are reported together.
        values: (N,) float64, NaN where it is not known; of words, their place in the alphabet.
        ordered: whether more and less mean something.
    """

    name: str
    family: Family
    values: np.ndarray
    ordered: bool = True


def of_files(images: ImageSet) -> list[Property]:
    """Format, compression, bit depth, size and channels, where they are known."""
    found = []
    if images.formats is not None:
        found.append(_words("file format", "file", images.formats))
    if images.qualities is not None:
        found.append(Property("JPEG quality", "file", np.asarray(images.qualities, dtype=float)))
    if images.depths is not None:
        found.append(Property("bit depth", "file", images.depths.astype(float)))
    widths, heights = images.widths.astype(float), images.heights.astype(float)
    return [
        *found,
        Property("width", "file", widths),
        Property("height", "file", heights),
        Property("aspect ratio", "file", widths / np.maximum(heights, 1)),
        Property("number of channels", "file", images.channels.astype(float)),
    ]


def of_sources(images: ImageSet) -> list[Property]:
    """Each level of folders above the files that is neither the class nor a split nor the patient.

    A level is the class's where most images lie in a folder of their own class's name. Where classes were renamed or
    merged, it is the deepest of which each folder holds one class alone.
    """
    if images.paths is None:
        return []
    folders = [str(path).replace("\\", "/").split("/")[:-1] for path in images.paths.tolist()]
    depth = max(map(len, folders), default=0)
    levels = [np.array([path[level] if level < len(path) else "" for path in folders]) for level in range(depth)]
    kept = {level: names for level, names in enumerate(levels) if _is_source(names, images)}
    renamed = images.layout or any((images.reading or {}).get(name) for name in ("label_map", "merge"))
    if renamed:
        single = [level for level, names in kept.items() if _one_class_each(names, images.labels)]
        if len(kept) == depth and single:  # no level bears the classes' names
            kept.pop(single[-1])
    return [
        _words("source folder" if len(kept) == 1 else f"source folder, level {level + 1}", "source", names)
        for level, names in kept.items()
    ]


def _is_source(names: np.ndarray, images: ImageSet) -> bool:
    words = np.char.lower(names)
    distinct = np.unique(words)
    things = len(images) if images.patients is None else len(np.unique(images.patients))
    if not 2 <= len(distinct) <= min(_MOST_FOLDERS, things // _FEWEST_TO_A_FOLDER):
        return False
    splits = len(np.unique(images.splits))
    one_each = len(distinct) == splits == len({*zip(words.tolist(), images.splits.tolist(), strict=True)})
    if one_each or set(distinct.tolist()) <= _SPLIT_WORDS:
        return False
    classes = np.array([name.strip().lower() for name in images.class_names])[images.labels]
    return float(np.mean(words == classes)) < 0.5


def _one_class_each(names: np.ndarray, labels: np.ndarray) -> bool:
    pairs = {(name, label) for name, label in zip(names.tolist(), labels.tolist(), strict=True)}
    return len(pairs) == len({name for name, _ in pairs})


def of_pictures(brightness: np.ndarray, contrast: np.ndarray, looks: Mapping[str, np.ndarray]) -> list[Property]:
    """Brightness and contrast (standard deviation) of whole images, (N,) each, and what ``appearance`` gives."""
    return [
        Property("mean brightness", "brightness", brightness),
        Property("contrast", "brightness", contrast),
        *(Property(name, "edges", values) for name, values in looks.items()),
    ]


def _words(name: str, family: Family, words: np.ndarray) -> Property:
    distinct, codes = np.unique(words.astype(str), return_inverse=True)
    values = codes.reshape(-1).astype(float)
    values[np.isin(words.astype(str), [word for word in distinct.tolist() if not word])] = np.nan
    return Property(name, family, values, ordered=False)
