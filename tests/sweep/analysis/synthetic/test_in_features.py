"""Mixtures of features: how near they lie to real ones, and what the report shows of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from balancing.components.plans import TrainingPlan
from balancing.data.images import ImageSet
from balancing.errors import UserError
from sweep.analysis.figures.feature_parents import feature_parents_plot, shown_mixtures
from sweep.analysis.results import Results
from sweep.analysis.synthetic.in_features import (
    FeaturePool,
    apart,
    feature_mixtures,
    feature_specs,
    measure_in_features,
)
from sweep.analysis.synthetic.measure import draw_sample
from sweep.report.blocks import Figures, Paragraph
from sweep.report.context import ReportContext
from sweep.report.sections.synthetic import synthetic_section
from sweep.report.table import Table
from sweep.runs.run import Run
from sweep.training.frozen.store import VectorStore, key_of
from sweep.training.frozen.store import store_of as vectors_store_of
from sweep.training.vectors import Vectors
from tests.sweep.fake_run import fake_images, fake_run

NAMES = ("baseline", "smote@features", "svm_smote@features", "undersampling")


def pool_of(n: int = 120, d: int = 12, seed: int = 0) -> FeaturePool:
    rows = np.random.default_rng(seed).normal(3, 2, size=(n, d)).astype(np.float32)
    train = np.arange(10, n)
    return FeaturePool(Vectors.of(rows, train), train)


def mixed(pool: FeaturePool, weight: float, count: int = 60) -> TrainingPlan:
    """All training rows and mixtures of random pairs of them, of one class."""
    rng = np.random.default_rng(1)
    pairs = np.array([rng.choice(pool.rows, 2, replace=False) for _ in range(count)])
    made = TrainingPlan(pairs[:, 0], pairs[:, 1], np.full(count, weight), np.zeros(count, dtype=np.int64))
    return TrainingPlan.joined([TrainingPlan.of_rows(pool.rows, np.zeros(len(pool.rows))), made])


def test_the_nearest_is_the_nearest_but_for_what_is_barred() -> None:
    pool = pool_of()
    queries = np.random.default_rng(2).normal(size=(15, 12))
    distances, nearest = pool.nearest(queries)
    every = np.sqrt(((queries[:, None] - pool.standard[pool.rows].astype(np.float64)) ** 2).mean(axis=2))
    np.testing.assert_array_equal(nearest, pool.rows[every.argmin(axis=1)])
    np.testing.assert_allclose(distances, every.min(axis=1))
    second = pool.rows[np.argsort(every, axis=1)[:, 1]]
    np.testing.assert_array_equal(pool.nearest(queries, nearest[:, None])[1], second)


def test_a_copy_lies_at_distance_0_and_the_middle_at_half_the_way() -> None:
    pool = pool_of()
    plan = mixed(pool, 0.5)
    made = np.flatnonzero(plan.synthetic)
    rows = plan.realise(pool.standard, made)
    base, mate = pool.standard[plan.base[made]], pool.standard[plan.mate[made]]
    np.testing.assert_allclose(apart(rows, base), apart(base, mate) / 2, rtol=1e-5)
    distances, nearest = pool.nearest(pool.standard[pool.rows])
    assert distances.max() == 0
    np.testing.assert_array_equal(nearest, pool.rows)


def measured(weight: float) -> dict[str, float]:
    pool = pool_of(n=320)
    plan = mixed(pool, weight, count=150)
    sampled = draw_sample(plan, np.zeros(320, dtype=np.int64), pool.rows, 150, np.random.default_rng(0))
    return measure_in_features(sampled, pool, pd.Series(np.arange(320)), np.random.default_rng(0))


def test_mixtures_are_nearer_than_real_rows_and_told_apart_and_near_copies_are_not() -> None:
    copies, middles = measured(1e-4), measured(0.5)
    assert copies["distance_ratio"] < 0.001
    assert copies["near_parent"] == 1
    assert 0.35 < copies["accuracy"] < 0.65, "held out with its base: a copy can't be recognised by it"
    assert middles["accuracy"] > 0.75
    assert middles["accuracy_low"] > 0.5
    for numbers in (copies, middles):
        for name in ("distance", "real_distance", "distance_ratio", "near_parent", "accuracy"):
            assert numbers[f"{name}_low"] <= numbers[name] <= numbers[f"{name}_high"]
    assert not any("sharpness" in name for name in middles)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Results, ImageSet]:
    """An invented run of heads, with vectors."""
    folder = tmp_path_factory.mktemp("heads")
    images = fake_images(folder / "images", size=16, per_class=(60, 120))
    run = fake_run(folder / "run", images, techniques=NAMES, lrs=(0.001,), failing=False)
    return Results(frozen(run, images)), images


def frozen(run: Run, images: ImageSet) -> Run:
    specs = [replace(spec, network="frozen:resnet18", parameters={}) for spec in run.specs()]
    specs = [replace(s, parameters={"k_neighbors": 5} if "smote" in s.technique else {}) for s in specs]
    ids = {old.trial_id: new.trial_id for old, new in zip(run.specs(), specs, strict=True)}
    for (old, new), spec in zip(ids.items(), specs, strict=True):
        (run.path / "trials" / old).rename(run.path / "trials" / new)
        run.trial(new).write_spec(spec)
    chosen = run.selection()
    run.write_specs(specs)
    configurations = {spec.trial_id: spec.configuration_id for spec in specs}
    for one in chosen:
        one["trial_ids"] = [ids[old] for old in one["trial_ids"]]
        one["configuration"] = configurations[one["trial_ids"][0]]
    run.write_selection(chosen)
    rng = np.random.default_rng(0)
    vectors = (rng.normal(size=(len(images), 9)) + 0.8 * images.labels[:, None]).astype(np.float32)
    store, key = store_of(run, images)
    store.opened(key, len(images), lambda: (part for part in (vectors,)))
    return run


def store_of(run: Run, images: ImageSet) -> tuple[VectorStore, str]:
    """Where the report looks for what the run's body made of the images, and by which key."""
    kind = "cuda" if torch.cuda.is_available() else "cpu"
    return vectors_store_of(images.pixels_path, run.path), key_of(run.specs()[0], kind)


def test_which_techniques_mix_features(made: tuple[Results, ImageSet]) -> None:
    assert list(feature_specs(made[0])) == ["smote@features", "svm_smote@features"]


def test_the_plans_are_those_of_the_trials_and_pictures_those_of_their_parents(
    made: tuple[Results, ImageSet],
) -> None:
    run, images = made
    found = feature_mixtures(run, images)
    assert found is not None
    plan = found.plans["smote@features"]
    assert (images.labels[plan.base[plan.synthetic]] == images.labels[plan.mate[plan.synthetic]]).all()
    shown = shown_mixtures(plan, images, found.pool, np.random.default_rng(0))
    assert len(shown) == 3
    assert [m.weight for m in shown] == sorted(m.weight for m in shown)
    for mixture in shown:
        place = [
            row
            for row in np.flatnonzero(plan.synthetic)
            if np.array_equal(images.pixels[plan.base[row]], mixture.pictures[0]) and plan.weight[row] == mixture.weight
        ]
        assert len(place) == 1
        (row,) = place
        np.testing.assert_array_equal(mixture.pictures[1], images.pixels[plan.mate[row]])
        ends = found.pool.standard[[plan.base[row]]], found.pool.standard[[plan.mate[row]]]
        length = float(apart(*ends)[0])
        assert mixture.distances[0] == pytest.approx(mixture.weight * length, rel=1e-4)
        assert mixture.distances[1] == pytest.approx((1 - mixture.weight) * length, rel=1e-4)
        for parent in mixture.pictures[:2]:
            assert not np.array_equal(mixture.pictures[2], parent)
    plot = feature_parents_plot(run, images, found, np.random.default_rng(0))
    assert plot is not None
    assert len(plot.figure.findobj(lambda artist: type(artist).__name__ == "AxesImage")) == 2 * 3 * 3
    again = feature_mixtures(run, images)
    assert again is not None
    np.testing.assert_array_equal(again.plans["svm_smote@features"].weight, found.plans["svm_smote@features"].weight)


def test_the_section_of_a_frozen_run(made: tuple[Results, ImageSet]) -> None:
    run, images = made
    section = synthetic_section(ReportContext(run, images))
    assert section is not None
    kinds = [type(block) for block in section.blocks]
    assert kinds[1:5] == [Paragraph, Paragraph, Figures, Table]
    for block, name in zip(section.blocks[1:], ("SMOTE on features", "SVM-SMOTE on features"), strict=False):
        assert isinstance(block, Paragraph)
        assert block.text.startswith(f"{name}: ")
        assert "standard deviations from the nearest real training image" in block.text
    assert section.values["techniques"] == []
    assert [row["technique"] for row in section.values["features"]] == ["smote@features", "svm_smote@features"]
    import jsonschema

    from sweep.report.schema import schema

    own = schema()["properties"]["sections"]["properties"]["synthetic"]
    from sweep.report.summary import plain

    jsonschema.validate(plain(section.values), {**own, "$defs": schema()["$defs"]})
    without = synthetic_section(ReportContext(run, None))
    assert without is not None
    assert "mixtures of images or of their features" in without.blocks[0].text  # type: ignore[union-attr]
    with pytest.raises(UserError, match="fingerprint"):
        synthetic_section(ReportContext(run, replace(images, fingerprint="0" * 16)))


def test_a_run_without_its_body_or_vectors_says_what_to_do(made: tuple[Results, ImageSet], tmp_path: Path) -> None:
    import shutil

    run = Run(shutil.copytree(made[0].run.path, tmp_path / "run"))
    store, key = store_of(made[0].run, made[1])
    shutil.rmtree(Path(store.opened(key, len(made[1]), lambda: (part for part in ())).path).parent)
    section = synthetic_section(ReportContext(Results(run), made[1]))
    assert section is not None
    said = [block.text for block in section.blocks if isinstance(block, Paragraph)]
    assert any("body.pt" in text and "`sweep resume` makes both anew" in text for text in said)
