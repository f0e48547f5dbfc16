"""The check suite: laws that every registered technique keeps, present and future.

Each ``check_*`` takes a technique and raises AssertionError where a law is broken. ``ALL_CHECKS`` lists them;
``tests/balancing/components/test_samplers.py`` runs each on each technique.
"""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import numpy as np

from balancing.components.axes import TrainingData
from balancing.components.plans import TrainingPlan
from balancing.components.ranges import Choice
from balancing.components.techniques import Technique
from balancing.errors import UserError

# Unequal, so that no law hangs on the order of ties; the smallest has more images than any searched k.
CLASS_COUNTS = (40, 16, 22, 31, 12)
CLASS_NUMBERS = (2, 3, 5)
SEED = 7


def make_data(class_counts: tuple[int, ...], *, seed: int = 0, size: int = 6, outside: int = 30) -> TrainingData:
    """Random images whose classes overlap, shuffled among ``outside`` rows that do not train.

    Returns:
        Data with pixels (sum(class_counts) + outside, size, size); the training rows are in no order.
    """
    rng = np.random.default_rng(seed)
    n = sum(class_counts) + outside
    labels = rng.permutation(np.repeat(np.arange(len(class_counts) + 1), [*class_counts, outside]))
    rows = rng.permutation(np.flatnonzero(labels < len(class_counts)))
    pixels = rng.integers(0, 240, size=(n, size, size)) + 3 * labels[:, None, None]
    labels = np.where(labels == len(class_counts), rng.integers(len(class_counts), size=n), labels)
    names = tuple(f"KIND-{label}" for label in range(len(class_counts)))
    return TrainingData(pixels.astype(np.uint8), labels.astype(np.int64), rows, len(class_counts), names)


def assert_same_plan(a: TrainingPlan, b: TrainingPlan) -> None:
    for field in ("base", "mate", "weight", "labels"):
        np.testing.assert_array_equal(getattr(a, field), getattr(b, field), err_msg=field)


def as_set_of_rows(plan: TrainingPlan) -> list[tuple[float, ...]]:
    """The plan's rows in an order of their own, for laws in which order means nothing."""
    return sorted(zip(plan.base, plan.mate, plan.weight, plan.labels, strict=True))


def settings(technique: Technique) -> list[dict[str, Any]]:
    """The defaults, and for each parameter both ends of its searched range (each option of a choice)."""
    found: list[dict[str, Any]] = [{}]
    for name, spec in technique.parameters.items():
        values = spec.options if isinstance(spec, Choice) else (spec.low, spec.high)
        found += [{name: value} for value in values]
    return found


def check_plans_are_well_formed(technique: Technique) -> None:
    """Every setting, 2, 3 and 5 classes: types, rows, labels and weights are what a TrainingPlan promises."""
    for n_classes, parameters in itertools.product(CLASS_NUMBERS, settings(technique)):
        data = make_data(CLASS_COUNTS[:n_classes])
        plan = technique.build(data, SEED, **parameters)
        assert plan.base.dtype == plan.mate.dtype == plan.labels.dtype == np.int64
        assert plan.weight.dtype == np.float64
        assert np.isin(plan.base, data.rows).all()
        assert np.isin(plan.mate, data.rows).all()
        np.testing.assert_array_equal(plan.labels, data.labels[plan.base])
        assert (plan.weight[~plan.synthetic] == 0).all(), "a real row has a weight"
        assert (plan.class_counts(n_classes) > 0).all(), "a class was lost"


def check_equal_seeds_give_equal_plans(technique: Technique) -> None:
    """The plan depends on the seed alone, and leaves the global random state as it was."""
    data = make_data(CLASS_COUNTS[:3])
    plans = []
    for global_seed in (1, 2):
        np.random.seed(global_seed)
        plans.append(technique.build(data, SEED))
        after = np.random.random()
        np.random.seed(global_seed)
        assert after == np.random.random(), "the global random state was used"
    assert_same_plan(*plans)


def check_only_training_rows_are_read(technique: Technique) -> None:
    """Other pixels and labels outside the training rows change nothing."""
    for n_classes in CLASS_NUMBERS:
        data = make_data(CLASS_COUNTS[:n_classes])
        outside = np.setdiff1d(np.arange(len(data.labels)), data.rows)
        for parameters in settings(technique):
            plan = technique.build(data, SEED, **parameters)
            for shade, label in ((0, 0), (255, n_classes - 1), (128, 10**6)):
                pixels, labels = data.pixels.copy(), data.labels.copy()
                # Copies of training images would be everybody's nearest neighbours.
                pixels[outside] = shade if label < 10**6 else data.pixels[data.rows[: len(outside)]]
                labels[outside] = label
                poisoned = replace(data, pixels=pixels, labels=labels)
                assert_same_plan(plan, technique.build(poisoned, SEED, **parameters))


def check_data_are_left_alone(technique: Technique) -> None:
    """Works on read-only arrays, which is what a shared memory map is."""
    data = make_data(CLASS_COUNTS[:2])
    for array in (data.pixels, data.labels, data.rows):
        array.flags.writeable = False
    technique.build(data, SEED)


def check_relabelled_classes_relabel_the_plan(technique: Technique) -> None:
    """Classes have no order: two swapped classes give the swapped plan, more give the permuted counts.

    With more than two classes, samplers that draw from one generator class by class (as imbalanced-learn's random
    ones do) pick other images; how many of each class they pick stays.
    """
    for parameters in settings(technique):
        data = make_data(CLASS_COUNTS[:2])
        swapped = replace(data, labels=1 - data.labels)
        plan = technique.build(swapped, SEED, **parameters)
        restored = replace(plan, labels=1 - plan.labels)
        assert as_set_of_rows(restored) == as_set_of_rows(technique.build(data, SEED, **parameters))

        data = make_data(CLASS_COUNTS)
        new_label = np.array([3, 0, 4, 1, 2])
        counts = technique.build(data, SEED, **parameters).class_counts(5)
        permuted = technique.build(replace(data, labels=new_label[data.labels]), SEED, **parameters)
        np.testing.assert_array_equal(permuted.class_counts(5)[new_label], counts)


def check_counts_follow_sampling_strategy(technique: Technique) -> None:
    """sampling_strategy is the ratio of the smallest to the largest class afterwards; 1 makes all equal."""
    if "sampling_strategy" not in technique.parameters:
        return
    for n_classes in CLASS_NUMBERS:
        data = make_data(CLASS_COUNTS[:n_classes])
        before = data.class_counts
        for ratio in (0.5, 0.8, 1.0):
            counts = technique.build(data, SEED, sampling_strategy=ratio).class_counts(n_classes)
            assert abs(counts.min() - ratio * counts.max()) < 1, f"{before} became {counts} for {ratio}"
            assert (counts >= before).all() or (counts <= before).all()
        # Already there: nothing to do.
        loose = technique.build(data, SEED, sampling_strategy=0.25)
        assert_same_plan(loose, technique.build(data, SEED + 1, sampling_strategy=0.25))
        np.testing.assert_array_equal(loose.class_counts(n_classes), before)


def check_too_few_images_are_refused_beforehand(technique: Technique) -> None:
    """What ``check_feasible`` lets pass can be built, and what it refuses is refused by the builder alike."""
    for n_small, parameters in itertools.product((0, 1, 2, 3, 4, 5, 6, 7, 9, 10), settings(technique)):
        data = make_data((12, n_small))
        try:
            technique.check_feasible(data.class_counts, data.class_names, parameters)
        except UserError as refusal:
            assert "KIND-1" in str(refusal) or str(12 + n_small) in str(refusal)
            try:
                technique.build(data, SEED, **parameters)
            except UserError as again:
                assert str(again) == str(refusal)
            else:
                raise AssertionError(f"refused with {n_small} images, yet built: {refusal}") from None
        else:
            assert n_small > 0
            technique.build(data, SEED, **parameters)


def check_unknown_parameters_are_refused(technique: Technique) -> None:
    try:
        technique.build(make_data(CLASS_COUNTS[:2]), SEED, no_such_parameter=1)
    except UserError as error:
        assert "no_such_parameter" in str(error)
        assert technique.name in str(error)
    else:
        raise AssertionError("an unknown parameter was taken")


def check_registry_entry_is_complete(technique: Technique) -> None:
    """What the command line and the report show is there, and drawn parameters are accepted."""
    assert technique.summary.endswith(".")
    assert "\n" not in technique.summary
    assert technique.reference
    rng = np.random.default_rng(SEED)
    for _ in range(20):
        drawn = {name: spec.draw(rng) for name, spec in technique.parameters.items()}
        assert technique.complete(drawn) == drawn
    assert technique.strength(0.5) in (0.0, 0.5)
    assert technique.strength(0.0) in (0.0, 1.0)


ALL_CHECKS = tuple(check for name, check in sorted(globals().items()) if name.startswith("check_"))
