"""Arrays in, arrays out: what comes back is what imbalanced-learn makes, in the type that was given."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from imblearn.over_sampling import SMOTE

import balancing
from balancing.components.laws.common import make_data
from balancing.components.techniques import Technique
from balancing.errors import UserError
from balancing.oracles import ORACLES


def _arrays(shape: tuple[int, ...] = (8, 8), counts: tuple[int, ...] = (30, 14)) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    labels = rng.permutation(np.repeat(np.arange(len(counts)), counts))
    return rng.integers(0, 256, size=(len(labels), *shape), dtype=np.uint8), labels


@pytest.mark.parametrize("technique", ["undersampling", "oversampling", "smote", "borderline_smote"])
@pytest.mark.parametrize("shape", [(8, 8), (8, 8, 3), (40,)], ids=str)
@pytest.mark.parametrize("counts", [(30, 14), (14, 30, 22)], ids=str)
def test_equals_imblearn(technique: str, shape: tuple[int, ...], counts: tuple[int, ...]) -> None:
    pixels, labels = _arrays(shape, counts)
    X, y, plan = balancing.resample(technique, pixels, labels, random_state=3, check=True, return_plan=True)
    assert X.dtype == np.uint8
    assert X.shape == (len(plan), *shape)
    assert y.dtype == labels.dtype
    np.testing.assert_array_equal(X, np.rint(plan.realise(pixels)))
    assert len(set(np.bincount(y).tolist())) == 1, "balanced"


@pytest.mark.parametrize("technique", sorted(set(ORACLES) - {"undersampling", "oversampling", "smote"}))
def test_every_sampler_that_imblearn_has_is_compared_with_it(technique: str) -> None:
    data = make_data((48, 22), size=12, outside=0, apart=24)
    X, y, plan = balancing.resample(technique, data.pixels, data.labels, random_state=3, check=True, return_plan=True)
    assert len(X) == len(y) == len(plan)
    assert len(np.unique(y)) == 2


def test_rows_are_smotes_rounded_to_whole_levels() -> None:
    pixels, labels = _arrays()
    X, y = balancing.resample("smote", pixels, labels, random_state=5, k_neighbors=3)
    flat = pixels.reshape(len(pixels), -1).astype(np.float64)
    wanted, wanted_labels = SMOTE(random_state=5, k_neighbors=3).fit_resample(flat, labels)
    np.testing.assert_array_equal(X.reshape(len(X), -1), np.rint(wanted))
    np.testing.assert_array_equal(y, wanted_labels)


@pytest.mark.parametrize("names", [np.array(["well", "ill"]), np.array([b"x", b"a"]), np.array([7, -2], dtype=np.int8)])
def test_labels_keep_their_type_and_names_change_nothing_but_the_order_of_classes(names: np.ndarray) -> None:
    pixels, labels = _arrays()
    given = names[labels]
    X, y = balancing.resample("smote", pixels, given)
    assert y.dtype == names.dtype
    np.testing.assert_array_equal(X[: len(pixels)], pixels)
    np.testing.assert_array_equal(y[: len(pixels)], given)
    assert (y[len(pixels) :] == names[1]).all()


def test_baseline_gives_back_what_it_was_given() -> None:
    pixels, labels = _arrays()
    X, y = balancing.resample("baseline", pixels, labels)
    np.testing.assert_array_equal(X, pixels)
    np.testing.assert_array_equal(y, labels)


def test_check_finds_a_plan_that_is_not_imblearns(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels, labels = _arrays()
    build = Technique.build

    def halfway(technique: Technique, *arguments: Any, **parameters: Any) -> balancing.TrainingPlan:
        plan = build(technique, *arguments, **parameters)
        return replace(plan, weight=np.where(plan.synthetic, 0.5, plan.weight))

    monkeypatch.setattr(Technique, "build", halfway)
    balancing.resample("smote", pixels, labels)
    with pytest.raises(UserError, match="16 of 60 rows of 'smote' are others"):
        balancing.resample("smote", pixels, labels, check=True)


@pytest.mark.parametrize(
    ("change", "parameters", "sentence"),
    [
        (lambda x, y: (x.astype(np.float32) / 255, y), {}, "float32"),
        (lambda x, y: (x, y[:-1]), {}, "one value for each"),
        (lambda x, y: (x, y / 2), {}, "whole numbers or class names"),
        (lambda x, y: (x, y), {"k_neighbours": 3}, "k_neighbors"),
        (lambda x, y: (x, y), {"random_state": -1}, "random_state"),
        (lambda x, y: (x, y), {"k_neighbors": 14}, "k_neighbors to 13"),
    ],
)
def test_mistakes_are_one_sentence(change, parameters, sentence) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(UserError, match=sentence) as caught:
        balancing.resample("smote", *change(*_arrays()), **parameters)
    assert "\n" not in str(caught.value)


def test_check_says_where_imblearn_has_nothing_to_compare_with() -> None:
    for technique in ("baseline", "class_weights", "undersampling+class_weights"):
        with pytest.raises(UserError, match="to compare with"):
            balancing.resample(technique, *_arrays(), check=True)
    pixels, labels = _arrays(counts=(30, 12, 14))
    with pytest.raises(UserError, match="two classes only"):
        balancing.resample("smote", pixels, labels, check=True, sampling_strategy=0.7)


@pytest.mark.parametrize("missing", [None, float("nan"), "", " ", "nan", np.float64("nan")])
def test_a_missing_label_is_no_class(missing: object) -> None:
    pixels, _ = _arrays()
    for labels in (["a"] * 20 + ["b"] * 23 + [missing], np.array(["a"] * 20 + ["b"] * 23 + [missing], dtype=object)):
        with pytest.raises(UserError, match="leave images without a label out"):
            balancing.resample("oversampling", pixels, labels)


def test_words_in_a_list_are_the_words_of_an_array() -> None:
    pixels, labels = _arrays()
    words = np.array(["well", "ill"])[labels]
    for given in (words.tolist(), words.astype(object), words):
        X, y = balancing.resample("oversampling", pixels, given)
        assert y.tolist() == balancing.resample("oversampling", pixels, words)[1].tolist()
        assert len(X) == len(y) == 60


@pytest.mark.parametrize(
    ("technique", "parameters"),
    [
        ("oversampling", {"sampling_strategy": 0.3}),
        ("smote", {"sampling_strategy": 0.3}),
        ("undersampling", {"sampling_strategy": 0.3}),
    ],
)
def test_where_imblearn_refuses_a_ratio_check_says_so(technique: str, parameters: dict[str, float]) -> None:
    pixels, labels = _arrays()
    X, _ = balancing.resample(technique, pixels, labels, **parameters)
    assert len(X) == len(pixels)
    with pytest.raises(UserError, match="sampling_strategy=0.3 .* leave check away") as caught:
        balancing.resample(technique, pixels, labels, check=True, **parameters)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("technique", "pixels", "labels", "sentence"),
    [
        ("smote", [[1, 2], [3]], [0, 1], "its parts have different lengths"),
        ("smote", None, [0, 1], "pixels must be uint8"),
        ("smote", np.zeros((2, 4), np.uint8), [[0], [1, 2]], "labels must"),
        ("smote", np.zeros((2, 4), np.uint8), None, "labels must hold one value"),
        ("smote", np.zeros((2, 4), np.uint8), [0, "a"], "all numbers or all words"),
        ("smote", np.zeros((0, 4), np.uint8), [], "."),
        (None, np.zeros((2, 4), np.uint8), [0, 1], "a technique is given by its name"),
        ("oversampling", np.zeros((2, 4), np.uint8), np.array(5), "one value for each"),
        ("oversampling", np.zeros((2, 4), np.uint8), pd.Series([1, None], dtype="Int64"), "leave images without"),
    ],
)
def test_what_is_no_array_is_one_sentence(technique: Any, pixels: Any, labels: Any, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence) as caught:
        balancing.resample(technique, pixels, labels)
    assert "\n" not in str(caught.value)
