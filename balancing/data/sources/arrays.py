"""Images that a program holds as arrays, as a source."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from balancing.data.sources.base import Content, Listing, Source, digest
from balancing.data.splits import PARTS
from balancing.data.text import one_patient, shown
from balancing.errors import UserError, suggestion

PREFIX = "arrays:"


class ArraySource(Source):
    """Images of ``ImageSet.from_arrays``, which says what the arguments are.

    Raises:
        UserError: an array has a wrong type, shape or length.
    """

    kind = "arrays"

    def __init__(
        self,
        pixels: Any,
        labels: Any,
        *,
        patients: Any = None,
        class_names: Sequence[str] | None = None,
        names: Any = None,
        splits: Any = None,
    ) -> None:
        self._pixels = _checked_pixels(pixels)
        count = len(self._pixels)
        self._labels = _checked_labels(labels, count)
        if class_names is not None:
            class_names = tuple(str(name) for name in class_names)
            _check_numbered(self._labels, class_names)
        self._class_names = class_names
        self._patients = (
            None if patients is None else [one_patient(one) for one in _column("patients", patients, count)]
        )
        width = len(str(max(0, count - 1)))
        numbered = [f"{row:0{width}d}" for row in range(count)]
        self._names = numbered if names is None else [shown(str(name)) for name in _column("names", names, count)]
        self._splits = ["train"] * count if splits is None else [str(s) for s in _column("splits", splits, count)]
        for split in set(self._splits).difference(PARTS):
            raise UserError(f"splits must be train, validation or test, but hold '{split}'{suggestion(split, PARTS)}")
        self.name = PREFIX + self.identity()[:16]

    def identity(self) -> str:
        sha256 = hashlib.sha256()
        for image in self._pixels:  # one by one: they may be a view or mapped from a file
            sha256.update(np.ascontiguousarray(image).data)
        shape = list(self._pixels.shape)
        told = [self._labels, self._class_names, self._patients, self._names, self._splits]
        return digest(["arrays", shape, sha256.hexdigest(), *told])

    def listing(self) -> Listing:
        return Listing(self._names, self._splits, list(self._labels), self._class_names, self._patients)

    def contents(self) -> Iterator[Content]:
        yield from self._pixels

    def side(self) -> int:
        """Of the square images.

        Raises:
            UserError: they are not square.
        """
        height, width = self._pixels.shape[1:3]
        if height != width:
            raise UserError(
                f"the images are {height} pixels high and {width} wide, but squares are trained on; give image_size=, "
                "to which they are then resized, or cut them"
            )
        return int(height)


def _checked_pixels(pixels: Any) -> np.ndarray:
    pixels = np.asarray(pixels)
    if pixels.dtype != np.uint8:
        raise UserError(
            f"pixels must be uint8, whole grey levels in 0..255, but are {pixels.dtype}; scale them to 0..255 and "
            "convert them by .astype(np.uint8)"
        )
    if pixels.ndim not in (3, 4) or (pixels.ndim == 4 and pixels.shape[3] != 3) or 0 in pixels.shape:
        raise UserError(
            f"pixels must have shape (N, H, W), or (N, H, W, 3) in colour, but have {pixels.shape}; give one image "
            "along the first axis, colours along the last"
        )
    return pixels


def _column(name: str, values: Any, count: int) -> list[Any]:
    """One value an image, as Python's own objects."""
    # As objects where it is no array yet: among words a missing one would else become the word "nan".
    found = values if isinstance(values, np.ndarray) else np.asarray(values, dtype=object)
    if found.shape != (count,):
        raise UserError(
            f"{name} must hold one value for each of the {count} images, but have shape {found.shape}; give ({count},)"
        )
    return [value.item() if isinstance(value, np.generic) else value for value in found.tolist()]


def _checked_labels(labels: Any, count: int) -> list[int | str]:
    listed = _column("labels", labels, count)
    wrong = [one for one in listed if not isinstance(one, int | str) or (isinstance(one, str) and not one.strip())]
    if wrong:
        raise UserError(
            f"labels must be whole numbers or class names, but hold {wrong[0]!r}; convert them by .astype(int), or "
            "leave images without a label out"
        )
    return listed


def _check_numbered(labels: Sequence[int | str], class_names: Sequence[str]) -> None:
    wrong = next((one for one in labels if isinstance(one, str) or not 0 <= one < len(class_names)), None)
    if wrong is not None:
        raise UserError(
            f"with class_names, labels are numbers in 0..{len(class_names) - 1}, but one is {wrong!r}; give numbers, "
            "or leave class_names out"
        )
