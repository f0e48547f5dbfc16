"""What depends on the data: class counts of a plan without its images, double corrections, and what has no effect."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from balancing.components.axes import TrainingContext, TrainingData
from balancing.components.doubts import double_correction, doubts, planned_counts
from balancing.components.laws.common import make_data
from balancing.components.losses.effective_number import effective_weights
from balancing.components.techniques import get_technique, techniques

SPLIT = (180, 20)


def data_of(counts: tuple[int, ...] = SPLIT) -> TrainingData:
    """Training rows of black images of one pixel: class counts are all that may matter."""
    labels = np.repeat(np.arange(len(counts)), counts)
    return TrainingData(np.zeros((len(labels), 1, 1), np.uint8), labels, np.arange(len(labels)), len(counts))


def context_of(name: str, epochs: int = 10, batch_size: int = 32, **parameters: Any) -> TrainingContext:
    technique, data = get_technique(name), data_of()
    counts = planned_counts(technique, data, technique.complete(parameters))
    assert counts is not None
    return TrainingContext(counts, epochs, split_counts=data.class_counts, batch_size=batch_size)


def taken_out(name: str, **parameters: Any) -> float | None:
    return get_technique(name).ledger(context_of(name, **parameters), **parameters).removed


@pytest.mark.parametrize(
    "technique",
    [t for t in techniques() if t.axes == ("sampler",) and t.parts[0].prior_effect == "kept"],
    ids=lambda technique: technique.name,
)
@pytest.mark.parametrize("strategy", [1.0, 0.6])
def test_counts_that_are_told_beforehand_are_the_plans(technique: Any, strategy: float) -> None:
    data = make_data((60, 24, 12))
    own = technique.complete({k: strategy for k in ("sampling_strategy",) if k in technique.parameters})
    found = planned_counts(technique, data, own)
    assert found is not None
    assert found.tolist() == technique.build(data, 3, **own).class_counts(3).tolist()


def test_counts_that_only_the_images_tell_are_not_told_beforehand() -> None:
    for name in ("enn", "adasyn", "smote_enn+class_weights"):
        technique = get_technique(name)
        assert planned_counts(technique, data_of(), technique.complete({})) is None


def test_what_is_deferred_counts_in_the_ledger() -> None:
    """DRW ends with the weights of effective numbers: T is 1 minus the slope that they leave."""
    weights = effective_weights(np.array(SPLIT), 1e-4)
    slope = 1 - (np.log(weights[1]) - np.log(weights[0])) / np.log(SPLIT[0] / SPLIT[1])
    assert taken_out("drw") == pytest.approx(1 - slope)
    assert taken_out("drw") == pytest.approx(0.99, abs=0.01)
    assert taken_out("drw", one_minus_beta=0.1) < 0.1  # type: ignore[operator]
    assert taken_out("ldam_drw") is None
    assert taken_out("crt") == taken_out("drs") == pytest.approx(1)


@pytest.mark.parametrize(
    ("name", "parameters", "total"),
    [
        ("balanced_softmax+drw", {}, 1.99),
        ("logit_adjusted", {"tau": 1.5}, 1.5),
        ("power_sampling+logit_adjusted", {"logit_adjusted.tau": 2.0, "power_sampling.power": 0.5}, 1.5),
        ("posthoc_logit_adjustment", {"tau": 1.5}, 1.5),
        ("balanced_mixup+balanced_softmax", {}, None),
    ],
)
def test_more_than_the_prior_is_a_double_correction(name: str, parameters: Any, total: float | None) -> None:
    found = double_correction(get_technique(name), context_of(name, **parameters), parameters)
    assert found is not None
    assert found.removed > 1.1
    assert total is None or found.removed == pytest.approx(total, abs=0.01)
    assert f"technique '{name}'" in str(found).replace("baseline+", "")
    assert "--allow-double-correction" in str(found)


@pytest.mark.parametrize("split", [(500, 501), (10, 10, 11), (29, 30)])
def test_a_row_more_or_less_of_classes_that_are_alike_corrects_nothing_twice(split: tuple[int, ...]) -> None:
    """Equal masses of 1,001 rows are 501 and 500: of a split of 500 and 501 that is T = 2."""
    technique = get_technique("power_sampling+effective_number")
    own = technique.complete({"power": 0.0, "one_minus_beta": 0.1})
    counts = planned_counts(technique, make_data(split, size=1), own)
    assert counts is not None
    assert double_correction(technique, TrainingContext(counts, split_counts=np.array(split)), own) is None


@pytest.mark.parametrize(
    "name",
    [
        *("baseline", "undersampling+class_weights", "oversampling+balanced_softmax", "crt+logit_adjusted", "drw"),
        *("class_weights+posthoc_logit_adjustment", "mixup_drw", "vs+drw", "progressive+class_weights"),
    ],
)
def test_no_more_than_the_prior_or_not_known_is_none(name: str) -> None:
    assert double_correction(get_technique(name), context_of(name), {}) is None


def test_no_searched_range_corrects_twice_by_itself() -> None:
    for technique in techniques():
        for end in ("low", "high"):
            own = technique.complete({k: getattr(s, end) for k, s in technique.parameters.items() if hasattr(s, end)})
            counts = planned_counts(technique, data_of(), own)
            if counts is not None:
                context = TrainingContext(counts, 10, split_counts=np.array(SPLIT))
                assert double_correction(technique, context, own) is None, technique.name


@pytest.mark.parametrize(
    ("name", "more", "sentence"),
    [
        ("drw", {"epochs": 3}, "of 3 epochs the balance comes in the last 0.6 alone"),
        ("drs", {"epochs": 4}, "of 4 epochs the balance comes in the last 0.8 alone"),
        ("progressive", {"epochs": 1}, "in 1 epoch there is nothing to progress"),
        ("smote+class_weights", {}, "rows of SMOTE have classes alike, so Class weights finds nothing left to correct"),
        ("undersampling+logit_adjusted", {}, "so Logit-adjusted finds nothing left to correct"),
        ("soft_f_beta", {"batch_size": 8}, "a batch of 8 has 0.8 images of the smallest class on average"),
        ("balanced_softmax+posthoc_logit_adjustment", {}, "post-hoc logit adjustment changes nothing"),
    ],
)
def test_what_has_no_effect_on_such_data_is_told(name: str, more: dict[str, Any], sentence: str) -> None:
    technique = get_technique(name)
    (told_once,) = doubts(technique, context_of(name, **more), technique.complete({}))
    assert told_once.startswith(f"technique '{technique.name}': ")
    assert sentence in told_once


def test_remix_is_mixup_where_no_class_is_rare_enough() -> None:
    remix = get_technique("remix")
    (told,) = doubts(remix, context_of("remix"), remix.complete({"kappa": 12.0}))
    assert "the largest class is 9.0 times the smallest, below ReMix's kappa of 12, so it never differs" in told
    assert doubts(remix, context_of("remix"), remix.complete({})) == []


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("baseline", {}),
        ("drw", {}),
        ("smote+class_weights", {"smote.sampling_strategy": 0.5}),
        ("undersampling+focal", {}),
        ("soft_f_beta", {}),
        ("crt+balanced_softmax", {}),
        ("class_weights+posthoc_logit_adjustment", {"class_weights.power": 0.5}),
    ],
)
def test_what_has_an_effect_is_not_doubted(name: str, parameters: dict[str, Any]) -> None:
    technique = get_technique(name)
    assert doubts(technique, context_of(name, **parameters), technique.complete(parameters)) == []
