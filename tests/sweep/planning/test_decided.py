"""Techniques that decide anew have no trials but those of the technique that they decide on."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from balancing.components.techniques import get_technique
from balancing.errors import UserError
from sweep.cli.plan_view import decided_lines
from sweep.config.config import build_config
from sweep.config.size import n_trials, trained
from sweep.config.values import decision_parameters
from sweep.planning.rounds import OptunaRounds
from sweep.planning.space import trial_specs
from tests.sweep.planning.spaces import RANGES, config_of, specs_of

_POSTHOC = "posthoc_logit_adjustment"


def test_a_decision_adds_no_trial_to_those_that_it_decides_on() -> None:
    options = (*RANGES, "space.trials=3", "space.seeds=2", "space.search_parameters=true")
    alone = specs_of(*options, "space.techniques=baseline,smote,ldam+drw")
    beside = "baseline,threshold,baseline+bcts,smote,smote+threshold,ldam+drw,ldam+drw+bcts"
    both = specs_of(*options, f"space.techniques={beside}")
    assert [spec.trial_id for spec in both] == [spec.trial_id for spec in alone]
    assert n_trials(config_of(*options, f"space.techniques={beside}")) == len(alone)


def test_what_a_decision_decides_on_is_trained_where_it_is_not_listed() -> None:
    alone = specs_of("space.techniques=baseline,smote")
    assert specs_of("space.techniques=threshold,smote+threshold,smote+bcts") == alone
    assert trained(config_of("space.techniques=smote+threshold")) == ["smote"]


def test_a_decisions_own_parameter_makes_no_draws_and_changes_no_trial() -> None:
    wanted = {f"smote+{_POSTHOC}": {f"{_POSTHOC}.tau": 0.5}, f"baseline+{_POSTHOC}": {"tau": 2}}
    space = {"techniques": [f"smote+{_POSTHOC}", "smote"], "parameters": wanted, "search_parameters": False}
    config = build_config({"space": space})
    assert trial_specs(config) == specs_of("space.techniques=smote")
    found = {name: decision_parameters(get_technique(name), config.space.parameters) for name in wanted}
    assert found == {f"smote+{_POSTHOC}": {"tau": 0.5}, f"baseline+{_POSTHOC}": {"tau": 2.0}}
    assert decision_parameters(get_technique(f"undersampling+{_POSTHOC}"), wanted) == {"tau": 1.0}
    assert decision_parameters(get_technique("smote"), wanted) == {}


@pytest.mark.parametrize("value", ["0,1", "0.5..1", [0.5, 1.0]])
def test_a_decision_takes_one_value_and_no_search(value: object) -> None:
    with pytest.raises(UserError, match="one value and no search"):
        build_config({"space": {"parameters": {_POSTHOC: {"tau": value}}}})


def test_what_trains_is_parameterised_by_its_own_name() -> None:
    with pytest.raises(UserError, match="give it as a parameter of 'smote'"):
        build_config({"space": {"parameters": {"smote+threshold": {"k_neighbors": 3}}}})


def test_contradictions_are_refused_with_a_decision_too() -> None:
    with pytest.raises(UserError, match="PESG"):
        config_of("space.techniques=aucm+threshold")


def test_a_search_asks_for_no_more_trials_and_no_other_ones() -> None:
    pytest.importorskip("optuna")
    options = ("sweep.search=optuna", "space.lr=1e-4..1e-2", "space.trials=2", "space.seeds=1")
    alone, beside = (
        OptunaRounds(config_of(*options, f"space.techniques={names}"), {})
        for names in ("baseline,undersampling", "baseline,threshold,undersampling,undersampling+bcts")
    )
    assert beside.total == alone.total == 4
    assert beside.next_round() == alone.next_round()


def test_a_plan_tells_what_is_decided_without_trials() -> None:
    console = Console(file=io.StringIO(), width=200)
    for line in decided_lines(config_of("space.techniques=smote,smote+threshold,baseline")):
        console.print(line)
    assert "without training: smote+threshold." in console.file.getvalue()  # type: ignore[attr-defined]
    assert decided_lines(config_of("space.techniques=smote,baseline")) == []
