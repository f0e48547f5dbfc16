"""Images that a program holds as arrays, as a source."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from balancing.data.content import Content
from balancing.data.given import as_array, checked_labels, column
from balancing.data.sources.base import Listing, Source, digest
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
        self._labels = checked_labels(labels, count)
        if class_names is not None:
            if isinstance(class_names, str) or not isinstance(class_names, Iterable):
                raise UserError(f"class_names must be a list of names, but are {class_names!r}; give one a class")
            class_names = tuple(str(name) for name in class_names)
            _check_numbered(self._labels, class_names)
        self._class_names = class_names
        self._patients = None if patients is None else [one_patient(one) for one in column("patients", patients, count)]
        width = len(str(max(0, count - 1)))
        numbered = [f"{row:0{width}d}" for row in range(count)]
        self._names = numbered if names is None else [shown(str(name)) for name in column("names", names, count)]
        self._splits = ["train"] * count if splits is None else [str(s) for s in column("splits", splits, count)]
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
    pixels = as_array("pixels", pixels, "uint8 of shape (N, H, W)")
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


def _check_numbered(labels: Sequence[int | str], class_names: Sequence[str]) -> None:
    wrong = next((one for one in labels if isinstance(one, str) or not 0 <= one < len(class_names)), None)
    if wrong is not None:
        raise UserError(
            f"with class_names, labels are numbers in 0..{len(class_names) - 1}, but one is {wrong!r}; give numbers, "
            "or leave class_names out"
        )
