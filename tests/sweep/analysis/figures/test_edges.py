"""The classes' average images, and what of the edges is drawn beneath."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from balancing.data.images import ImageSet
from balancing.data.splits import Split
from balancing.errors import UserError
from balancing.quality.audit import audit
from sweep.analysis.figures.edges import MOST_CLASSES, Averages, edges_plot
from sweep.analysis.figures.style import Plot, png
from sweep.analysis.results import Results
from tests.balancing.quality.drawn import image_set
from tests.sweep.runs.small import make_run

LABELS = np.repeat([0, 1], [60, 30])


def parts(n: int) -> Split:
    return Split(np.flatnonzero(np.arange(n) % 3 == 0), np.arange(1, n, 3), np.arange(2, n, 3))


def plotted(folder: Path, images: ImageSet, **other: Any) -> Plot | None:
    run = make_run(
        folder / "run", images=images, split=parts(len(images)), positive=1 if images.n_classes == 2 else None
    )
    run.write_audit(audit(images, parts(len(images))))
    return edges_plot(Results(run), other.get("shown", images))


def pictures(seed: int = 0) -> np.ndarray:
    """Noise, brighter in some images than in others."""
    rng = np.random.default_rng(seed)
    noise = rng.integers(80, 120, (len(LABELS), 32, 32), dtype=np.uint8)
    return noise + rng.integers(0, 60, (len(LABELS), 1, 1), dtype=np.uint8)


def test_averages_are_the_means_of_training_and_validation(tmp_path: Path) -> None:
    images = image_set(LABELS, pictures())
    plot = plotted(tmp_path, images)
    assert plot is not None
    first, second = plot.figure.axes
    own = np.setdiff1d(np.flatnonzero(LABELS == 0), parts(len(LABELS)).test)
    np.testing.assert_allclose(first.images[0].get_array(), images.pixels[own].mean(axis=0))
    assert first.get_title().startswith("healthy")
    assert "40 images" in first.get_title()
    assert second.get_title().startswith("ill")
    assert "No corner" in plot.caption
    assert plot.raster
    assert len(png(plot.figure)) > 1000


def test_the_corner_that_tells_is_drawn_beneath(tmp_path: Path) -> None:
    pixels = pictures()
    pixels[LABELS == 1, -4:, :4] = 250
    plot = plotted(tmp_path, image_set(LABELS, pixels))
    assert plot is not None
    beneath = plot.figure.axes[2:4]
    assert beneath[0].get_ylabel() == "Corner at\nbottom left"
    ill = np.asarray(beneath[1].images[0].get_array())
    assert ill.shape == (4, 4)
    assert ill.min() == 250
    assert beneath[0].images[0].get_clim() == beneath[1].images[0].get_clim(), "one grey scale, to be compared"
    assert "corner brightness at bottom left tells ill with an AUROC of 1.00" in plot.caption
    assert "ill 250" in plot.alt


def test_marks_are_drawn_where_they_lie(tmp_path: Path) -> None:
    pixels = np.full((len(LABELS), 64, 64), 40, dtype=np.uint8)
    pixels += np.random.default_rng(0).integers(0, 9, pixels.shape, dtype=np.uint8)
    places = np.random.default_rng(1).integers(4, 40, len(LABELS))
    for row in np.flatnonzero(LABELS == 1):
        pixels[row, places[row] : places[row] + 12, 5] = 250
    plot = plotted(tmp_path, image_set(LABELS, pixels))
    assert plot is not None
    (row,) = [axes for axes in plot.figure.axes if axes.get_ylabel() == "Thin bright\nstrokes"]
    drawn = np.asarray(plot.figure.axes[plot.figure.axes.index(row) + 1].images[0].get_array())
    assert set(np.nonzero(drawn)[1].tolist()) == {5}
    assert "share of images that have one there" in plot.caption


def test_many_classes_and_colour(tmp_path: Path) -> None:
    labels = np.arange(96) % 8
    colour = np.random.default_rng(0).integers(0, 256, (96, 16, 16, 3), dtype=np.uint8)
    images = image_set(labels, colour, class_names=tuple(f"class $ {i}" for i in range(8)))
    plot = plotted(tmp_path, images)
    assert plot is not None
    assert len(plot.figure.axes) == MOST_CLASSES
    assert f"{MOST_CLASSES} of 8 classes are shown" in plot.caption
    assert np.asarray(plot.figure.axes[0].images[0].get_array()).shape == (16, 16, 3)
    assert len(png(plot.figure)) > 1000


def test_at_most_so_many_images_evenly() -> None:
    pixels = np.arange(3000, dtype=np.uint16).reshape(-1, 1, 1).repeat(8, 1).repeat(8, 2) // 12
    average = Averages.of("ill", pixels.astype(np.uint8), np.arange(3000))
    assert average.count == 1000
    assert average.image.mean() == pytest.approx(pixels.mean(), abs=1)


def test_other_images_are_refused(tmp_path: Path) -> None:
    images = image_set(LABELS, pictures())
    with pytest.raises(UserError, match="fingerprint"):
        plotted(tmp_path, images, shown=replace(images, fingerprint="0" * 16))
