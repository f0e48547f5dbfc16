"""The built-in data set: drawings that look somewhat like chest X-rays. They are NOT patients and teach no medicine.

Each drawing has a body, two lungs, ribs, collar bones, a heart, a spine, a windpipe and a corner marker; pose,
exposure and noise differ from image to image. ``clear`` drawings have healthy lungs; ``lesion`` drawings have one to
three soft bright blobs at known places in the lungs. Lesions are the minority, about 1 to 3.

Everything about image i follows from the seed and i alone, however many images are drawn.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from balancing.data.phantom_drawing import Anatomy, Lesion, View
from balancing.errors import UserError

CLASS_NAMES = ("clear", "lesion")
FEWEST = 48

# Patients come in blocks of 32 with fixed numbers of each kind, shuffled within the block. (lesion, split, images):
# 12 of 48 images have lesions; a half of each class trains, a quarter validates, a quarter tests.
_BLOCK = tuple(
    (lesion, split, images)
    for lesion, times in ((1, 1), (0, 3))
    for split, patients in (("train", 4), ("validation", 2), ("test", 2))
    for images in (1, 2)
    for _ in range(times * patients // 2)
)
_BLOCK_IMAGES = sum(images for _, _, images in _BLOCK)
_ANATOMY, _VIEW, _LESIONS = 1, 2, 3  # streams of random numbers


@dataclass(frozen=True)
class Phantom:
    """A set of drawings, drawn when asked for.

    Args:
        n_images: N, at least 48; from 800 on the validation split holds 50 of each class.
        size: side of the square drawings in pixels.
        seed: equal seeds give equal drawings.
    Raises:
        UserError: too few images.
    """

    n_images: int = 900
    size: int = 224
    seed: int = 0

    def __post_init__(self) -> None:
        if isinstance(self.n_images, bool) or not isinstance(self.n_images, int) or self.n_images < FEWEST:
            raise UserError(f"phantom_images must be a whole number of at least {FEWEST}, but is {self.n_images!r}")
        if isinstance(self.seed, bool) or not isinstance(self.seed, int) or self.seed < 0:
            raise UserError(f"phantom_seed must be a whole number of at least 0, but is {self.seed!r}")

    @cached_property
    def _rows(self) -> list[tuple[int, int, int, str]]:
        """(patient, number within the patient, label, split) of each image."""
        rows: list[tuple[int, int, int, str]] = []
        for block in range(-(-self.n_images // _BLOCK_IMAGES)):
            order = np.random.default_rng([self.seed, 0, block]).permutation(len(_BLOCK))
            for place, kind in enumerate(order):
                lesion, split, images = _BLOCK[kind]
                rows += [(block * len(_BLOCK) + place, k, lesion, split) for k in range(images)]
        return rows[: self.n_images]

    @property
    def labels(self) -> np.ndarray:
        """(N,) int64: 0 clear, 1 lesion."""
        return np.array([label for _, _, label, _ in self._rows], dtype=np.int64)

    @property
    def splits(self) -> list[str]:
        """(N,) train (a half), validation, test (a quarter each); a patient lies in one of them."""
        return [split for *_, split in self._rows]

    @property
    def patients(self) -> list[str]:
        """(N,) such as ``p0012``; 1.5 images each on average."""
        return [f"p{patient:04d}" for patient, *_ in self._rows]

    @property
    def names(self) -> list[str]:
        """(N,) such as ``phantom-p0012-1.png``."""
        return [f"phantom-p{patient:04d}-{k + 1}.png" for patient, k, *_ in self._rows]

    def images(self) -> Iterator[np.ndarray]:
        """(H, W) uint8, one after another."""
        for i in range(self.n_images):
            yield self.draw(i)

    def masks(self) -> Iterator[np.ndarray]:
        """(H, W) bool, one after another: where lesions are; all False in ``clear`` drawings."""
        for i in range(self.n_images):
            yield self.mask(i)

    def draw(self, i: int) -> np.ndarray:
        """Drawing i, (H, W) uint8."""
        patient, k, label, _ = self._rows[i]
        anatomy = Anatomy(np.random.default_rng([self.seed, _ANATOMY, patient]))
        view = View(np.random.default_rng([self.seed, _VIEW, patient, k]))
        x, y = view.grid(self.size)
        image = anatomy.draw(x, y)
        if label:
            for lesion in self._lesions(patient, anatomy):
                image += lesion.brightness * lesion.blob(x, y)
        return view.expose(image, self.size)

    def mask(self, i: int) -> np.ndarray:
        """The lesions of drawing i, (H, W) bool: where a blob has at least half its height."""
        patient, k, label, _ = self._rows[i]
        mask = np.zeros((self.size, self.size), dtype=bool)
        if label:
            anatomy = Anatomy(np.random.default_rng([self.seed, _ANATOMY, patient]))
            view = View(np.random.default_rng([self.seed, _VIEW, patient, k]))
            x, y = view.grid(self.size)
            for lesion in self._lesions(patient, anatomy):
                blob = lesion.blob(x, y)
                mask |= blob >= min(0.5, float(blob.max()))  # at the smallest sizes: the nearest pixel
        return mask

    def _lesions(self, patient: int, anatomy: Anatomy) -> list[Lesion]:
        rng = np.random.default_rng([self.seed, _LESIONS, patient])
        return [anatomy.lesion(rng) for _ in range(int(rng.integers(1, 4)))]
