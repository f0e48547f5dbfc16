"""The law of plans: made real, a plan equals imbalanced-learn's output for the same random_state, row by row.

Where ties matter. Both sides order neighbours by exact distance (whole numbers below 2**53 on either side). At equal
distance ours takes the earlier row, while scikit-learn's order is its heap's. Two kinds of ties:

- Identical images. scikit-learn drops the first of the nearest as "the query itself", which may be its twin, and
  keeps the query as its own neighbour; to a third image both are equally far. Within a class the mixture is the same
  whichever is taken, for their pixels are. Twins of different classes could change which images are in danger, and
  Borderline-2's draws.
- Different images at the same distance. The pair drawn may differ where the tie lies among the k nearest; what holds
  then is in ``test_ties_change_nothing_but_the_choice_among_equals``.

The random images below have neither kind; the X-rays used here have twins of one class, and the law holds.
"""

from __future__ import annotations

import io
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from imblearn.over_sampling import SMOTE, BorderlineSMOTE, RandomOverSampler
from imblearn.under_sampling import RandomUnderSampler
from PIL import Image
from sklearn.neighbors import NearestNeighbors

from balancing.components.axes import TrainingData
from balancing.components.laws.common import make_data
from balancing.components.plans import TrainingPlan
from balancing.components.techniques import get_technique

RANDOM_STATES = (0, 42, 2**32 - 1)

# technique, its parameters, imbalanced-learn's sampler, its parameters
PAIRS: dict[str, tuple[str, dict[str, Any], Any, dict[str, Any]]] = {
    "under": ("undersampling", {}, RandomUnderSampler, {}),
    "over": ("oversampling", {}, RandomOverSampler, {}),
    "smote": ("smote", {}, SMOTE, {}),
    "smote-k1": ("smote", {"k_neighbors": 1}, SMOTE, {"k_neighbors": 1}),
    "smote-k9": ("smote", {"k_neighbors": 9}, SMOTE, {"k_neighbors": 9}),
    "borderline-1": ("borderline_smote", {}, BorderlineSMOTE, {}),
    "borderline-1-k3-m15": (
        "borderline_smote",
        {"k_neighbors": 3, "m_neighbors": 15},
        BorderlineSMOTE,
        {"k_neighbors": 3, "m_neighbors": 15},
    ),
    "borderline-2": ("borderline_smote", {"kind": 2}, BorderlineSMOTE, {"kind": "borderline-2"}),
    "borderline-2-k9-m5": (
        "borderline_smote",
        {"kind": 2, "k_neighbors": 9, "m_neighbors": 5},
        BorderlineSMOTE,
        {"kind": "borderline-2", "k_neighbors": 9, "m_neighbors": 5},
    ),
}


def assert_equals_imblearn(data: TrainingData, pair: str, random_state: int, **common: Any) -> TrainingPlan:
    """Exact equality of labels, of order and of every value, but for one rounding of Borderline-2.

    There imbalanced-learn rounds step * (factor * difference) where a plan holds step * factor as one weight: equal to
    within a few units in the last place.
    """
    name, ours, sampler, theirs = PAIRS[pair]
    plan = get_technique(name).build(data, random_state, **ours, **common)
    x = data.pixels[data.rows].reshape(len(data.rows), -1).astype(np.float64)
    wanted, wanted_labels = sampler(random_state=random_state, **theirs, **common).fit_resample(x, data.train_labels)
    made = plan.realise(data.pixels).reshape(len(plan), -1)
    np.testing.assert_array_equal(plan.labels, wanted_labels)
    shrunk = data.labels[plan.mate] != plan.labels
    assert shrunk.any() == (ours.get("kind") == 2)
    np.testing.assert_array_equal(made[~shrunk], wanted[~shrunk])
    np.testing.assert_allclose(made[shrunk], wanted[shrunk], rtol=1e-12, atol=1e-12)
    return plan


@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("class_counts", [(50, 20), (20, 50), (40, 16, 25), (30, 14, 30, 22, 16)], ids=str)
@pytest.mark.parametrize("random_state", RANDOM_STATES)
def test_plans_equal_imblearn_on_integer_images(pair: str, class_counts: tuple[int, ...], random_state: int) -> None:
    assert_equals_imblearn(make_data(class_counts, seed=len(class_counts), size=12), pair, random_state)


@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("ratio", [0.5, 0.61803, 0.75, 0.9, 1.0])
def test_plans_equal_imblearn_for_every_sampling_strategy(pair: str, ratio: float) -> None:
    for class_counts in ((61, 23), (17, 39)):
        assert_equals_imblearn(make_data(class_counts, size=12), pair, 5, sampling_strategy=ratio)


@pytest.mark.parametrize("pair", ["under", "over", "smote", "borderline-1"])
def test_classes_of_equal_size(pair: str) -> None:
    """The smallest, or the largest, twice: the order that imbalanced-learn gives them counts."""
    for class_counts in ((30, 16, 16), (16, 16, 30), (30, 30, 16), (16, 30, 30), (30, 16, 30, 16)):
        assert_equals_imblearn(make_data(class_counts, size=12), pair, 1)


@pytest.mark.parametrize("pair", ["smote", "borderline-1", "borderline-2"])
def test_colour_images(pair: str) -> None:
    data = make_data((40, 15, 20), size=9)
    pixels = np.random.default_rng(0).integers(0, 256, size=(len(data.labels), 9, 9, 3), dtype=np.uint8)
    assert_equals_imblearn(replace(data, pixels=pixels), pair, 3)


@pytest.mark.parametrize("pair", ["smote", "borderline-1"])
def test_identical_images_of_a_class_change_nothing(pair: str) -> None:
    """Twins, and even triplets: whichever scikit-learn takes for the query itself, the mixture is the same."""
    data = make_data((40, 18), size=12)
    pixels = data.pixels.copy()
    members = data.rows[data.train_labels == 1]
    pixels[members[1]] = pixels[members[0]]
    pixels[members[[3, 4]]] = pixels[members[2]]
    assert_equals_imblearn(replace(data, pixels=pixels), pair, 11)


def test_ties_change_nothing_but_the_choice_among_equals() -> None:
    """Few grey levels, so many different images at one distance: the draws stay, each drawn distance stays."""
    data = make_data((60, 25), size=4)
    data = replace(data, pixels=data.pixels // 120)
    plan = get_technique("smote").build(data, 9)
    x = data.pixels[data.rows].reshape(len(data.rows), -1).astype(np.float64)
    wanted, wanted_labels = SMOTE(random_state=9).fit_resample(x, data.train_labels)
    made = plan.realise(data.pixels).reshape(len(plan), -1)
    assert not np.array_equal(made, wanted), "no tie was decided differently: this test shows nothing"
    np.testing.assert_array_equal(plan.labels, wanted_labels)
    base = data.pixels[plan.base].reshape(len(plan), -1).astype(np.float64)
    # A mixture is weight * distance(base, mate) away from its base; both sides drew the same base and weight.
    np.testing.assert_allclose(np.linalg.norm(made - base, axis=1), np.linalg.norm(wanted - base, axis=1), atol=1e-12)


@pytest.fixture(scope="module")
def xrays() -> TrainingData:
    """420 of the real training X-rays, a quarter NORMAL, 48 x 48 grey, in no order, and ten more that don't train.

    Cut from where byte-identical ones lie.
    """
    folder = os.environ.get("CHEST_XRAY_DIR")
    if not folder:
        pytest.skip("CHEST_XRAY_DIR is not set: it names the folder of the real chest X-rays")
    parquet = pytest.importorskip("pyarrow.parquet")
    table = parquet.read_table(next(Path(folder).glob("data/train-*.parquet")))
    labels = table["label"].to_numpy()
    chosen = np.sort(np.concatenate([np.flatnonzero(labels == 0)[680:800], np.flatnonzero(labels == 1)[480:790]]))
    images = table["image"].take(chosen).combine_chunks().field("bytes").to_pylist()
    pixels = np.stack([np.asarray(Image.open(io.BytesIO(image)).convert("L").resize((48, 48))) for image in images])
    rows = np.random.default_rng(0).permutation(len(chosen))[10:]
    return TrainingData(pixels, labels[chosen], rows, 2, ("NORMAL", "PNEUMONIA"))


@pytest.mark.parametrize("pair", PAIRS)
def test_plans_equal_imblearn_on_real_xrays(xrays: TrainingData, pair: str) -> None:
    for random_state, ratio in ((0, 1.0), (42, 0.8)):
        assert_equals_imblearn(xrays, pair, random_state, sampling_strategy=ratio)


def test_real_xrays_hold_twins_but_no_other_tie(xrays: TrainingData) -> None:
    """What the law above was tested on: both classes hold identical images, and once those are one, no tie is left."""
    flat = xrays.pixels[xrays.rows].reshape(len(xrays.rows), -1).astype(np.float64)
    for label in (0, 1):
        members = flat[xrays.train_labels == label]
        different = np.unique(members, axis=0)
        assert len(different) < len(members)
        distances, _ = NearestNeighbors(n_neighbors=11, algorithm="brute").fit(different).kneighbors(different)
        assert (np.diff(distances, axis=1) > 0).all()
