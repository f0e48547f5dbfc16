"""Behind a frozen body each sampler on features gives imbalanced-learn's rows of the same standardised vectors."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from balancing.components.laws.common import make_data
from balancing.components.neighbours.store import NeighbourStore
from balancing.components.plans import TrainingPlan
from balancing.components.techniques import get_technique, techniques
from balancing.errors import UserError
from sweep.runs.spec import TrialSpec
from sweep.training.inputs import SplitImages
from sweep.training.method import build_plan
from sweep.training.vectors import Vectors
from tests.balancing.components.samplers.test_oracle import PAIRS

pytestmark = pytest.mark.filterwarnings("ignore:The number of the samples to be selected:UserWarning")
RANDOM = ("undersampling", "oversampling", "power_sampling")


def frozen_images(class_counts: tuple[int, ...], folder: Path) -> SplitImages:
    """Images whose pixels tell nothing, with vectors of very different scales whose classes overlap."""
    data = make_data(class_counts, seed=len(class_counts))
    rng = np.random.default_rng(len(data.labels))
    found = rng.normal(size=(len(data.labels), 8)) + 0.8 * data.labels[:, None]
    rows = (found * np.logspace(-2, 2, 8) + 5).astype(np.float32)
    others = np.setdiff1d(np.arange(len(data.labels)), data.rows)
    return SplitImages(
        np.zeros_like(data.pixels),
        data.labels,
        data.class_names,
        data.rows,
        others,
        others,
        NeighbourStore(folder),
        vectors=Vectors.of(rows, data.rows),
    )


def frozen_plan(technique: str, seed: int, images: SplitImages, **parameters: float | str) -> TrainingPlan:
    found = get_technique(technique)
    complete = found.complete(parameters)
    spec = TrialSpec(
        technique=found.name, lr=0.01, epochs=2, seed=seed, parameters=complete, network="frozen:resnet18", image_size=8
    )
    return build_plan(spec, images)


@pytest.mark.parametrize("pair", PAIRS)
def test_plans_equal_imblearn_on_standardised_vectors(pair: str, tmp_path: Path) -> None:
    name, parameters, sampler = PAIRS[pair]
    compared = 0
    for class_counts in ((60, 24), (45, 18, 30)):
        for seed in (0, 7):
            images = frozen_images(class_counts, tmp_path)
            assert images.vectors is not None
            labels, values = images.labels[images.train], images.vectors.standard
            np.testing.assert_allclose(values[images.train].std(axis=0), 1, rtol=1e-3)
            try:
                wanted, wanted_labels = sampler(seed, "auto").fit_resample(
                    values[images.train].astype(np.float64), labels
                )
            except RuntimeError:  # ADASYN, k-means SMOTE
                wanted, wanted_labels = np.empty((0, 8)), np.empty(0)
            if len(np.unique(wanted_labels)) < len(images.class_names):
                with pytest.raises(UserError, match="class KIND-"):
                    frozen_plan(f"{name}@features", seed, images, **parameters)
                continue
            plan = frozen_plan(f"{name}@features", seed, images, **parameters)
            np.testing.assert_array_equal(plan.labels, wanted_labels)
            np.testing.assert_allclose(plan.realise(values), wanted, rtol=1e-9, atol=1e-9)
            compared += 1
    assert compared >= 1


def samplers() -> Iterator[str]:
    for technique in techniques():
        if technique.axes == ("sampler",) and technique.parts[0].origin.own:
            yield technique.name


def test_the_table_of_oracles_has_every_sampler() -> None:
    """But those that only draw, and EOS, which imbalanced-learn does not have."""
    assert {name for name, _, _ in PAIRS.values()} == set(samplers()) - {*RANDOM, "eos"}


def test_eos_goes_to_enemies_among_standardised_neighbours(tmp_path: Path) -> None:
    """By its definition: mates are of another class and among the k nearest of their base."""
    images = frozen_images((60, 24), tmp_path)
    assert images.vectors is not None
    values = images.vectors.standard.astype(np.float64)
    plan = frozen_plan("eos@features", 3, images, n_neighbors=6)
    made = np.flatnonzero(plan.synthetic)
    assert len(made) == abs(int(np.subtract(*np.bincount(images.labels[images.train]))))
    for row in made:
        distances = np.linalg.norm(values[images.train] - values[plan.base[row]], axis=1)
        nearest = images.train[np.argsort(distances, kind="stable")[1:7]]
        assert plan.mate[row] in nearest
        assert images.labels[plan.mate[row]] != plan.labels[row] == images.labels[plan.base[row]]


@pytest.mark.parametrize("name", RANDOM)
def test_samplers_that_only_draw_draw_the_same_in_either_space(name: str, tmp_path: Path) -> None:
    images = frozen_images((60, 24), tmp_path)
    here, there = frozen_plan(name, 5, images), frozen_plan(f"{name}@features", 5, images)
    for mine, theirs in zip(vars(here).values(), vars(there).values(), strict=True):
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize(
    "name", ["smote@features+class_weights", "enn@features+mixup@features+focal", "smote@features+crt"]
)
def test_a_sampler_on_features_is_the_same_in_a_composition(name: str, tmp_path: Path) -> None:
    images = frozen_images((60, 24), tmp_path)
    alone, composed = frozen_plan(name.partition("+")[0], 2, images), frozen_plan(name, 2, images)
    for mine, theirs in zip(vars(alone).values(), vars(composed).values(), strict=True):
        np.testing.assert_array_equal(mine, theirs)
