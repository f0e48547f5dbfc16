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
    if not isinstance(spec, Choice) and not technique.trained_as  # a decision has one value, for nothing is drawn
]


def forms(low: float, high: float, *, whole: bool) -> list[Any]:
    """Every way to write a range."""
    logs = (False,) if whole or low <= 0 else (False, True)
    mappings = [{"low": low, "high": high, "log": log} for log in logs]
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
    low = spec.low if spec.low != 0 else 1 if whole else spec.high / 8
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


def test_a_range_written_as_text_is_drawn_as_the_parameter_is_searched() -> None:
    """As a learning rate's: in the logarithm where the component declares so; said otherwise, uniformly."""
    wanted = {"effective_number": {"one_minus_beta": "1e-4..1e-1"}, "focal": {"gamma": "0.5..2"}}
    config = build_config({"space": {"techniques": ["effective_number"], "trials": 60, "parameters": wanted}})
    assert config.space.parameters["effective_number"]["one_minus_beta"] == Interval(1e-4, 1e-1, log=True)
    assert config.space.parameters["focal"]["gamma"] == Interval(0.5, 2.0)
    drawn = [spec.parameters["one_minus_beta"] for spec in trial_specs(config) if spec.seed_index == 0]
    assert len(drawn) == 60
    assert 15 <= sum(value < 0.00316 for value in drawn) <= 45  # uniformly 2 of 60 would be
    written = read_yaml(config.to_yaml(), "it")["space"]["parameters"]
    assert written["effective_number"]["one_minus_beta"] == "0.0001..0.1"
    uniform = {"effective_number": {"one_minus_beta": {"low": 1e-4, "high": 1e-1, "log": False}}}
    config = build_config({"space": {"techniques": ["effective_number"], "parameters": uniform}})
    assert config.space.parameters["effective_number"]["one_minus_beta"] == Interval(1e-4, 1e-1)
    assert_searches_alike(config)


def test_a_range_from_0_of_a_logarithmic_parameter_is_drawn_uniformly() -> None:
    config = build_config({"space": {"techniques": ["sam"], "parameters": {"sam": {"rho": "0..0.1"}}}})
    assert config.space.parameters["sam"]["rho"] == Interval(0.0, 0.1)
    assert_searches_alike(config)


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
