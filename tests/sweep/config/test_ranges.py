"""A range is searched alike whether a configuration was written by its user or read again from a run's config.yaml."""

from __future__ import annotations

from typing import Any

import pytest

from balancing.components.ranges import Choice, Interval, IntRange
from balancing.components.techniques import get_technique, techniques
from balancing.errors import UserError
from sweep.config.config import Config, build_config
from sweep.config.strict_yaml import read_yaml
from sweep.hyperparameters import HYPERPARAMETERS
from sweep.planning.space import trial_specs

# Ends that every rule of the hyperparameter allows, also the logarithm's.
ENDS = {
    "lr": (1e-5, 1e-2),
    "epochs": (2, 9),
    "strength": (0.125, 1.0),
    "batch_size": (8, 64),
    "weight_decay": (1e-6, 0.1),
}
OWN = [
    (technique.name, key, spec)
    for technique in (*techniques(), get_technique("undersampling+class_weights"), get_technique("smote+class_weights"))
    for key, spec in technique.parameters.items()
    if not isinstance(spec, Choice)
]


def forms(low: float, high: float, *, whole: bool) -> list[Any]:
    """Every way to write a range."""
    mappings = [{"low": low, "high": high, "log": log} for log in ((False,) if whole else (False, True))]
    return [f"{low!r}..{high!r}", {"low": low, "high": high}, *mappings]


def read_again(config: Config) -> Config:
    return build_config(read_yaml(config.to_yaml(), "config.yaml"))


def assert_searches_alike(config: Config) -> None:
    again = read_again(config)
    assert again == config
    assert trial_specs(again) == trial_specs(config)


def test_every_hyperparameter_is_among_the_laws() -> None:
    assert set(ENDS) == {shared.name for shared in HYPERPARAMETERS}
    assert {"smote", "undersampling"} <= {name for name, _, _ in OWN}


@pytest.mark.parametrize("shared", HYPERPARAMETERS, ids=lambda shared: shared.name)
def test_a_range_of_a_shared_hyperparameter_is_read_again_as_it_was_written(shared: Any) -> None:
    for form in forms(*ENDS[shared.name], whole=shared.kind is int):
        config = build_config({"space": {shared.name: form}})
        assert isinstance(getattr(config.space, shared.name), Interval)
        assert_searches_alike(config)


@pytest.mark.parametrize(("name", "key", "spec"), OWN, ids=lambda part: part if isinstance(part, str) else "")
def test_a_range_of_a_techniques_parameter_is_read_again_as_it_was_written(name: str, key: str, spec: Any) -> None:
    whole = isinstance(spec, IntRange)
    low = spec.low if spec.low > 0 else spec.low + (1 if whole else (spec.high - spec.low) / 8)
    for form in forms(low, spec.high, whole=whole):
        config = build_config({"space": {"techniques": [name], "parameters": {name: {key: form}}}})
        assert isinstance(config.space.parameters[get_technique(name).name][key], Interval)
        assert_searches_alike(config)


def test_a_range_is_written_as_text_where_the_text_says_all() -> None:
    space = read_yaml(
        build_config({"space": {"lr": "1e-4..1e-2", "strength": {"low": 0.125, "high": 1, "log": True}}}).to_yaml(),
        "it",
    )["space"]
    assert space["lr"] == "0.0001..0.01"
    assert space["strength"] == {"low": 0.125, "high": 1.0, "log": True}


def test_a_logarithmic_range_of_a_techniques_parameter_is_drawn_so() -> None:
    """Between 0.001 and 1 half of the draws lie below 0.0316; drawn uniformly one in thirty does."""
    written = {"low": 0.001, "high": 1.0, "log": True}
    space = {"techniques": ["smote"], "trials": 60, "seeds": 1, "parameters": {"smote": {"sampling_strategy": written}}}
    drawn = [spec.parameters["sampling_strategy"] for spec in trial_specs(build_config({"space": space}))]
    assert len(drawn) == 60
    assert 15 <= sum(value < 0.0316 for value in drawn) <= 45


@pytest.mark.parametrize(
    ("space", "told"),
    [
        ({"epochs": {"low": 1, "high": 9, "log": True}}, "space.epochs is drawn uniformly from whole numbers"),
        (
            {"parameters": {"smote": {"k_neighbors": {"low": 1, "high": 9, "log": True}}}},
            "smote.k_neighbors is drawn uniformly from whole numbers",
        ),
        ({"strength": {"low": 0, "high": 1, "log": True}}, "a logarithmic range must start above 0, but starts at 0"),
        ({"lr": "0..1"}, "a learning rate must be above 0, but the range starts at 0"),
    ],
)
def test_a_logarithm_that_cannot_be_drawn_is_refused_in_one_sentence(space: dict[str, Any], told: str) -> None:
    with pytest.raises(UserError, match=told) as refused:
        build_config({"space": space})
    assert "\n" not in str(refused.value)
