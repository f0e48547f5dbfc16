"""The registry: names, ranges, and errors that say what to do."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

import balancing.components.registry as module
from balancing.components.plans import TrainingPlan
from balancing.components.registry import (
    Choice,
    FloatRange,
    IntRange,
    Range,
    TrainingData,
    get_technique,
    technique,
    techniques,
)
from balancing.errors import UserError
from tests.checks import make_data

STUDY = ["baseline", "undersampling", "oversampling", "augmentation", "smote", "borderline_smote"]


@pytest.fixture
def own_registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A copy, so that techniques made here are gone afterwards."""
    monkeypatch.setattr(module, "_TECHNIQUES", dict(module._TECHNIQUES))
    return


def test_the_study_comes_first_in_its_order() -> None:
    assert [t.name for t in techniques()][:6] == STUDY


def test_strength_dials() -> None:
    assert [get_technique("baseline").effective_strength(s) for s in (0.0, 0.5)] == [0.0, 0.0]
    assert [get_technique("augmentation").effective_strength(s) for s in (0.0, 0.5)] == [1.0, 0.5]
    assert [get_technique("smote").effective_strength(s) for s in (0.0, 0.5)] == [0.0, 0.5]


def test_a_misspelt_name_is_met_with_the_right_one() -> None:
    with pytest.raises(UserError, match=r"^unknown technique 'bordeline_smote'; did you mean 'borderline_smote'\?$"):
        get_technique("bordeline_smote")
    with pytest.raises(UserError, match=r"; there are: augmentation, baseline, .*undersampling"):
        get_technique("xyz")


def test_parameters_are_completed_and_checked() -> None:
    smote = get_technique("smote")
    assert smote.complete({}) == {"k_neighbors": 5, "sampling_strategy": 1.0}
    assert smote.complete({"sampling_strategy": 1})["sampling_strategy"] == 1.0
    # Wider than what is searched.
    assert smote.complete({"k_neighbors": 1, "sampling_strategy": 0.1})["k_neighbors"] == 1
    with pytest.raises(UserError, match=r"no parameter 'k_neighbours'; did you mean 'k_neighbors'\?"):
        smote.complete({"k_neighbours": 3})
    with pytest.raises(UserError, match=r"^smote.k_neighbors must lie in 1..1000, but is 0; the default is 5$"):
        smote.complete({"k_neighbors": 0})
    with pytest.raises(UserError, match="'baseline' has no parameters, but 'k' was given; remove it"):
        get_technique("baseline").complete({"k": 1})
    with pytest.raises(UserError, match="borderline_smote.kind must be one of 1, 2, but is 3"):
        get_technique("borderline_smote").complete({"kind": 3})


@pytest.mark.parametrize(
    ("spec", "good", "bad"),
    [
        (IntRange(3, 9, default=5), [3, 9, np.int64(4)], [2, 10, 4.0, "4", True, None]),
        (IntRange(3, 9, default=5, minimum=1), [1, 9], [0, 10]),
        (IntRange(3, 9, default=5, maximum=20), [3, 20], [2, 21]),
        (FloatRange(0.5, 1.0, default=1.0), [0.5, 1, np.float32(0.75)], [0.4, 1.1, "1", True, float("nan"), None]),
        (FloatRange(0.5, 1.0, default=1.0, minimum=0.1, maximum=2.0), [0.1, 2.0], [0.05, 2.5]),
        (Choice((1, 2), default=1), [1, 2], [3, "1", True, None]),
        (Choice(("a", "b"), default="b"), ["a", "b"], ["c", 1]),
    ],
)
def test_ranges_take_what_they_allow(spec: Range, good: list[object], bad: list[object]) -> None:
    for value in good:
        assert spec.check("x", value) == value
    for value in bad:
        with pytest.raises(UserError, match="^x must "):
            spec.check("x", value)


def test_checked_values_have_one_type() -> None:
    """A trial's id is a hash of them: 1, 1.0 and numpy's 1 must not be three trials."""
    assert type(IntRange(1, 3, default=2).check("x", np.int64(2))) is int
    assert type(FloatRange(0.0, 3.0, default=2.0).check("x", 2)) is float
    assert type(Choice((1, 2), default=1).check("x", 2.0)) is int


@pytest.mark.parametrize(
    "spec",
    [
        IntRange(3, 9, default=5, minimum=1, maximum=50),
        FloatRange(0.5, 1.0, default=1.0, minimum=0.1),
        FloatRange(1e-4, 1e-2, default=1e-3, log=True),
        Choice(("a", "b", "c"), default="a"),
    ],
)
def test_draws_stay_in_the_searched_range_and_reach_all_of_it(spec: Range) -> None:
    rng = np.random.default_rng(0)
    drawn = [spec.draw(rng) for _ in range(2000)]
    if isinstance(spec, Choice):
        assert set(drawn) == set(spec.options)
        return
    assert spec.low <= min(drawn)
    assert max(drawn) <= spec.high
    if isinstance(spec, IntRange):
        assert set(drawn) == set(range(spec.low, spec.high + 1))
        return
    middle = np.sqrt(spec.low * spec.high) if spec.log else (spec.low + spec.high) / 2
    assert np.mean(np.array(drawn) < middle) == pytest.approx(0.5, abs=0.06)


def test_impossible_ranges_are_refused() -> None:
    for low, high, default, minimum in ((5, 3, 4, None), (3, 9, 2, None), (3, 9, 5, 4)):
        with pytest.raises(ValueError, match="a range needs"):
            IntRange(low, high, default=default, minimum=minimum)
        with pytest.raises(ValueError, match="a range needs"):
            FloatRange(low, high, default=default, minimum=minimum)
    with pytest.raises(ValueError, match="logarithmic range needs low > 0"):
        FloatRange(0.0, 1.0, default=0.5, log=True)
    with pytest.raises(ValueError, match="not among the options"):
        Choice((1, 2), default=3)


@pytest.mark.usefixtures("own_registry")
def test_one_decorated_builder_is_a_technique() -> None:
    def needs_three(counts: dict[str, int], *, n: int) -> None:
        if min(counts.values()) < n:
            raise UserError(f"too few: {counts}")

    @technique(family="sampler", reference="here", check=needs_three, n=IntRange(1, 3, default=2))
    def first_rows(data: TrainingData, random_state: int, *, n: int) -> TrainingPlan:
        """The first rows.

        And no other.
        """
        return TrainingPlan.of_rows(data.rows[:n], data.train_labels[:n])

    found = get_technique("first_rows")
    assert found in techniques()
    assert (found.summary, found.reference, found.family, found.strength_dial) == (
        "The first rows.",
        "here",
        "sampler",
        "free",
    )
    data = make_data((5, 2))
    assert len(found.build(data, 0)) == 2
    assert len(first_rows(data, 0, n=1)) == 1
    with pytest.raises(UserError, match="too few: {'KIND-0': 5, 'KIND-1': 2}"):
        found.build(data, 0, n=3)
    with pytest.raises(UserError, match="first_rows.n must lie in 1..3, but is 4"):
        found.build(data, 0, n=4)


@pytest.mark.usefixtures("own_registry")
def test_a_name_is_given_once_and_a_builder_says_what_it_does() -> None:
    with pytest.raises(ValueError, match="two techniques are named 'smote'"):

        @technique(family="sampler", reference="here")
        def smote(data: TrainingData, random_state: int) -> TrainingPlan:
            """Another."""
            raise NotImplementedError

    with pytest.raises(ValueError, match="'silent' needs a docstring"):

        @technique(family="sampler", reference="here")
        def silent(data: TrainingData, random_state: int) -> TrainingPlan:
            raise NotImplementedError


def test_training_data_shows_the_training_rows() -> None:
    data = make_data((5, 3))
    np.testing.assert_array_equal(data.class_counts, [5, 3])
    assert len(data.train_labels) == 8
    assert data.class_name(1) == "KIND-1"
    assert TrainingData(data.pixels, data.labels, data.rows, 2).class_name(1) == "1"
