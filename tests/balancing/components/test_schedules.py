"""Schedules that come with the package: what trains when, computed by hand."""

from __future__ import annotations

import numpy as np
import pytest

from balancing.components.axes import Phase, Stage, TrainingContext
from balancing.components.registry import COMPONENTS
from balancing.components.techniques import get_technique

SPLIT = np.array([900, 100])


def stages(name: str, epochs: int = 10, **parameters: float) -> tuple[Stage, ...]:
    component = COMPONENTS.get(name)
    assert component is not None
    found: tuple[Stage, ...] = component.build(TrainingContext(SPLIT, epochs), **parameters)
    return found


def test_deferred_weights_come_in_the_last_fifth_with_a_tenth_of_the_learning_rate() -> None:
    early, late = stages("drw")
    assert (early.share, early.phase, early.kept) == (0.8, Phase(), False)
    assert (late.phase, late.kept) == (Phase(reweight=1e-4, lr_factor=0.1), True)


def test_deferred_sampling_balances_classes_at_the_end_alone() -> None:
    early, late = stages("drs", start=0.5, lr_factor=1.0)
    assert (early.share, early.phase) == (0.5, Phase(sampled=False))
    assert late == Stage(0.5, Phase(power=0.0))


@pytest.mark.parametrize(("epochs", "powers"), [(1, [0]), (2, [1, 0]), (5, [1, 0.75, 0.5, 0.25, 0])])
def test_progressive_sampling_goes_from_the_rows_as_they_are_to_balanced_classes(
    epochs: int, powers: list[float]
) -> None:
    found = stages("progressive", epochs)
    assert [stage.phase.power for stage in found] == pytest.approx(powers)
    assert [stage.share for stage in found] == pytest.approx([1 / epochs] * epochs)


def test_classifier_re_training_trains_a_new_head_alone_on_balanced_rows() -> None:
    body, head = stages("crt", share=0.4)
    assert (body.share, body.phase, body.kept) == (0.6, Phase(sampled=False), False)
    assert head == Stage(0.4, Phase(power=0.0, mixed=False, trained="head", new_head=True))


def test_an_ensemble_trains_several_heads_on_features_after_the_body() -> None:
    body, heads = stages("easy_ensemble", share=0.4, n_heads=4)
    assert (body.share, body.phase, body.kept) == (0.6, Phase(sampled=False), False)
    alone = Phase(sampled=False, power=0.0, mixed=False, trained="head", new_head=True, space="features", heads=4)
    assert heads == Stage(0.4, alone)


def test_learnable_weight_scaling_trains_factors_alone_on_balanced_rows() -> None:
    body, head = stages("lws", share=0.4, lr_factor=3.0)
    assert (body.share, body.phase, body.kept) == (0.6, Phase(sampled=False), False)
    assert head == Stage(0.4, Phase(power=0.0, mixed=False, trained="scales", lr_factor=3.0))


def test_mislas_mixes_first_and_smooths_while_the_head_goes_on_with_moving_statistics() -> None:
    technique = get_technique("shifted_bn + mixup+label_aware_smoothing")
    assert (technique.name, technique.head) == ("mislas", "scaled")
    body, head = technique.schedule(TrainingContext(SPLIT, 10))
    assert (body.phase, body.kept) == (Phase(sampled=False, weighted=False), False)
    phase = Phase(power=0.0, mixed=False, trained="head", lr_factor=0.5, moving_statistics=True, scales_lr=1.0)
    assert head == Stage(1 - body.share, phase)


def test_the_ledger_counts_what_the_last_stage_does() -> None:
    def removed(name: str, **parameters: float) -> float | None:
        return get_technique(name).ledger(TrainingContext(SPLIT, split_counts=SPLIT), **parameters).removed

    assert removed("drs") == removed("progressive") == removed("crt") == removed("shifted_bn") == pytest.approx(1)
    assert removed("lws") is removed("mislas") is None, "a factor is no shift, and smoothing has no closed form"
    # 1 - .9999^n: .0860 of 900 images and .00995 of 100, so weights 1 to 8.65 where n^-1 gives 1 to 9.
    weights = (1 - 0.9999 ** np.array([900, 100])) ** -1
    assert removed("drw") == pytest.approx(np.log(weights[1] / weights[0]) / np.log(9))
    assert removed("class_weights+drs") == pytest.approx(1)
