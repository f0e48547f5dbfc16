"""Masks of what an image shows (lungs, lesions): from a folder of mask images, or those that come with the images."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageOps

from balancing.data.folders.words import split_word
from balancing.data.mask_names import base_of, masks_among
from balancing.data.pixels.geometry import to_square
from balancing.data.pixels.imagefile import check_memory, opened_image, read_image_file
from balancing.data.text import shown
from balancing.errors import UserError

if TYPE_CHECKING:
    from balancing.data.images import ImageSet

_ENDINGS = {".png", ".bmp", ".gif", ".tif", ".tiff", ".jpg", ".jpeg", ".webp"}
# Compression blurs their edges, so anything above black would be too much.
_LOSSY = ("JPEG", "MPO", "WEBP")


@dataclass(frozen=True)
class Masks:
    """Masks of some images of a set, read when asked for.

    Args:
        what: says what they are, to follow "The outline is".
        of: rows (n,) int64 -> (n, H, W) bool; all False where an image has no mask.
        present: (N,) bool, whether each image of the set has a mask; a mask may still be empty (no lesion).
    """

    what: str
    of: Callable[[np.ndarray], np.ndarray]
    present: np.ndarray


def masks_of(images: ImageSet, folder: Path | str | None = None) -> Masks | None:
    """The masks of a folder; without one those that come with the images; None where there are none.

    Raises:
        UserError: see ``load_masks``.
    """
    if folder is not None:
        return load_masks(folder, images)
    if images.masks_path is None:
        return None
    stored = np.load(images.masks_path, mmap_mode="r")
    return Masks(
        "the drawn lesion, known here because the images are drawings",
        lambda rows: np.array(stored[rows], dtype=bool),
        np.ones(len(images), dtype=bool),
    )


def as_masks(masks: np.ndarray, what: str = "the given mask") -> Masks:
    """Masks in memory, (N, H, W) bool, one an image of the set."""
    return Masks(what, lambda rows: np.array(masks[rows], dtype=bool), np.ones(len(masks), dtype=bool))


def load_masks(folder: Path | str, images: ImageSet) -> Masks:
    """Masks of a folder (and its subfolders), told by their names; the pixels are read later, when they are needed.

    A mask belongs to the image with the same file name without its ending, in any letter case; ``_mask``,
    ``_segmentation`` and the like at the end of the mask's name, with or without a number, are passed over, and several
    such masks of one image in one folder are joined. Where the folder holds the images, too, the masks are told by
    these names, or by a folder ``masks`` beside. Where several images or masks share a name, the mask must lie in a
    folder named like the image's class, and where that is not enough also in one named like its split. What still is
    not told apart counts as no mask.

    Everything but black (or the first colour of a palette) is inside; in JPEGs and WebPs what is brighter than half.
    A mask must cover the whole image: it is turned by its EXIF and brought to the images' square with the nearest
    neighbour, squashed, padded or cut as they were.

    Args:
        folder: of the mask images.
        images: of the run.
    Raises:
        UserError: no such folder, no images in it, none that fits, or (when one is read) one that can't be read.
    """
    root = Path(folder).expanduser()
    if not root.is_dir():
        raise UserError(f"there is no folder of masks {root}; give one by --masks DIR")
    paths = [
        path.relative_to(root).as_posix()
        for path in sorted(root.rglob("*"))
        if path.suffix.lower() in _ENDINGS and not path.name.startswith(".")
    ]
    files = _by_name(root, masks_among(paths) or paths)
    if not files:
        raise UserError(f"the folder of masks {root} holds no image; masks are {', '.join(sorted(_ENDINGS))}")
    stems = [PurePosixPath(name).stem.lower() for name in images.names.tolist()]
    classes = [images.class_names[label].lower() for label in images.labels.tolist()]
    of_stem, of_class = Counter(stems), Counter(zip(stems, classes, strict=True))
    found = []
    for stem, label, split in zip(stems, classes, images.splits.tolist(), strict=True):
        # An image that itself is called x_mask must find x_mask.png, too.
        fitting = files.get(stem) or files.get(base_of(stem) or stem) or []
        if of_stem[stem] > 1 or len(fitting) > 1:
            fitting = [one for one in fitting if label in one.folders]
        if of_class[stem, label] > 1 or len(fitting) > 1:
            fitting = [one for one in fitting if split in one.splits]
        found.append(fitting[0].files if len(fitting) == 1 else ())
    if not any(found):
        masks = [path for some in files.values() for one in some for path in one.files]
        example = shown(masks[0].name)
        raise UserError(
            f"none of the {len(masks)} masks in {root} is named like an image: the first mask is "
            f"{example}, the first image {images.names[0]}; a mask needs its image's name, with any ending"
        )
    size, resize = int(images.pixels.shape[1]), (images.reading or {}).get("resize") or "squash"

    def read(rows: np.ndarray) -> np.ndarray:
        masks = np.zeros((len(rows), size, size), dtype=bool)
        for place, row in enumerate(rows):
            for path in found[int(row)]:
                masks[place] |= read_mask(path, size, resize)
        return masks

    return Masks(f"the mask from {root.name}", read, np.array([len(paths) > 0 for paths in found]))


@dataclass(frozen=True)
class _MaskFiles:
    """The masks of one image in one folder: one, or several that are joined.

    Args:
        files: of the masks.
        folders: the names of all folders they lie in, in lower case.
        splits: those that these names mean.
    """

    files: tuple[Path, ...]
    folders: frozenset[str]
    splits: frozenset[str]


def _by_name(root: Path, paths: Iterable[str]) -> dict[str, list[_MaskFiles]]:
    """By the name of the image, in lower case; masks in other folders apart."""
    together: dict[tuple[str, str], list[Path]] = defaultdict(list)
    alone: dict[tuple[str, str], list[Path]] = defaultdict(list)
    for path in sorted(paths):
        folder = path.rpartition("/")[0]
        stem = shown(Path(path).stem).lower()
        base = base_of(stem)
        (alone if base is None else together)[base or stem, folder].append(root / path)
    files: dict[str, list[_MaskFiles]] = defaultdict(list)
    for (name, folder), found in (*alone.items(), *together.items()):
        parts = [shown(part).strip().lower() for part in (*root.resolve().parts[-2:], *folder.split("/"))]
        splits = frozenset(split for part in parts if (split := split_word(part)))
        groups = [tuple(found)] if (name, folder) not in alone else [(path,) for path in found]
        files[name] += [_MaskFiles(group, frozenset(parts), splits) for group in groups]
    return files


def read_mask(path: Path, size: int, resize: str = "squash") -> np.ndarray:
    """One mask file as (size, size) bool, squashed, padded or cut as the images are.

    Raises:
        UserError: it can't be read.
    """
    try:
        with opened_image(read_image_file(path)) as opened:
            check_memory(opened, opened.size)
            lossy = opened.format in _LOSSY
            image = ImageOps.exif_transpose(opened)
            image.load()
    except Exception as error:  # a damaged file can raise almost anything
        raise UserError(f"mask {shown(str(path))} cannot be read ({error}); repair or remove it") from error
    if image.mode in ("RGBA", "CMYK", "YCbCr", "PA"):
        image = image.convert("RGB")
    elif image.mode == "LA":
        image = image.convert("L")
    values = np.asarray(image)
    inside = np.asarray(values > (127 if lossy else 0))
    if inside.ndim == 3:
        inside = np.asarray(inside.any(axis=2))
    return fitted_mask(inside, size, resize)


def fitted_mask(inside: np.ndarray, size: int, resize: str) -> np.ndarray:
    """(H, W) bool as (size, size), by the nearest neighbour."""
    return np.asarray(to_square(Image.fromarray(inside), size, resize, Image.Resampling.NEAREST), dtype=bool)
