"""Corners, borders, and marks: drawn text is found, lesions and edges are none."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw

from balancing.quality.appearance import (
    BORDER,
    BORDER_CONTRAST,
    CORNER_NAMES,
    CORNERS,
    MARKS,
    appearance,
    corner_of,
    grey,
    marks,
    strokes,
)


def body(side: int, rng: np.random.Generator) -> np.ndarray:
    """A soft bright body on black, with a little noise: (side, side) uint8."""
    y, x = np.mgrid[:side, :side] / side - 0.5
    picture = 150 * np.exp(-(x**2 + y**2) * 8) + rng.normal(0, 4, (side, side))
    return np.clip(picture, 0, 255).astype(np.uint8)


def written(picture: np.ndarray, text: str, at: tuple[int, int]) -> np.ndarray:
    image = Image.fromarray(picture)
    ImageDraw.Draw(image).text(at, text, fill=255)
    return np.asarray(image)


def lesion(picture: np.ndarray, centre: tuple[float, float], radius: float, hard: bool) -> np.ndarray:
    side = len(picture)
    y, x = np.mgrid[:side, :side] / side
    away = np.hypot(y - centre[0], x - centre[1]) / radius
    shape = (away < 1).astype(float) if hard else np.exp(-(away**2))
    return np.clip(picture + 200 * shape, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("side", [64, 128, 224])
def test_drawn_text_has_marks_and_lesions_have_none(side: int) -> None:
    rng = np.random.default_rng(side)
    plain = [body(side, rng) for _ in range(6)]
    places = [(4, 4), (side - 28, 4), (4, side - 14)]
    texts = [written(body(side, rng), text, at) for text in ("R", "PA 12") for at in places]
    lesions = [
        lesion(body(side, rng), centre, radius, hard)
        for centre in ((0.5, 0.5), (0.15, 0.2), (0.85, 0.1))
        for radius in (0.06, 0.15)
        for hard in (False, True)
    ]
    none = marks(np.stack([*plain, *lesions])).max()
    assert marks(np.stack(texts)).min() > 1.2 * none


def test_marks_in_the_middle_are_not_of_the_border() -> None:
    middle = written(np.zeros((128, 128), dtype=np.uint8), "R", (60, 58))
    assert strokes(middle[None]).any()
    assert marks(middle[None]).tolist() == [0]


def test_strokes_are_bright_on_both_sides_alone() -> None:
    picture = np.zeros((1, 64, 64), dtype=np.uint8)
    picture[0, :, 20:] = 250  # an edge, as of a collimator
    assert not strokes(picture).any()
    picture[0, :, 40] = 255  # brighter than 250 by too little, whatever one byte can hold
    assert not strokes(picture).any()
    picture[0, 30, :20] = 90  # not nearly as bright as the edge is
    assert not strokes(picture).any()
    picture[0, 30, :20] = 240
    assert strokes(picture)[0, 30, :18].all()


def test_corners_and_border_are_the_means_of_their_pixels() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (21, 64, 64), dtype=np.uint8)
    found = appearance(pixels)
    for name, corner in zip(CORNER_NAMES, CORNERS, strict=True):
        np.testing.assert_allclose(found[name], corner_of(pixels, corner).mean(axis=(1, 2)))
    np.testing.assert_allclose(found[CORNER_NAMES[2]], pixels[:, -8:, :8].mean(axis=(1, 2)))
    ring = np.ones((64, 64), dtype=bool)
    ring[2:-2, 2:-2] = False
    np.testing.assert_allclose(found[BORDER], pixels[:, ring].mean(axis=1))
    np.testing.assert_allclose(found[BORDER_CONTRAST], pixels[:, ring].std(axis=1))
    for name, values in appearance(pixels, block=4).items():
        np.testing.assert_array_equal(values, found[name])


def test_a_black_frame_has_no_contrast() -> None:
    pixels = np.full((1, 64, 64), 90, dtype=np.uint8)
    pixels[0, :3] = pixels[0, -3:] = pixels[0, :, :3] = pixels[0, :, -3:] = 0
    found = appearance(pixels)
    assert (found[BORDER][0], found[BORDER_CONTRAST][0]) == (0, 0)


def test_the_smallest_images_and_colour() -> None:
    colour = np.random.default_rng(1).integers(0, 256, (3, 8, 8, 3), dtype=np.uint8)
    found = appearance(colour)
    assert all(np.isfinite(values).all() for values in found.values())
    np.testing.assert_allclose(found[CORNER_NAMES[0]], grey(colour)[:, 0, 0])
    same = np.repeat(grey(colour)[..., None], 3, axis=3)
    np.testing.assert_array_equal(grey(same), grey(colour))
    assert set(found) == {*CORNER_NAMES, BORDER, BORDER_CONTRAST, MARKS}
