"""Which image files are masks of others, told by their names and folders."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from functools import lru_cache

from balancing.data.folders.words import NEUTRAL, tokens

# x_mask.png, x_mask_1.png, "x (1)-Segmentation.png", x_GT.png
_ENDING = re.compile(
    r"^(?P<base>.*[^\s_.-])[\s_.-]+(?:masks?|segmentations?|segmented|seg|gt|ground[\s_-]?truth|labels?|annotations?|"
    r"attribute_\w+)(?:[\s_-]?\(?\d+\)?)?$",
    re.IGNORECASE,
)
_FOLDER = frozenset(
    "mask masks label labels gt gts groundtruth truth seg segs segmentation segmentations annotation "  # noqa: SIM905
    "annotations".split()
)
_FOLDER_BESIDE = frozenset("ground lung lungs lesion lesions binary tumor tumour png images image the".split())  # noqa: SIM905


def base_of(stem: str) -> str | None:
    """What a mask's name without its ending says of the image's: ``x`` for ``x_mask_1``; None for other names."""
    found = _ENDING.match(stem)
    return found["base"] if found else None


def masks_among(paths: Iterable[str]) -> set[str]:
    """The masks among image files: those called ``X_mask`` and the like where there is an image X, and those in a
    folder ``masks`` and the like that are named as the images in the folder it stands for or beside.

    Args:
        paths: below one root, with ``/``.
    """
    by_folder: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for path in paths:
        folder, _, name = path.rpartition("/")
        by_folder[folder].append((path, name.rpartition(".")[0].casefold() or name.casefold()))
    masks = _in_mask_folders(by_folder)
    stems = {stem for files in by_folder.values() for path, stem in files if path not in masks}
    for files in by_folder.values():
        for path, stem in files:
            base = base_of(stem)
            if base is not None and base in stems:
                masks.add(path)
    return masks


def _in_mask_folders(by_folder: dict[str, list[tuple[str, str]]]) -> set[str]:
    masks: set[str] = set()
    plain = {folder.casefold(): folder for folder in by_folder}
    stems: dict[str, set[str]] = {}
    for folder, files in by_folder.items():
        parts = folder.casefold().split("/")
        for i, part in enumerate(parts):
            if not _is_mask_folder(part):
                continue
            beside = ["/".join([*parts[:i], *parts[i + 1 :]])]
            beside += ["/".join([*parts[:i], word, *parts[i + 1 :]]) for word in NEUTRAL]
            images: set[str] = set()
            tails: set[str] = set()
            for name in beside:
                if name in plain and plain[name] != folder:
                    if name not in stems:
                        stems[name] = {stem for _, stem in by_folder[plain[name]]}
                    images |= stems[name]
                    tails |= set(map(_tail, stems[name]))
            tails -= {""}
            fitting = sum(stem in images or base_of(stem) in images or _tail(stem) in tails for _, stem in files)
            if 2 * fitting > len(files):
                masks.update(path for path, _ in files)
                break
    return masks


def _tail(stem: str) -> str:
    """What stands behind a name's first word, a number: ``0001-l`` for ``bus_0001-l`` and ``mask_0001-l``."""
    found = re.fullmatch(r"[^\W\d_]+[\s_.-]?(\d.*)", stem)
    return found[1] if found else ""


@lru_cache(1 << 16)
def _is_mask_folder(name: str) -> bool:
    words = [word for word in tokens(name) if not word.isdigit()]
    return any(word in _FOLDER for word in words) and all(word in _FOLDER or word in _FOLDER_BESIDE for word in words)
