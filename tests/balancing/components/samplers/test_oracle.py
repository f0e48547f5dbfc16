"""Samplers that look at neighbours or at a classifier: their plans, made real, are imbalanced-learn's rows.

In order, row by row, for the same random_state; of pixels and of vectors.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from imblearn.combine import SMOTEENN, SMOTETomek
from imblearn.over_sampling import ADASYN, SMOTE, SVMSMOTE, BorderlineSMOTE, KMeansSMOTE
from imblearn.under_sampling import (
    AllKNN,
    EditedNearestNeighbours,
    InstanceHardnessThreshold,
    NearMiss,
    NeighbourhoodCleaningRule,
    OneSidedSelection,
    RepeatedEditedNearestNeighbours,
    TomekLinks,
)
from sklearn.cluster import MiniBatchKMeans

from balancing.components.axes import TrainingData
from balancing.components.laws.common import make_data
from balancing.components.samplers.hardness import estimator
from balancing.components.techniques import get_technique
from balancing.errors import UserError

# NearMiss-3 says that it has fewer rows than asked for.
pytestmark = pytest.mark.filterwarnings("ignore:The number of the samples to be selected:UserWarning")

Made = Callable[[int, Any], Any]


def cleaned(sampler: Any, **parameters: Any) -> Made:
    return lambda random_state, ratio: sampler(**parameters)


def drawn(sampler: Any, **parameters: Any) -> Made:
    return lambda random_state, ratio: sampler(random_state=random_state, sampling_strategy=ratio, **parameters)


def smote_enn(random_state: int, ratio: Any, k_neighbors: int = 5, **enn: Any) -> Any:
    smote = SMOTE(random_state=random_state, sampling_strategy=ratio, k_neighbors=k_neighbors)
    return SMOTEENN(smote=smote, enn=EditedNearestNeighbours(sampling_strategy="all", **enn))


# technique, its parameters, imbalanced-learn's sampler
PAIRS: dict[str, tuple[str, dict[str, Any], Made]] = {
    "smote": ("smote", {}, drawn(SMOTE)),
    "borderline-2": ("borderline_smote", {"kind": 2}, drawn(BorderlineSMOTE, kind="borderline-2")),
    "adasyn": ("adasyn", {}, drawn(ADASYN)),
    "adasyn-k3": ("adasyn", {"n_neighbors": 3}, drawn(ADASYN, n_neighbors=3)),
    "tomek": ("tomek_links", {}, cleaned(TomekLinks)),
    "enn": ("enn", {}, cleaned(EditedNearestNeighbours)),
    "enn-1": ("enn", {"n_neighbors": 1}, cleaned(EditedNearestNeighbours, n_neighbors=1)),
    "enn-5-mode": (
        "enn",
        {"n_neighbors": 5, "kind_sel": "mode"},
        cleaned(EditedNearestNeighbours, n_neighbors=5, kind_sel="mode"),
    ),
    "repeated": ("repeated_enn", {}, cleaned(RepeatedEditedNearestNeighbours)),
    "repeated-mode": ("repeated_enn", {"kind_sel": "mode"}, cleaned(RepeatedEditedNearestNeighbours, kind_sel="mode")),
    "all-knn": ("all_knn", {}, cleaned(AllKNN)),
    "all-knn-5": ("all_knn", {"n_neighbors": 5}, cleaned(AllKNN, n_neighbors=5)),
    "ncr": ("ncr", {}, cleaned(NeighbourhoodCleaningRule)),
    "ncr-5": ("ncr", {"n_neighbors": 5}, cleaned(NeighbourhoodCleaningRule, n_neighbors=5)),
    "ncr-2": ("ncr", {"threshold_cleaning": 2.2}, cleaned(NeighbourhoodCleaningRule, threshold_cleaning=2.2)),
    "one-sided": ("one_sided_selection", {}, lambda random_state, ratio: OneSidedSelection(random_state=random_state)),
    "one-sided-30": (
        "one_sided_selection",
        {"n_seeds_S": 30},  # so many that some are drawn twice
        lambda random_state, ratio: OneSidedSelection(random_state=random_state, n_seeds_S=30),
    ),
    "smote-tomek": (
        "smote_tomek",
        {},
        lambda random_state, ratio: SMOTETomek(random_state=random_state, sampling_strategy=ratio),
    ),
    "smote-enn": ("smote_enn", {}, smote_enn),
    "smote-enn-mode": (
        "smote_enn",
        {"kind_sel": "mode", "n_neighbors": 5, "k_neighbors": 3},
        lambda random_state, ratio: smote_enn(random_state, ratio, 3, kind_sel="mode", n_neighbors=5),
    ),
    "svm": ("svm_smote", {}, drawn(SVMSMOTE)),
    "svm-far": (
        "svm_smote",
        {"out_step": 1.0, "k_neighbors": 3, "m_neighbors": 5},
        drawn(SVMSMOTE, out_step=1.0, k_neighbors=3, m_neighbors=5),
    ),
    "kmeans": ("kmeans_smote", {}, drawn(KMeansSMOTE)),
    "kmeans-4": (
        "kmeans_smote",
        {"n_clusters": 4, "k_neighbors": 4},
        lambda random_state, ratio: KMeansSMOTE(
            kmeans_estimator=MiniBatchKMeans(n_clusters=4, random_state=random_state),
            k_neighbors=4,
            random_state=random_state,
            sampling_strategy=ratio,
        ),
    ),
    "hardness": (
        "instance_hardness",
        {},
        lambda random_state, ratio: InstanceHardnessThreshold(
            estimator=estimator(), random_state=random_state, sampling_strategy=ratio
        ),
    ),
}
PAIRS["nearmiss-3-of-1"] = (
    "nearmiss",
    {"version": 3, "n_neighbors_ver3": 1},
    lambda random_state, ratio: NearMiss(version=3, n_neighbors_ver3=1, sampling_strategy=ratio),
)
for version in (1, 2, 3):
    PAIRS[f"nearmiss-{version}"] = (
        "nearmiss",
        {"version": version, "n_neighbors": 2},
        lambda random_state, ratio, version=version: NearMiss(  # type: ignore[misc]
            version=version, n_neighbors=2, sampling_strategy=ratio
        ),
    )
FOLLOWS_NO_RATIO = {"tomek_links", "enn", "repeated_enn", "all_knn", "ncr", "one_sided_selection"}


def vectors_of(data: TrainingData, n_features: int = 7) -> TrainingData:
    """Data with (N, D) float32 vectors whose classes overlap, and pixels that tell nothing."""
    rng = np.random.default_rng(len(data.labels))
    vectors = rng.normal(3, 1, size=(len(data.labels), n_features)) + 0.7 * data.labels[:, None]
    return replace(data, pixels=np.zeros_like(data.pixels), vectors=vectors.astype(np.float32))


def assert_equals_imblearn(data: TrainingData, pair: str, random_state: int, ratio: float | None = None) -> bool:
    """Equal labels, order and values; or, where imbalanced-learn loses a class or fails, a refusal.

    Values to within a few units in the last place, since it may round once more; of vectors in float32's.

    Returns:
        Whether there was a plan to compare.
    """
    name, parameters, sampler = PAIRS[pair]
    given = {} if ratio is None or name in FOLLOWS_NO_RATIO else {"sampling_strategy": ratio}
    values = data.pixels if data.vectors is None else data.vectors
    x = values[data.rows].reshape(len(data.rows), -1).astype(np.float64)
    try:
        wanted, wanted_labels = sampler(random_state, ratio or "auto").fit_resample(x, data.train_labels)
    except RuntimeError:  # ADASYN, k-means SMOTE
        wanted_labels = np.empty(0)
    if len(np.unique(wanted_labels)) < data.n_classes:
        with pytest.raises(UserError, match="class KIND-"):
            get_technique(name).build(data, random_state, **parameters, **given)
        return False
    plan = get_technique(name).build(data, random_state, **parameters, **given)
    np.testing.assert_array_equal(plan.labels, wanted_labels)
    made = plan.realise(values).reshape(len(plan), -1)
    wanted = np.clip(wanted, 0, 255) if data.vectors is None else wanted
    np.testing.assert_allclose(made, wanted, rtol=1e-12, atol=1e-12)
    return True


@pytest.mark.parametrize("pair", PAIRS)
def test_plans_of_pixels_equal_imblearn(pair: str) -> None:
    compared = 0
    for class_counts in ((60, 24), (20, 50), (45, 18, 30), (50, 14, 32, 22, 16)):
        for random_state in (0, 2**32 - 1):
            data = make_data(class_counts, seed=len(class_counts), size=12, apart=18)
            compared += assert_equals_imblearn(data, pair, random_state)
    assert compared >= 4


@pytest.mark.parametrize("pair", PAIRS)
def test_plans_of_vectors_equal_imblearn(pair: str) -> None:
    compared = 0
    for class_counts in ((60, 24), (20, 50), (45, 18, 30)):
        for random_state in (0, 42):
            data = vectors_of(make_data(class_counts, seed=len(class_counts)))
            compared += assert_equals_imblearn(data, pair, random_state)
    assert compared >= 3


@pytest.mark.parametrize("pair", [pair for pair, (name, *_) in PAIRS.items() if name not in FOLLOWS_NO_RATIO])
@pytest.mark.parametrize("ratio", [0.5, 0.61803, 0.9])
def test_plans_equal_imblearn_for_every_sampling_strategy(pair: str, ratio: float) -> None:
    assert assert_equals_imblearn(make_data((70, 23), size=12, apart=16), pair, 5, ratio)


@pytest.mark.parametrize("pair", ["tomek", "enn", "repeated", "all-knn", "ncr", "nearmiss-1", "hardness"])
def test_classes_of_equal_size(pair: str) -> None:
    """The smallest twice: which of them is spared is as in imbalanced-learn."""
    for class_counts in ((30, 16, 16), (16, 16, 30), (16, 30, 16)):
        assert_equals_imblearn(make_data(class_counts, size=12, apart=22), pair, 1)
