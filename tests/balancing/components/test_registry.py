"""The registry: names, ranges, and errors that say what to do."""

from __future__ import annotations

import numpy as np
import pytest

from balancing.components.axes import AXES, TrainingContext, TrainingData
from balancing.components.decorators import augmentation, decision, loss, sampler
from balancing.components.laws.common import make_data
from balancing.components.plans import TrainingPlan
from balancing.components.ranges import Choice, FloatRange, IntRange, Range
from balancing.components.registry import COMPONENTS
from balancing.components.techniques import get_technique, techniques, training_of
from balancing.errors import UserError
from tests.balancing.components.registered import keep_registry

STUDY = ["baseline", "undersampling", "oversampling", "augmentation", "smote", "borderline_smote"]


@pytest.fixture
def own_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    keep_registry(monkeypatch)


def test_the_study_comes_first_in_its_order() -> None:
    assert [t.name for t in techniques()][:6] == STUDY


def test_what_becomes_of_the_augmentation_strength_that_is_asked_for() -> None:
    strengths = {name: [get_technique(name).strength(asked) for asked in (0.0, 0.5)] for name in STUDY}
    assert strengths.pop("baseline") == [0.0, 0.0]
    assert strengths.pop("augmentation") == [1.0, 0.5]
    assert all(found == [0.0, 0.5] for found in strengths.values())


def test_a_misspelt_name_is_met_with_the_right_one() -> None:
    with pytest.raises(UserError, match=r"^unknown technique 'bordeline_smote'; did you mean 'borderline_smote'\?$"):
        get_technique("bordeline_smote")
    with pytest.raises(UserError, match=r"; there are: .*augmentation, .*baseline, .*undersampling"):
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

    @sampler(label="First rows", reference="here", check=needs_three, n=IntRange(1, 3, default=2))
    def first_rows(data: TrainingData, random_state: int, *, n: int) -> TrainingPlan:
        """The first rows.

        And no other.
        """
        return TrainingPlan.of_rows(data.rows[:n], data.train_labels[:n])

    found = get_technique("first_rows")
    assert found in techniques()
    assert (found.label, found.summary, found.reference) == ("First rows", "The first rows.", "here")
    assert (found.axes, found.augmented) == (("sampler",), "as asked")
    data = make_data((5, 2))
    assert len(found.build(data, 0)) == 2
    assert len(first_rows(data, 0, n=1)) == 1
    with pytest.raises(UserError, match="too few: {'KIND-0': 5, 'KIND-1': 2}"):
        found.build(data, 0, n=3)
    with pytest.raises(UserError, match="first_rows.n must lie in 1..3, but is 4"):
        found.build(data, 0, n=4)


@pytest.mark.usefixtures("own_registry")
def test_a_name_and_a_label_are_given_once_and_an_error_says_where() -> None:
    def smote(data: TrainingData, random_state: int) -> TrainingPlan:
        """Another."""
        raise NotImplementedError

    with pytest.raises(
        ValueError,
        match=r"two components are named 'smote': the sampler in .*smote\.py:\d+ and the sampler in .*test_registry",
    ):
        sampler(label="Another", reference="here")(smote)
    smote.__name__ = "another"
    with pytest.raises(ValueError, match=r"labelled 'SMOTE': the sampler in .*smote\.py:\d+ and the sampler in"):
        sampler(label="SMOTE", reference="here")(smote)
    for name, label in (("baseline", "Mine"), ("mine", "Baseline")):
        smote.__name__ = name
        with pytest.raises(ValueError, match=r"test_registry\.py:\d+ is named like the technique 'baseline'; rename"):
            sampler(label=label, reference="here")(smote)


@pytest.mark.usefixtures("own_registry")
def test_two_axes_share_no_name() -> None:
    def smote(context: TrainingContext) -> None:
        """A loss."""

    with pytest.raises(ValueError, match=r"the sampler in .* and the loss in"):
        loss(label="SMOTE loss", reference="here")(smote)


@pytest.mark.parametrize("name", ["a+b", "a.b", "a@b", "Focal", "_focal", "2focal", "fo-cal", "föcal"])
def test_names_are_such_as_can_be_composed(name: str) -> None:
    def build(context: TrainingContext) -> None:
        """A loss."""

    build.__name__ = name
    with pytest.raises(ValueError, match="can't be named so: small letters, digits and underscores alone"):
        loss(label="A loss", reference="here")(build)


def test_a_builder_says_what_it_does_and_takes_what_is_declared() -> None:
    def silent(context: TrainingContext) -> None:
        pass

    def gamma(context: TrainingContext, *, gamma: float) -> None:
        """A loss."""

    def clash(context: TrainingContext, *, check: float) -> None:
        """A loss."""

    def two(context: TrainingContext, other: int) -> None:
        """A loss."""

    with pytest.raises(ValueError, match="loss 'silent' needs a docstring: its first line is shown to users"):
        loss(label="Silent", reference="here")(silent)
    with pytest.raises(ValueError, match="loss 'gamma' needs a label"):
        loss(label=" ", reference="here", gamma=FloatRange(0, 1, 0))(gamma)
    with pytest.raises(ValueError, match="takes a parameter 'gamma', but declares no range of it; declare one"):
        loss(label="G", reference="here")(gamma)
    with pytest.raises(ValueError, match="declares a range of 'beta', but does not take it by name"):
        loss(label="G", reference="here", gamma=FloatRange(0, 1, 0), beta=FloatRange(0, 1, 0))(gamma)
    with pytest.raises(ValueError, match="takes a parameter 'check', which its decorator takes for itself; rename it"):
        loss(label="C", reference="here")(clash)
    with pytest.raises(ValueError, match=r"declares gamma=3; give an IntRange, a FloatRange or a Choice"):
        loss(label="G", reference="here", gamma=3)(gamma)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"is given context by position, but takes \(context, other\)"):
        loss(label="Two", reference="here")(two)
    with pytest.raises(ValueError, match="the colour of loss 'gamma' must be written as '#rrggbb', but is 'red'"):
        loss(label="G", reference="here", gamma=FloatRange(0, 1, 0), colour="red")(gamma)
    assert not {"silent", "gamma", "two"} & {component.name for component in COMPONENTS.all()}


@pytest.mark.usefixtures("own_registry")
def test_a_component_that_is_defined_anew_replaces_itself() -> None:
    """As a notebook's cell that is run again does."""
    for label in ("First", "Second"):

        @augmentation(label=label, reference="here")
        def my_augmentation(context: TrainingContext) -> None:
            """Mine."""

    assert get_technique("my_augmentation").label == "Second"


@pytest.mark.usefixtures("own_registry")
def test_a_decision_decides_anew_on_the_trials_of_what_it_stands_behind() -> None:
    @decision(label="Mine", reference="here")
    def my_decision() -> None:
        """Mine."""

    assert not AXES["decision"].trains
    for name, trained in (("my_decision", "baseline"), ("my_decision+smote", "smote"), ("drs+my_decision", "drs")):
        found = get_technique(name)
        assert (found.name, found.trained_as) == (f"{trained}+my_decision", trained)
        assert training_of(found) == get_technique(trained)
    assert get_technique("baseline+my_decision") == get_technique("my_decision")
    assert get_technique("my_decision").strength(1) == 0  # as the baseline has it
    assert "baseline+my_decision" in {technique.name for technique in techniques()}
    with pytest.raises(UserError, match="both of the axis decision"):
        get_technique("my_decision+smote+my_decision ")


def test_training_data_shows_the_training_rows() -> None:
    data = make_data((5, 3))
    np.testing.assert_array_equal(data.class_counts, [5, 3])
    assert len(data.train_labels) == 8
    assert data.class_name(1) == "KIND-1"
    assert TrainingData(data.pixels, data.labels, data.rows, 2).class_name(1) == "1"
