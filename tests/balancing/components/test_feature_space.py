"""``@features``: how it is written, in which stages it works, and what it costs."""

from __future__ import annotations

import numpy as np
import pytest

from balancing.components.axes import Phase, Stage, TrainingContext, TrainingData
from balancing.components.doubts import planned_counts
from balancing.components.feature_space import placed
from balancing.components.groups import cost, expand, is_cheap
from balancing.components.techniques import get_technique
from balancing.errors import UserError
from balancing.resampling import resample

BODY = Stage(0.75, Phase(sampled=False), kept=False)
HEAD = Stage(0.25, Phase(power=0.0, mixed=False, trained="head", new_head=True))


def test_the_space_is_part_of_the_name_and_of_the_identity() -> None:
    found = get_technique("crt+focal+enn@features")
    assert (found.name, found.label) == ("enn@features+focal+crt", "ENN on features + Focal + cRT")
    assert found.components == {"sampler": "enn@features", "loss": "focal", "schedule": "crt"}
    assert found.key_of("n_neighbors") == "enn.n_neighbors"
    assert found.draw_key("enn.n_neighbors") == get_technique("enn").draw_key("n_neighbors"), "paired with pixels'"


def test_pixels_may_be_written_and_are_what_is_meant_else() -> None:
    assert get_technique("smote@pixels") == get_technique("smote")
    assert get_technique("focal+smote@pixels") == get_technique("smote+focal")


def test_smote_on_features_with_classifier_re_training_has_a_name() -> None:
    for written in ("decoupled_smote", "crt+smote@features", "smote@features + crt"):
        assert get_technique(written).name == "decoupled_smote"
    assert get_technique("decoupled_smote+threshold").on_features == {"sampler"}
    assert get_technique("decoupled_smote+focal").name == "smote@features+focal+crt"


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("smote@feature+crt", r"unknown space 'feature' of 'smote@feature'; did you mean 'features'\?$"),
        ("smote@", "unknown space '' of 'smote@'; there are: features, pixels$"),
        ("smot@features+crt", r"unknown technique 'smot'; did you mean 'smote'\?$"),
        ("focal@features+crt", "'focal' of 'focal@features' is of the axis loss, which has no space; leave out"),
        ("rotate_flip@features+crt", "is of the axis augmentation, which has no space; leave out @features"),
        ("ldam_drw@features", "'ldam_drw' of 'ldam_drw@features' is no sampler or mixer, so it works in no space"),
        ("@features+crt", "'@features' names no component before '@'; write it as smote@features"),
    ],
)
def test_what_has_no_space_is_refused_by_a_sentence(name: str, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        get_technique(name)


def test_pixels_are_not_resampled_in_place_of_features() -> None:
    with pytest.raises(UserError, match="samples the features of a network, and here are pixels alone; take 'smote'"):
        resample("smote@features+crt", np.zeros((4, 2), np.uint8), [0, 0, 1, 1])


def test_around_takes_away_what_leaves_something_to_train() -> None:
    found = expand(["around:eos@features+focal+crt"])
    assert found == ["baseline", "eos@features+focal+crt", "focal+crt", "eos@features+crt"]


def test_what_works_on_features_works_where_a_head_alone_is_trained() -> None:
    on_features = Phase(mixed=False, trained="head", new_head=True, space="features")
    assert placed((BODY, HEAD), sampler=True, mixer=False) == (BODY, Stage(0.25, on_features))
    body, head = placed((BODY, HEAD), sampler=False, mixer=True)
    assert (body.phase.mixed, head.phase.mixed, head.phase.power, head.phase.space) == (False, True, 0.0, "features")
    everything = (Stage(1.0),)
    assert placed(everything, sampler=True, mixer=True) == (Stage(1.0, Phase(sampled=False, mixed=False)),)


def test_where_nothing_works_on_features_a_schedule_stays_as_it_is() -> None:
    assert placed((BODY, HEAD), sampler=False, mixer=False) == (BODY, HEAD)
    heads = Stage(0.25, Phase(power=0.0, trained="head", space="features", heads=4))
    (found,) = placed((heads,), sampler=True, mixer=False)
    assert (found.phase.sampled, found.phase.power, found.phase.mixed) == (False, 0.0, False)


def test_what_the_prior_becomes_follows_from_the_rows_of_the_last_stage() -> None:
    labels = np.repeat([0, 1], [80, 20])
    data = TrainingData(np.zeros((100, 1, 1), np.uint8), labels, np.arange(100), 2)

    def removed(name: str, **parameters: float) -> float | None:
        technique = get_technique(name)
        own = technique.complete(parameters)
        counts = planned_counts(technique, data, own)
        if counts is None:
            return None
        return technique.ledger(TrainingContext(counts, 10, split_counts=data.class_counts), **own).removed

    assert removed("smote@features+crt") == removed("easy_ensemble") == pytest.approx(1)
    # 80 to 40: half of log 4 is left.
    assert removed("smote@features+crt", sampling_strategy=0.5) == pytest.approx(0.5)
    assert removed("undersampling@features+crt", sampling_strategy=0.5) == pytest.approx(0.5)
    assert removed("power_sampling@features+crt", **{"power_sampling.power": 1.0}) == pytest.approx(0)
    assert removed("eos@features+crt") is None


def test_steps_on_features_cost_nothing_beside_the_others() -> None:
    assert cost(get_technique("smote@features+crt")) == pytest.approx(0.75)
    context = TrainingContext(np.array([9, 1]), 5)
    assert cost(get_technique("easy_ensemble"), context, share=0.4) == pytest.approx(0.6)
    assert cost(get_technique("smote@features+sam+crt"), context, **{"crt.share": 0.5}) == pytest.approx(1)
    assert is_cheap(get_technique("easy_ensemble"))
    assert not is_cheap(get_technique("decoupled_smote")), "it searches neighbours"
