"""What trials behind a frozen body train on: rows of images, of views and of mixtures, as their plans name them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from balancing.components.plans import EpochPlans, TrainingPlan
from balancing.errors import UserError
from sweep.runs.spec import TrialSpec
from sweep.training.frozen import rows as module
from sweep.training.frozen.rows import TrialRows
from sweep.training.inputs import SplitImages
from sweep.training.method import build_plans, method_of
from sweep.training.vectors import Vectors
from tests.sweep.training.frozen.bodies import frozen_spec, images_behind, vectors_of
from tests.sweep.training.small import TrialFolder, assert_same_trial, run_trial

CLOSE = {"rtol": 1e-4, "atol": 1e-5}


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> SplitImages:
    return images_behind(tmp_path_factory.mktemp("run"), signal=20)


def rows(spec: TrialSpec, images: SplitImages) -> np.ndarray:
    """What a trial trains on."""
    method_of(spec, images)
    return images.stored(spec)


def fresh(images: SplitImages) -> SplitImages:
    """As another process has them."""
    assert images.vectors is not None
    return replace(images, vectors=replace(images.vectors, kept={}))


def test_without_views_and_mixtures_the_rows_are_those_of_the_images(images: SplitImages) -> None:
    assert images.vectors is not None
    for technique in ("baseline", "oversampling", "smote@features", "augmentation"):
        spec = frozen_spec(technique, strength=float(technique == "augmentation"))
        assert rows(spec, images) is images.vectors.rows
        plan, built = method_of(spec, images).plan(1), build_plans(spec, images).of(1)
        assert np.array_equal(plan.base, built.base)
        assert np.array_equal(plan.mate, built.mate)


@pytest.mark.parametrize("technique", ["smote", "svm_smote", "borderline_smote"])
def test_mixtures_of_pixels_are_what_the_body_makes_of_them(images: SplitImages, technique: str) -> None:
    spec = frozen_spec(technique)
    pixels = build_plans(spec, images).of(1)
    plan = method_of(spec, images).plan(1)
    assert not plan.synthetic.any()
    assert np.array_equal(plan.labels, pixels.labels)
    wanted = vectors_of(pixels.realise(images.pixels).astype(np.float32))
    np.testing.assert_allclose(images.stored(spec)[plan.base], wanted, **CLOSE)


def test_seeds_that_repeat_do_not_look_again(images: SplitImages, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = frozen_spec("smote", seed=11)
    first = rows(spec, images)
    monkeypatch.setattr(module, "load_body", lambda path: pytest.fail("looked again"))
    assert np.array_equal(rows(replace(spec, lr=0.5), fresh(images)), first)
    with pytest.raises(pytest.fail.Exception, match="looked again"):
        rows(replace(spec, seed=12), fresh(images))


@pytest.mark.parametrize("technique", ["augmentation", "smote@features", "oversampling", "smote"])
def test_each_row_of_an_epoch_is_one_of_its_views(images: SplitImages, technique: str) -> None:
    spec = frozen_spec(technique, views=3, strength=1.0)
    method, built = method_of(spec, images), build_plans(spec, images).of(1)
    stored, n, t = images.stored(spec), len(images.pixels), len(images.train)
    place = {row: at for at, row in enumerate(images.train.tolist())}
    mixed = technique == "smote"
    m = int(built.synthetic.sum()) if mixed else 0
    assert len(stored) == n + 3 * (t + m)
    seen = []
    for epoch in range(1, 7):
        plan = method.plan(epoch)
        made = iter(range(m))
        for at in range(len(plan)):
            if mixed and built.synthetic[at]:
                number = next(made)
                allowed = {n + 3 * t + view * m + number for view in range(3)}
                assert {int(plan.base[at])} == {int(plan.mate[at])} <= allowed
                continue
            for of, was in ((plan.base, built.base), (plan.mate, built.mate)):
                assert int(of[at]) in {n + view * t + place[int(was[at])] for view in range(3)}
        assert np.array_equal(plan.weight, np.where(built.synthetic, 0.0, built.weight) if mixed else built.weight)
        assert np.array_equal(plan.labels, built.labels)
        seen.append(plan.base)
    assert len({base.tobytes() for base in seen}) == 6
    again = method_of(replace(spec, lr=0.5), fresh(images))
    assert all(np.array_equal(again.plan(epoch + 1).base, base) for epoch, base in enumerate(seen))
    assert not np.array_equal(method_of(replace(spec, seed=4), images).plan(1).base[:8], seen[0][:8])


def test_images_of_validation_and_test_stay_as_they_are(images: SplitImages) -> None:
    assert images.vectors is not None
    spec = frozen_spec("augmentation", views=2, strength=1.0)
    assert np.array_equal(rows(spec, images)[: len(images.pixels)], images.vectors.rows)
    assert fresh(images).stored(spec) is images.vectors.rows  # before the trial's method is made


def test_other_mixtures_in_each_epoch_are_refused(images: SplitImages) -> None:
    def of(epoch: int) -> TrainingPlan:
        base = images.train[:2]
        return TrainingPlan(base, base[::-1].copy(), np.full(2, epoch / 10), images.labels[base])

    spec = frozen_spec("smote")
    kept = TrialRows(spec, images, lambda: EpochPlans(of))
    kept.plan(of(1), 1)
    with pytest.raises(UserError, match="'smote' mixes other images in each epoch.*with @features"):
        kept.plan(of(2), 2)
    real = TrialRows(
        spec, images, lambda: EpochPlans(lambda epoch: TrainingPlan.of_rows(images.train[:epoch], [0] * epoch))
    )
    assert np.array_equal(real.plan(real.plans.of(2), 2).base, images.train[:2])


def test_without_a_body_at_hand_it_says_so(images: SplitImages) -> None:
    assert images.vectors is not None
    alone = replace(images, vectors=Vectors.of(images.vectors.rows, images.train))
    with pytest.raises(UserError, match="'smote' needs the frozen network for more than the images as they are"):
        rows(frozen_spec("smote"), alone)


@pytest.mark.parametrize("technique", ["smote", "augmentation", "mixup", "crt", "smote+crt"])
def test_trials_with_views_train_and_repeat(images: SplitImages, technique: str, tmp_path: Path) -> None:
    spec = frozen_spec(technique, views=2, strength=1.0, epochs=4)
    folders = [TrialFolder(tmp_path / name) for name in "ab"]
    for folder in folders:
        assert run_trial(spec, fresh(images), folder) == "done"
    assert_same_trial(*folders)


def test_rows_of_few_trials_are_kept(images: SplitImages) -> None:
    own = fresh(images)
    assert own.vectors is not None
    for seed in range(40):
        method_of(frozen_spec(seed=seed), own)
    assert len(own.vectors.kept) == 32
    assert frozen_spec(seed=39).trial_id in own.vectors.kept
