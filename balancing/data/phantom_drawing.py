"""How one drawing of the phantom is made: a body, its lesions, and how the picture was taken. Not patients."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

_LETTERS = {
    "L": ("1....", "1....", "1....", "1....", "1....", "1....", "11111"),
    "R": ("1111.", "1...1", "1...1", "1111.", "1.1..", "1..1.", "1...1"),
}


@dataclass(frozen=True)
class Lesion:
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


class Anatomy:
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
            Lesion(*self._inside(rng), u(0.018, 0.034), 1.0, u(0.05, 0.14)) for _ in range(int(rng.integers(1, 6)))
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

    def lesion(self, rng: np.random.Generator) -> Lesion:
        """A new lesion in a lung, from faint to plain."""
        x, y = self._inside(rng)
        return Lesion(x, y, rng.uniform(0.09, 0.18), rng.uniform(0.8, 1.25), rng.uniform(0.16, 0.46))

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


class View:
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
