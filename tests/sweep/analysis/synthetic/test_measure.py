"""Synthetic images: what a mixture can be, and numbers that tell a copy, a twin and a blurred image from real ones."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import ndimage

from balancing.components.plans import TrainingPlan
from balancing.data.images import ImageSet, load_images
from balancing.data.pixels.pooling import pooled
from balancing.errors import UserError
from sweep.analysis.figures.gallery import gallery_plot, mixtures, pick
from sweep.analysis.figures.style import png
from sweep.analysis.results import Results
from sweep.analysis.synthetic.measure import (
    chosen_specs,
    draw_sample,
    group_weights,
    makes_synthetic,
    measure,
    plan_of,
    synthetic_numbers,
    weighted_median,
)
from sweep.analysis.synthetic.nearest import Pool
from sweep.analysis.synthetic.texture import features, sharpness
from sweep.analysis.synthetic.two_sample import classifier_two_sample_test
from sweep.report.blocks import Figures, Paragraph
from sweep.report.context import ReportContext
from sweep.report.sections.synthetic import synthetic_section
from sweep.report.table import Table
from tests.sweep.fake_run import fake_images, fake_run

NUMBERS = ("sharpness_ratio", "distance", "real_distance", "distance_ratio", "near_parent", "accuracy")


def population(count: int, seed: int = 0, size: int = 32, colours: int = 0) -> np.ndarray:
    """(count, size, size) or with colours, uint8: smooth shapes under grain, much like scans."""
    rng = np.random.default_rng(seed)
    shape = (count, size, size, colours) if colours else (count, size, size)
    smooth = ndimage.gaussian_filter(rng.normal(0, 1, shape), (0, 6, 6, 0)[: len(shape)])
    return (127 + 400 * smooth + rng.normal(0, 12, shape)).clip(0, 255).astype(np.uint8)


def as_image_set(images: ImageSet, pixels: np.ndarray) -> ImageSet:
    return replace(images, pixels=pixels)


@pytest.mark.parametrize("colours", [0, 3])
def test_a_mixture_is_at_most_as_sharp_as_its_parents_values_mixed(colours: int) -> None:
    images = population(40, colours=colours)
    rng = np.random.default_rng(1)
    base, mate, weight = rng.permutation(40)[:20], rng.permutation(40)[:20], rng.uniform(size=20)
    plan = TrainingPlan(base, mate, weight, np.zeros(20, dtype=np.int64))
    of_parents = (1 - weight) * sharpness(images[base]) + weight * sharpness(images[mate])
    assert (sharpness(plan.realise(images)) <= of_parents * (1 + 1e-4)).all()
    halves = TrainingPlan(base, mate, np.full(20, 0.5), plan.labels)
    different = base != mate
    both = np.maximum(sharpness(images[base]), sharpness(images[mate]))
    assert (sharpness(halves.realise(images)) < both)[different].all()


def test_sharpness_is_the_variance_of_scipys_laplacian() -> None:
    images = population(5)
    for image, found in zip(images, sharpness(images), strict=True):
        assert found == pytest.approx(ndimage.laplace(image.astype(float))[1:-1, 1:-1].var(), rel=1e-5)


@pytest.mark.parametrize(("size", "side"), [(32, 8), (31, 8), (9, 16)])
def test_pooled_means_are_means_of_fields(size: int, side: int) -> None:
    images = population(3, size=size, colours=3)
    found = pooled(images, side)
    assert found.shape == (3, min(size, side), min(size, side), 3)
    edges = np.linspace(0, size, min(size, side) + 1).round().astype(int)
    rows, columns = slice(edges[1], edges[2]), slice(edges[2], edges[3])
    np.testing.assert_allclose(found[:, 1, 2], images[:, rows, columns].mean(axis=(1, 2)))


@pytest.mark.parametrize(("size", "colours"), [(32, 0), (31, 3), (8, 0)])
def test_the_nearest_is_the_nearest(size: int, colours: int) -> None:
    pixels = population(120, size=size, colours=colours)
    pool = Pool(pixels, np.arange(100)[::-1])
    queries = population(15, seed=3, size=size, colours=colours).astype(np.float64) + 0.25
    distance, rows = pool.nearest(queries)
    gaps = (queries[:, None] - pixels[None, :100]).reshape(15, 100, -1)
    expected = np.sqrt((gaps**2).mean(axis=2))
    np.testing.assert_allclose(distance, expected.min(axis=1), rtol=1e-5)
    np.testing.assert_array_equal(rows, expected.argmin(axis=1))


def test_a_copy_is_at_distance_0_and_no_image_is_its_own_neighbour() -> None:
    pixels = population(50)
    pixels[7] = pixels[3]
    pool = Pool(pixels, np.arange(50))
    distance, rows = pool.nearest(pixels[:10].astype(np.float64))
    assert (distance == 0).all()
    others, rows = pool.nearest(pixels[:10], own=np.arange(10))
    assert (rows != np.arange(10)).all()
    assert list(np.flatnonzero(others == 0)) == [3, 7]
    alone, none = Pool(pixels, np.array([4])).nearest(pixels[4:5], own=np.array([4]))
    assert np.isnan(alone[0])
    assert none[0] == -1


def test_weighted_medians_are_numpys_on_drawn_values() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=21).round(1)
    weights = rng.integers(0, 4, (30, 21))
    expected = [np.median(np.repeat(values, row)) for row in weights]
    np.testing.assert_allclose(weighted_median(values, weights), expected)
    assert np.isnan(weighted_median(values, np.zeros((1, 21)))[0])
    together = group_weights(np.repeat(["a", "b", "c"], 7), 50, rng)
    assert (together[:, :7] == together[:, :1]).all()
    assert (together[:, ::7].sum(axis=1) == 3).all()


def test_images_of_one_population_are_not_told_apart_and_blurred_ones_are() -> None:
    images = population(500)
    rng = np.random.default_rng(0)
    rng.shuffle(images)
    own = np.arange(500).astype(str)
    right = classifier_two_sample_test(features(images[:250]), features(images[250:]), own, own)
    assert np.isfinite(right).all()
    assert abs(right.mean() - 0.5) < 0.1  # three standard errors
    blurred = ndimage.gaussian_filter(images[250:].astype(float), (0, 1, 1))
    assert classifier_two_sample_test(features(images[:250]), features(blurred), own, own).mean() > 0.98


def test_no_fold_trains_on_what_shares_a_parent_with_a_held_out_image(monkeypatch: pytest.MonkeyPatch) -> None:
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(0)
    real = np.arange(30)
    base, mate = rng.integers(0, 30, 30), rng.integers(0, 30, 30)
    parents = [{r} for r in real] + [{b, m} for b, m in zip(base, mate, strict=True)]
    x = np.arange(60, dtype=float)[:, None]
    folds = []

    def remember(self: LogisticRegression, x: np.ndarray, y: np.ndarray) -> LogisticRegression:
        folds.append({"train": x})
        return original(self, x, y)

    def remember_test(self: LogisticRegression, x: np.ndarray) -> np.ndarray:
        folds[-1]["test"] = x
        return predicted(self, x)

    original, predicted = LogisticRegression.fit, LogisticRegression.predict
    monkeypatch.setattr(LogisticRegression, "fit", remember)
    monkeypatch.setattr(LogisticRegression, "predict", remember_test)
    monkeypatch.setattr("sklearn.preprocessing.StandardScaler.transform", lambda self, x, copy=None: x)
    monkeypatch.setattr("sklearn.preprocessing.StandardScaler.fit_transform", lambda self, x, y=None: x)
    groups, other = np.concatenate([real, base]), np.concatenate([real, mate])
    classifier_two_sample_test(x[:30], x[30:], groups.astype(str), other.astype(str))
    assert len(folds) == 5
    for fold in folds:
        trained = set().union(*(parents[int(i)] for i in fold["train"].ravel()))
        tested = set().union(*(parents[int(i)] for i in fold["test"].ravel()))
        assert not trained & tested


def test_numbers_of_an_invented_plan() -> None:
    """Mixtures that hardly leave their parent: near it, as sharp as it. Blurring ones: not."""
    pixels = population(200)
    labels = np.repeat([0, 1], 100)
    rng = np.random.default_rng(0)
    base, mate = rng.integers(100, 200, 120), rng.integers(0, 100, 120)
    groups = pd.Series(np.arange(200).astype(str), index=np.arange(200))
    found = {}
    for weight in (0.01, 0.5):
        plan = TrainingPlan(base, mate, np.full(120, weight), np.ones(120, dtype=np.int64))
        sampled = draw_sample(plan, labels, np.arange(200), 90, np.random.default_rng(1))
        assert len(sampled.real) == len(sampled.synthetic) == 90
        assert (labels[sampled.real] == 1).all()
        assert len(np.unique(sampled.real)) == 90
        found[weight] = measure(sampled, Pool(pixels, np.arange(200)), groups, np.random.default_rng(2))
        for name in NUMBERS:
            assert found[weight][f"{name}_low"] <= found[weight][name] <= found[weight][f"{name}_high"]
    assert found[0.01]["sharpness_ratio"] == pytest.approx(1, abs=0.06)
    assert found[0.01]["distance_ratio"] < 0.05
    assert found[0.01]["near_parent"] == 1
    assert found[0.5]["sharpness_ratio"] == pytest.approx(0.5, abs=0.06)  # independent grain: variance halved
    assert found[0.5]["accuracy"] > 0.95


def test_which_techniques_mix_images() -> None:
    assert makes_synthetic("smote")
    assert makes_synthetic("borderline_smote")
    assert not makes_synthetic("oversampling")
    assert not makes_synthetic("baseline")
    assert not makes_synthetic("decoupled_smote"), "features are no images"
    assert not makes_synthetic("a technique of another version")


@pytest.mark.parametrize("colours", [0, 3])
def test_gallery_shows_the_plans_mixtures(tmp_path: Path, colours: int) -> None:
    images = fake_images(tmp_path / "images", ("a", "b", "c"), size=32)
    images = as_image_set(images, population(len(images), colours=colours))
    run = fake_run(tmp_path / "run", images, lrs=(0.001,), failing=False)
    assert list(chosen_specs(Results(run))) == ["smote", "borderline_smote"]
    plan = plan_of(Results(run), images, chosen_specs(Results(run))["smote"])
    rows = pick(plan, 3, np.random.default_rng(0))
    assert plan.synthetic[rows].all()
    assert (np.diff(plan.weight[rows]) > 0).all()
    for row, mixture in zip(rows, mixtures(plan, images, rows), strict=True):
        assert set(images.labels[[plan.base[row], plan.mate[row]]]) == {plan.labels[row]}
        expected = mixture.base + plan.weight[row] * (mixture.mate.astype(float) - mixture.base)
        np.testing.assert_allclose(mixture.image, expected, atol=1e-9)
    plot = gallery_plot(Results(run), images, np.random.default_rng(0))
    assert plot is not None
    assert plot.raster
    assert "SMOTE" in plot.alt
    first = png(plot.figure, 40)
    again = gallery_plot(Results(run), images, np.random.default_rng(0))
    assert again is not None
    assert png(again.figure, 40) == first


def test_the_section(tmp_path: Path) -> None:
    images = fake_images(tmp_path / "images", size=32)
    images = as_image_set(images, population(len(images)))
    run = fake_run(tmp_path / "run", images, lrs=(0.001,), failing=False)
    section = synthetic_section(ReportContext(Results(run), images))
    assert section is not None
    kinds = [type(block) for block in section.blocks]
    assert kinds[:4] == [Paragraph, Paragraph, Figures, Table]
    for block, name in zip(section.blocks, ("SMOTE", "Borderline-SMOTE"), strict=False):
        assert isinstance(block, Paragraph)
        assert block.text.startswith(f"{name}: ")
        assert "of the sharpness of real ones" in block.text
    numbers = synthetic_numbers(Results(run), images, np.random.default_rng(4))
    again = synthetic_numbers(Results(run), images, np.random.default_rng(4))
    assert numbers.equals(again)
    train = Results(run).rows_of("train")
    assert (numbers["training_rows"] - numbers["synthetic_rows"] == len(train)).all()
    assert set(Results(run).patients.index) == set(range(len(images)))

    without = synthetic_section(ReportContext(Results(run), None))
    assert without is not None
    assert "sweep report" in without.blocks[0].text  # type: ignore[union-attr]
    other = fake_run(tmp_path / "other", images, techniques=("baseline", "oversampling"))
    assert synthetic_section(ReportContext(Results(other), images)) is None
    with pytest.raises(UserError, match="fingerprint"):
        synthetic_section(ReportContext(Results(run), replace(images, fingerprint="0" * 16)))


def test_classes_of_equal_size_leave_nothing_to_mix(tmp_path: Path) -> None:
    images = fake_images(tmp_path / "images", size=8, per_class=(40, 40))
    run = fake_run(tmp_path / "run", images, lrs=(0.001,), failing=False)
    section = synthetic_section(ReportContext(Results(run), images))
    assert section is not None
    assert "made no synthetic image here" in section.blocks[0].text  # type: ignore[union-attr]
    assert gallery_plot(Results(run), images, np.random.default_rng(0)) is None


def test_real_xrays_mixed_are_blurrier_and_told_apart(chest_xray_dir: Path, tmp_path: Path) -> None:
    images = load_images(str(chest_xray_dir), image_size=32)
    run = fake_run(tmp_path / "run", images, techniques=("baseline", "smote"), lrs=(0.001,), failing=False)
    row = synthetic_numbers(Results(run), images, np.random.default_rng(0), sample=150).iloc[0]
    assert row["sharpness_ratio_high"] < 1
    assert row["distance_high"] < row["real_distance_low"]
    assert row["accuracy_low"] > 0.5
