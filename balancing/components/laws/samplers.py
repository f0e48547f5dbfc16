"""Laws of samplers."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import numpy as np

from balancing.components.axes import TrainingData
from balancing.components.laws.common import (
    CLASS_COUNTS,
    CLASS_NUMBERS,
    SEED,
    assert_same_plan,
    make_data,
    require,
    settings,
    untouched_global_state,
)
from balancing.components.plans import EpochPlans, TrainingPlan
from balancing.components.registry import Component, check_feasible
from balancing.errors import UserError

# What samplers that look at neighbours' classes find some of in each class, but not everywhere.
_APART = 26
# In no order, since a plan must not depend on those of other epochs.
_EPOCHS = (3, 1, 2)


def _data(component: Component, n_classes: int, **kinds: Any) -> TrainingData:
    """Training images; with classes that can be told apart, for a sampler that may refuse others once it sees them."""
    apart = _APART if component.refuses == "while building" else 3
    return make_data(CLASS_COUNTS[:n_classes], apart=apart, **kinds)


def _plan(component: Component, data: TrainingData, seed: int, **parameters: Any) -> TrainingPlan:
    """The plan; the first epoch's, where each epoch draws anew."""
    made = component.build(data, seed, **parameters)
    return made.of(1) if isinstance(made, EpochPlans) else made


def _plans(component: Component, data: TrainingData, seed: int, **parameters: Any) -> list[TrainingPlan]:
    """The plans of some epochs; one, where the sampler draws once."""
    made = component.build(data, seed, **parameters)
    return [made.of(epoch) for epoch in _EPOCHS] if isinstance(made, EpochPlans) else [made]


def accepted(component: Component, data: TrainingData) -> list[dict[str, Any]]:
    """The settings to try; of a sampler that may refuse images once it sees them those that it takes.

    The defaults are among them; others it must refuse by a sentence that names a class or the number of images.
    """
    if component.refuses == "beforehand":
        return settings(component)
    accepted = []
    for parameters in settings(component):
        try:
            component.build(data, SEED, **parameters)
        except UserError as refusal:
            require(parameters, f"the defaults are refused: {refusal}")
            _require_reason(refusal, len(data.rows))
        else:
            accepted.append(parameters)
    return accepted


def _require_reason(refusal: UserError, n_images: int) -> None:
    said = "KIND-" in str(refusal) or str(n_images) in str(refusal)
    require(said, f"the refusal names neither class nor number: {refusal}")


def law_plans_are_well_formed(component: Component) -> None:
    """Every setting, 2, 3 and 5 classes: types, rows, labels and weights are what a TrainingPlan promises."""
    for n_classes in CLASS_NUMBERS:
        data = _data(component, n_classes)
        for parameters in accepted(component, data):
            for plan in _plans(component, data, SEED, **parameters):
                require(isinstance(plan, TrainingPlan), f"a sampler returns a TrainingPlan, not {type(plan).__name__}")
                _require_well_formed(component, data, plan)


def _require_well_formed(component: Component, data: TrainingData, plan: TrainingPlan) -> None:
    types = {plan.base.dtype, plan.mate.dtype, plan.labels.dtype}
    require(types == {np.dtype(np.int64)}, f"rows and labels are int64, not {types}")
    require(plan.weight.dtype == np.float64, f"weights are float64, not {plan.weight.dtype}")
    require(np.isin(plan.base, data.rows).all(), "a base is no training row")
    require(np.isin(plan.mate, data.rows).all(), "a mate is no training row")
    np.testing.assert_array_equal(plan.labels, data.labels[plan.base], err_msg="labels are those of the bases")
    require((plan.weight[~plan.synthetic] == 0).all(), "a real row has a weight")
    require(component.mixes or not plan.synthetic.any(), "it mixes images, so it must be declared with mixes=True")
    require((plan.class_counts(data.n_classes) > 0).all(), "a class was lost")


def law_equal_seeds_give_equal_plans(component: Component) -> None:
    """The plan depends on the seed alone, and leaves the global random state as it was."""
    data = _data(component, 3)
    with untouched_global_state():
        for one, other in zip(_plans(component, data, SEED), _plans(component, data, SEED), strict=True):
            assert_same_plan(one, other)


def law_an_epoch_follows_from_its_number(component: Component) -> None:
    """Where each epoch draws anew: whichever epochs came before; with other rows, but as many of each class."""
    for n_classes, parameters in itertools.product(CLASS_NUMBERS, settings(component)):
        data = _data(component, n_classes)
        made, resumed = (component.build(data, SEED, **parameters) for _ in range(2))
        if not isinstance(made, EpochPlans):
            return
        with untouched_global_state():
            plans = [made.of(epoch) for epoch in (1, 2, 3)]
            for epoch in (3, 2, 2, 1):
                assert_same_plan(resumed.of(epoch), plans[epoch - 1])
        for plan in plans[1:]:
            same = (plan.class_counts(n_classes) == plans[0].class_counts(n_classes)).all()
            require(same, f"epochs differ in their numbers of each class ({parameters or 'defaults'})")
            require(not np.array_equal(plan.base, plans[0].base), "two epochs draw the same rows in the same order")


def law_only_training_rows_are_read(component: Component) -> None:
    """Other pixels, vectors and labels outside the training rows change nothing."""
    for n_classes in CLASS_NUMBERS:
        data = _data(component, n_classes)
        outside = np.setdiff1d(np.arange(len(data.labels)), data.rows)
        for parameters in accepted(component, data):
            plan = _plan(component, data, SEED, **parameters)
            for shade, label in ((0, 0), (255, n_classes - 1), (128, 10**6)):
                pixels, labels = data.pixels.copy(), data.labels.copy()
                # Copies of training images would be everybody's nearest neighbours.
                pixels[outside] = shade if label < 10**6 else data.pixels[data.rows[: len(outside)]]
                labels[outside] = label
                poisoned = replace(data, pixels=pixels, labels=labels)
                assert_same_plan(plan, _plan(component, poisoned, SEED, **parameters))
        vectors = np.random.default_rng(SEED).normal(size=(len(data.labels), 4)) + data.labels[:, None]
        vectors[outside] = np.nan
        alone = replace(data, vectors=vectors.astype(np.float32))
        _plan(component, alone, SEED)


def law_vectors_take_the_place_of_pixels(component: Component) -> None:
    """The pixels as vectors give the same plan, whatever the pixels are then."""
    for n_classes in CLASS_NUMBERS:
        data = _data(component, n_classes)
        vectors = data.pixels.reshape(len(data.pixels), -1).astype(np.float32)
        moved = replace(data, pixels=np.zeros_like(data.pixels), vectors=vectors)
        for parameters in accepted(component, data):
            plan, same = (_plan(component, given, SEED, **parameters) for given in (data, moved))
            assert_same_plan(plan, same)


def law_data_are_left_alone(component: Component) -> None:
    """Works on read-only arrays, which is what a shared memory map is."""
    data = _data(component, 2)
    for array in (data.pixels, data.labels, data.rows):
        array.flags.writeable = False
    _plans(component, data, SEED)


def law_relabelled_classes_relabel_the_plan(component: Component) -> None:
    """Classes have no order: two swapped classes give the swapped plan, more give the permuted counts.

    With more than two classes, samplers that draw from one generator class by class (as imbalanced-learn's random
    ones do) pick other images; how many of each class they pick stays. It need not where the number follows from what
    is drawn, or from neighbours of several classes, of which imbalanced-learn takes the lowest.
    """
    for parameters in settings(component):
        data = _data(component, 2)
        plan = _plan(component, replace(data, labels=1 - data.labels), SEED, **parameters)
        restored = replace(plan, labels=1 - plan.labels)
        same = _as_set_of_rows(restored) == _as_set_of_rows(_plan(component, data, SEED, **parameters))
        require(same, f"two swapped classes give other rows ({parameters or 'defaults'})")

        if component.refuses == "while building":
            continue
        data = _data(component, 5)
        new_label = np.array([3, 0, 4, 1, 2])
        counts = _plan(component, data, SEED, **parameters).class_counts(5)
        permuted = _plan(component, replace(data, labels=new_label[data.labels]), SEED, **parameters)
        np.testing.assert_array_equal(permuted.class_counts(5)[new_label], counts)


def _as_set_of_rows(plan: TrainingPlan) -> list[tuple[float, ...]]:
    """The plan's rows in an order of their own: order means nothing here."""
    return sorted(zip(plan.base, plan.mate, plan.weight, plan.labels, strict=True))


def law_counts_follow_sampling_strategy(component: Component) -> None:
    """sampling_strategy is the ratio of the smallest to the largest class afterwards; 1 makes all equal.

    A sampler that follows it nearly misses by half of the class's images at most.
    """
    if "sampling_strategy" not in component.parameters or component.follows == "loosely":
        return
    for n_classes in CLASS_NUMBERS:
        data = _data(component, n_classes)
        before = data.class_counts
        for ratio in (0.5, 0.8, 1.0):
            counts = _plan(component, data, SEED, sampling_strategy=ratio).class_counts(n_classes)
            if component.follows == "nearly":
                missed = np.abs(counts - np.maximum(before, ratio * before.max()))
                require((missed < before / 2 + 1).all(), f"{before} became {counts} for {ratio}")
                continue
            require(abs(counts.min() - ratio * counts.max()) < 1, f"{before} became {counts} for {ratio}")
            require((counts >= before).all() or (counts <= before).all(), f"{before} became {counts}")
        # Already there: nothing to do.
        loose = _plan(component, data, SEED, sampling_strategy=0.25)
        assert_same_plan(loose, _plan(component, data, SEED + 1, sampling_strategy=0.25))
        np.testing.assert_array_equal(loose.class_counts(n_classes), before)


def law_too_few_images_are_refused_beforehand(component: Component) -> None:
    """What ``check`` lets pass can be built, unless the sampler may refuse images once it sees them.

    A refusal names the class or the number.
    """
    for n_small, parameters in itertools.product((0, 1, 2, 3, 4, 5, 6, 7, 9, 10), settings(component)):
        data = make_data((12, n_small))
        try:
            check_feasible([(component, component.complete(parameters))], data.class_counts, data.class_names)
        except UserError as refusal:
            _require_reason(refusal, 12 + n_small)
            continue
        try:
            _plans(component, data, SEED, **parameters)
        except UserError as refusal:
            require(component.refuses == "while building", f"check let pass what is refused later: {refusal}")
            _require_reason(refusal, 12 + n_small)


LAWS = (
    law_plans_are_well_formed,
    law_equal_seeds_give_equal_plans,
    law_an_epoch_follows_from_its_number,
    law_only_training_rows_are_read,
    law_vectors_take_the_place_of_pixels,
    law_data_are_left_alone,
    law_relabelled_classes_relabel_the_plan,
    law_counts_follow_sampling_strategy,
    law_too_few_images_are_refused_beforehand,
)
