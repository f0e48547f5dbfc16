"""Floors: guesses against simulated guesses, the thumbnail's regression against scikit-learn's own pipeline."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from balancing.data.images import ImageSet, load_images
from balancing.data.splits import PARTS
from balancing.errors import UserError
from balancing.metrics import METRICS, evaluate
from sweep.analysis.decisions.thumbnails import fit_thumbnails, thumbnail_predictions, thumbnails
from sweep.analysis.decisions.trivial_baselines import guessing, trivial_baselines
from sweep.analysis.results import Results
from sweep.analysis.tables import floors
from sweep.runs.floors import floor_settings
from tests.sweep.fake_run import fake_images, fake_run


def bright_images(folder: Path, names: tuple[str, ...] = ("NORMAL", "PNEUMONIA")) -> ImageSet:
    """Noise whose left half is brighter by class, a little: a thumbnail can tell, not always."""
    images = fake_images(folder, names, size=32)
    rng = np.random.default_rng(0)
    levels = 90 + 15 * images.labels + rng.normal(0, 8, len(images))
    pixels = rng.normal(100, 30, images.pixels.shape)
    pixels[:, :, :16] += (levels - 100)[:, None, None]
    return replace(images, pixels=pixels.clip(0, 255).astype(np.uint8))


@pytest.mark.parametrize(
    ("counts", "prior", "positive"),
    [((30, 70), (0.3, 0.7), 1), ((5, 40), (0.5, 0.5), 0), ((20, 30, 9), (0.5, 0.3, 0.2), None)],
)
def test_expected_guesses_are_the_mean_of_many_guesses(
    counts: tuple[int, ...], prior: tuple[float, ...], positive: int | None
) -> None:
    labels = np.repeat(np.arange(len(counts)), counts)
    rng = np.random.default_rng(0)
    found = []
    for _ in range(800):
        guess = np.eye(len(counts))[rng.choice(len(counts), len(labels), p=prior)]
        found.append(evaluate(labels, guess, positive))
    expected = guessing(labels, np.array(prior), positive, np.ones((1, len(labels))))
    for metric in METRICS:
        values = np.array([row[metric] for row in found])
        error = values.std() / np.sqrt(len(values))
        assert expected[metric][0] == pytest.approx(values.mean(), abs=4 * error + 1e-9)


def test_guesses_under_weights_are_those_of_repeated_images() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 40)
    weights = rng.integers(0, 4, (20, 40)).astype(np.float32)
    found = guessing(labels, np.array([0.4, 0.6]), 1, weights)
    for sample, row in enumerate(weights.astype(int)):
        repeated = np.repeat(labels, row)
        one = guessing(repeated, np.array([0.4, 0.6]), 1, np.ones((1, len(repeated))))
        for metric in METRICS:
            assert found[metric][sample] == pytest.approx(one[metric][0])


def test_the_regression_is_scikit_learns_pipeline_with_the_best_settings(tmp_path: Path) -> None:
    images = bright_images(tmp_path / "images")
    run = fake_run(tmp_path / "run", images, lrs=(0.001,))
    parts = {part: Results(run).rows_of(part) for part in PARTS}
    train, validation, test = parts.values()
    found, settings = fit_thumbnails(images.pixels, images.labels, parts, "balanced_accuracy", 1)
    x = thumbnails(images.pixels, np.arange(len(images)))
    assert x.shape == (len(images), 256)
    pipeline = make_pipeline(
        StandardScaler(),
        LogisticRegression(C=settings["C"], class_weight=settings["class_weight"], max_iter=300),
    ).fit(x[train], images.labels[train])
    np.testing.assert_allclose(found, pipeline.predict_proba(x[test]), atol=1e-4)
    value = evaluate(images.labels[validation], pipeline.predict_proba(x[validation]), 1)["balanced_accuracy"]
    assert settings["validation"] == pytest.approx(value)
    for c in (1e-4, 1.0):
        other = make_pipeline(StandardScaler(), LogisticRegression(C=c, max_iter=300)).fit(
            x[train], images.labels[train]
        )
        told = evaluate(images.labels[validation], other.predict_proba(x[validation]), 1)["balanced_accuracy"]
        assert told <= settings["validation"]


def test_rows_intervals_and_the_kept_predictions(tmp_path: Path) -> None:
    images = bright_images(tmp_path / "images")
    run = fake_run(tmp_path / "run", images, lrs=(0.001,))
    kept = run.path / "floors" / "logistic_regression.parquet"
    none = trivial_baselines(Results(run), None, np.random.default_rng(0), samples=200)
    assert list(none["kind"]) == ["always", "always", "guess"]
    assert not kept.exists()
    found = trivial_baselines(Results(run), images, np.random.default_rng(0), samples=200)
    assert list(found["kind"]) == ["thumbnail", "always", "always", "guess"]
    assert found.iloc[0]["auroc_low"] > 0.5
    for metric in METRICS:
        assert (found[f"{metric}_low"] <= found[metric] + 1e-9).all()
        assert (found[metric] <= found[f"{metric}_high"] + 1e-9).all()
    table = floors(run.class_names, run.info["data"]["class_counts"]["test"], run.positive)
    always = found[found["kind"] == "always"]
    assert list(always["answer"]) == list(table["answer"])
    for metric in METRICS:
        np.testing.assert_allclose(always[metric].astype(float), table[metric])
    assert set(floor_settings(run.path)) == {"C", "class_weight", "metric", "validation", "side"}
    assert trivial_baselines(Results(run), None, np.random.default_rng(0), samples=200).round(5).equals(found.round(5))

    written = kept.read_bytes()
    kept.write_bytes(b"torn")
    assert thumbnail_predictions(Results(run), None) is None
    thumbnail_predictions(Results(run), images)
    assert kept.read_bytes() == written
    assert list(kept.parent.glob(".*")) == []
    kept.unlink()
    with pytest.raises(UserError, match="fingerprint"):
        trivial_baselines(Results(run), replace(images, fingerprint="0" * 16), np.random.default_rng(0))


def test_an_unopened_test_split_is_not_predicted(tmp_path: Path) -> None:
    images = bright_images(tmp_path / "images")
    run = fake_run(tmp_path / "run", images, lrs=(0.001,), opened=False)
    assert "thumbnail" not in set(trivial_baselines(Results(run), images, np.random.default_rng(0), samples=50)["kind"])
    assert not (run.path / "floors").exists()


def test_more_than_two_classes(tmp_path: Path) -> None:
    images = bright_images(tmp_path / "images", ("a", "b", "c"))
    run = fake_run(tmp_path / "run", images, lrs=(0.001,))
    found = trivial_baselines(Results(run), images, np.random.default_rng(0), samples=100).set_index("kind")
    assert list(found.index) == ["thumbnail", "always", "guess"]
    assert found.loc["guess", "balanced_accuracy"] == pytest.approx(1 / 3)
    assert found.loc["always", "balanced_accuracy"] == pytest.approx(1 / 3)
    assert found.loc["thumbnail", "balanced_accuracy"] > 0.4


def test_real_xrays_are_told_apart_by_thumbnails(chest_xray_dir: Path, tmp_path: Path) -> None:
    images = load_images(str(chest_xray_dir), image_size=32)
    run = fake_run(tmp_path / "run", images, techniques=("baseline",), lrs=(0.001,), failing=False)
    found = trivial_baselines(Results(run), images, np.random.default_rng(0), samples=200).iloc[0]
    assert found["balanced_accuracy_low"] > 0.8


def test_guessing_takes_its_means_over_the_classes_that_have_images() -> None:
    labels = np.repeat([0, 2], [30, 20])
    prior, ones = np.array([0.5, 0.3, 0.2]), np.ones((1, 50))
    found = guessing(labels, prior, None, ones)
    rng = np.random.default_rng(0)
    simulated = [evaluate(labels, np.eye(3)[rng.choice(3, 50, p=prior)], None) for _ in range(500)]
    for metric in ("recall", "balanced_accuracy", "specificity", "precision", "f1"):
        values = np.array([one[metric] for one in simulated])
        assert found[metric][0] == pytest.approx(values.mean(), abs=4 * values.std() / np.sqrt(500) + 1e-9)
    assert found["recall"][0] == pytest.approx((0.5 + 0.2) / 2)
