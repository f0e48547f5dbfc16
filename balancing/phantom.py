"""The built-in data set: drawings that look somewhat like chest X-rays. They are NOT patients and teach no medicine.

Each drawing has a body, two lungs, ribs, collar bones, a heart, a spine, a windpipe and a corner marker; pose,
exposure and noise differ from image to image. ``clear`` drawings have healthy lungs; ``lesion`` drawings have one to
three soft bright blobs at known places in the lungs. Lesions are the minority, about 1 to 3.

Everything about image i follows from the seed and i alone, however many images are drawn.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

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

_LETTERS = {
    "L": ("1....", "1....", "1....", "1....", "1....", "1....", "11111"),
    "R": ("1111.", "1...1", "1...1", "1111.", "1.1..", "1..1.", "1...1"),
}


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
        anatomy = _Anatomy(np.random.default_rng([self.seed, _ANATOMY, patient]))
        view = _View(np.random.default_rng([self.seed, _VIEW, patient, k]))
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
            anatomy = _Anatomy(np.random.default_rng([self.seed, _ANATOMY, patient]))
            view = _View(np.random.default_rng([self.seed, _VIEW, patient, k]))
            x, y = view.grid(self.size)
            for lesion in self._lesions(patient, anatomy):
                blob = lesion.blob(x, y)
                mask |= blob >= min(0.5, float(blob.max()))  # at the smallest sizes: the nearest pixel
        return mask

    def _lesions(self, patient: int, anatomy: _Anatomy) -> list[_Lesion]:
        rng = np.random.default_rng([self.seed, _LESIONS, patient])
        return [anatomy.lesion(rng) for _ in range(int(rng.integers(1, 4)))]


@dataclass(frozen=True)
class _Lesion:
    """A soft blob; lengths in half widths of the image."""

    x: float
    y: float
    radius: float
    stretch: float
    brightness: float

    def blob(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        dx, dy = ((x - self.x) / (self.radius * self.stretch), (y - self.y) * self.stretch / self.radius)
        blob: np.ndarray = np.exp(-0.5 * (dx * dx + dy * dy))
        return blob


def _step(distance: np.ndarray, softness: float) -> np.ndarray:
    """0 where the distance is well below 0, 1 where it is well above."""
    step: np.ndarray = 1 / (1 + np.exp(np.clip(distance * (-1 / softness), -30, 30)))
    return step


class _Anatomy:
    """A patient's body; x and y run from -1 to 1, y downwards; the heart is right in the picture."""

    def __init__(self, rng: np.random.Generator) -> None:
        u = rng.uniform
        self.body = u(0.80, 0.95)
        self.shoulder = u(-0.80, -0.68)
        self.lung_x = {-1: -u(0.38, 0.44), 1: u(0.39, 0.46)}
        self.lung_y = {side: u(-0.16, -0.06) for side in (-1, 1)}
        self.lung_w = {side: u(0.25, 0.32) for side in (-1, 1)}
        self.lung_h = {side: u(0.60, 0.74) for side in (-1, 1)}
        self.tilt = {side: side * u(0.08, 0.20) for side in (-1, 1)}
        self.dome = {-1: u(0.36, 0.50), 1: u(0.42, 0.56)}
        self.heart = (u(0.10, 0.18), u(0.24, 0.34), u(0.24, 0.34), u(0.26, 0.34))
        self.air = u(0.30, 0.42)
        self.rib_phase, self.rib_step = u(0, 1), u(0.135, 0.165)
        self.rib_slope, self.rib_bow, self.rib_bright = (u(0.25, 0.5), u(0.5, 0.9), u(0.05, 0.13))
        self.clavicle = (u(-0.72, -0.62), u(-0.30, -0.12), u(0.08, 0.15))
        self.spine = (u(0.07, 0.10), u(0.06, 0.12))
        # Vessels: wavy branches from the roots of the lungs, and some seen end on, which look like small lesions.
        self.branches = {
            side: [(u(-1.3, 1.3), u(0.012, 0.026), u(0.05, 0.12), u(0, 6.3), u(6, 12)) for _ in range(7)]
            for side in (-1, 1)
        }
        self.decoys = [
            _Lesion(*self._inside(rng), u(0.018, 0.034), 1.0, u(0.05, 0.14)) for _ in range(int(rng.integers(1, 6)))
        ]
        self.haze = [(u(-0.8, 0.8), u(-0.8, 0.8), u(0.25, 0.5), u(-0.07, 0.07)) for _ in range(5)]

    def _inside(self, rng: np.random.Generator) -> tuple[float, float]:
        """A place well inside a lung."""
        side = int(rng.choice((-1, 1)))
        angle, far = rng.uniform(0, 2 * np.pi), 0.62 * np.sqrt(rng.uniform())
        down = self.lung_y[side] + far * np.sin(angle) * self.lung_h[side]
        down = min(down, self.dome[side] - 0.14)
        across = self.lung_x[side] + self.tilt[side] * (down - self.lung_y[side])
        return float(across + far * np.cos(angle) * self.lung_w[side] * 0.8), float(down)

    def lesion(self, rng: np.random.Generator) -> _Lesion:
        """A new lesion in a lung, from faint to plain."""
        x, y = self._inside(rng)
        return _Lesion(x, y, rng.uniform(0.09, 0.18), rng.uniform(0.8, 1.25), rng.uniform(0.16, 0.46))

    def lung(self, side: int, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """How far a point lies inside a lung, 0..1: an ellipse, narrower above, cut by the diaphragm below."""
        v = (y - self.lung_y[side]) / self.lung_h[side]
        half = self.lung_w[side] * (1 + 0.22 * np.clip(v, -1, 1))
        centre = self.lung_x[side] + self.tilt[side] * (y - self.lung_y[side])
        u = (x - centre) / half
        ellipse = 1 - np.abs(u * u * u) ** 0.8 - np.abs(v * v * v) ** 0.8
        diaphragm = self.dome[side] + 0.35 * u * u * half - y
        inside: np.ndarray = _step(ellipse, 0.06) * _step(diaphragm, 0.02)
        return inside

    def draw(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Brightness of a healthy chest, about 0..1."""
        wide_x = np.abs(x)
        torso = self.body - 0.10 * np.cos(2.2 * y)
        neck = 0.20 + 0.9 * np.clip(y - self.shoulder, 0, None) ** 0.55
        body = _step(np.minimum(torso, neck) - wide_x, 0.02)
        thick = 0.60 - 0.16 * wide_x**3 + 0.08 * y
        left, right = self.lung(-1, x, y), self.lung(1, x, y)
        lungs = np.maximum(left, right)
        image: np.ndarray = body * thick

        heart_x, heart_y, heart_w, heart_h = self.heart
        dx, dy = x - heart_x, y - heart_y
        turned = (dx * 0.87 + dy * 0.5) / heart_w, (dy * 0.87 - dx * 0.5) / heart_h
        heart = _step(1 - turned[0] ** 2 - turned[1] ** 2, 0.10)
        image -= self.air * lungs * body * (1 - 0.85 * heart)

        for side in (-1, 1):
            away = np.clip(side * x - 0.14, 0, 0.6)
            thin = 1.1 - away / 0.65
            vessels = np.zeros_like(image)
            for steep, width, bright, phase, wave in self.branches[side]:
                path = -0.02 + steep * away * (1 - 0.6 * away) + 0.03 * np.sin(wave * away + phase) * np.sqrt(away)
                vessels += bright * np.exp(-0.5 * ((y - path) / (width * thin)) ** 2)
            image += vessels * np.exp(-2.0 * away) * (1 - np.exp(-away / 0.10)) * lungs
        soft = np.zeros_like(image)
        for decoy in self.decoys:
            soft += decoy.brightness * decoy.blob(x, y)
        image += soft * lungs
        soft[:] = 0
        for haze_x, haze_y, wide, bright in self.haze:
            soft += bright * np.exp(-0.5 * ((x - haze_x) ** 2 + (y - haze_y) ** 2) / wide**2)
        image += soft * body

        cage = body * _step(0.78 - wide_x, 0.03) * _step(wide_x - 0.10, 0.03) * _step(0.72 - y, 0.05)
        ribs = np.zeros_like(image)
        for slope, strength in ((-self.rib_slope, 1.0), (1.3 * self.rib_slope, 0.35)):
            height = y + slope * wide_x + np.sign(-slope) * self.rib_bow * (wide_x - 0.42) ** 2
            wave = np.cos(2 * np.pi * (height / self.rib_step / 1.25 + self.rib_phase))
            ribs += strength * _step(wave - 0.35, 0.12)
        image += self.rib_bright * ribs * cage

        high, slope, bright = self.clavicle
        bone = high - slope * (wide_x - 0.1) + 0.10 * np.sin(5 * wide_x)
        image += bright * np.exp(-0.5 * ((y - bone) / 0.028) ** 2) * _step(0.68 - wide_x, 0.03) * body
        spine_w, spine_bright = self.spine
        vertebrae = 1 + 0.25 * np.cos(2 * np.pi * y / 0.16)
        image += spine_bright * vertebrae * _step(spine_w - wide_x, 0.015) * body
        image -= 0.12 * np.exp(-0.5 * ((x + 0.01) / 0.045) ** 2) * _step(-0.22 - y, 0.04) * body
        return image


class _View:
    """How one image was taken: pose, exposure, marker, noise. Says nothing about the class."""

    def __init__(self, rng: np.random.Generator) -> None:
        u = rng.uniform
        self.rng = rng
        self.turn, self.scale = float(np.deg2rad(u(-5, 5))), u(0.94, 1.08)
        self.shift = u(-0.06, 0.06), u(-0.05, 0.05)
        self.gain, self.level, self.gamma = u(0.85, 1.3), u(-0.05, 0.08), u(0.75, 1.35)
        self.noise, self.mottle = u(0.015, 0.045), u(0.015, 0.04)
        self.letter = str(rng.choice(("L", "R")))
        corner_x = -1 if self.letter == "R" else 1  # the patient's right is left in the picture
        self.marker = (corner_x * u(0.78, 0.88) - 0.06, u(-0.92, -0.70), u(0.09, 0.14), u(0.75, 1.0))

    def grid(self, size: int) -> tuple[np.ndarray, np.ndarray]:
        """Body coordinates of each pixel's middle, two (H, W) arrays."""
        line = ((np.arange(size) + 0.5) * 2 / size - 1).astype(np.float32)
        across, down = np.meshgrid(line, line)
        c, s = math.cos(self.turn) / self.scale, math.sin(self.turn) / self.scale
        return c * across - s * down - self.shift[0], s * across + c * down - self.shift[1]

    def expose(self, image: np.ndarray, size: int) -> np.ndarray:
        """The (H, W) uint8 picture of (H, W) brightnesses."""
        # The grain has one coarse part whose size does not depend on the number of pixels, and one part a pixel.
        coarse = _enlarge(self.rng.standard_normal((24, 24), dtype=np.float32), size)
        image = image + self.mottle * coarse + self.noise * self.rng.standard_normal((size, size), dtype=np.float32)
        image = np.clip(self.gain * image + self.level, 0, 1) ** self.gamma
        left, top, tall, bright = self.marker
        bitmap = np.array([[mark == "1" for mark in row] for row in _LETTERS[self.letter]], dtype=np.float32)
        rows, columns = bitmap.shape
        line = (np.arange(size) + 0.5) * 2 / size - 1
        r = np.floor((line - top) / tall * rows).astype(int)
        c = np.floor((line - left) / (tall * columns / rows) * columns).astype(int)
        inside = ((r >= 0) & (r < rows))[:, None] & ((c >= 0) & (c < columns))[None, :]
        letter = bitmap[np.clip(r, 0, rows - 1)][:, np.clip(c, 0, columns - 1)] * inside
        image = image + letter * (bright - image)
        return np.round(255 * image).astype(np.uint8)


def _enlarge(values: np.ndarray, size: int) -> np.ndarray:
    """(n, n) values at (size, size) places, bilinearly."""
    n = len(values)
    place = np.clip((np.arange(size) + 0.5) * n / size - 0.5, 0, n - 1)
    low = np.minimum(place.astype(int), n - 2)
    part = (place - low).astype(values.dtype)
    rows = values[low] * (1 - part)[:, None] + values[low + 1] * part[:, None]
    enlarged: np.ndarray = rows[:, low] * (1 - part) + rows[:, low + 1] * part
    return enlarged
