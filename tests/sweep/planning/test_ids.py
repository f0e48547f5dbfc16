"""A trial's id follows everything that can change its numbers, and nothing else."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from typing import Any

import pytest

from balancing.errors import UserError
from sweep.hyperparameters import HYPERPARAMETERS
from sweep.runs.spec import TrialSpec
from tests.sweep.planning.spaces import RANGES, specs_of

A_SPEC = TrialSpec("smote", lr=0.01, epochs=3, seed=5, parameters={"k_neighbors": 5, "sampling_strategy": 1.0})
OTHERWISE: dict[str, Any] = {
    "technique": "borderline_smote",
    "lr": 0.010000000000000002,
    "epochs": 4,
    "seed": 6,
    "parameters": {"k_neighbors": 4, "sampling_strategy": 1.0},
    "strength": 0.5,
    "batch_size": 16,
    "image_size": 225,
    "weights": "imagenet",
    "metric": "f1",
    "precision": "bfloat16",
    "mean": 0.4,
    "std": 0.25,
    "positive": 0,
    "data": "abc",
    "split": "abc",
    "budget": "steps",
    "optimizer": "sgd",
    "lr_schedule": "cosine",
    "warmup": 0.1,
    "keep_from": 0.5,
    "stem": "small",
    "network": "frozen:resnet18",
    "hidden": 16,
    "views": 4,
    "components": {"loss": "my_loss@0123456789ab"},
    **{shared.name: shared.most for shared in HYPERPARAMETERS if shared.later},
}
LABELS = {"draw", "seed_index"}


def test_the_id_laws_below_cover_every_field() -> None:
    assert set(OTHERWISE) | LABELS == {f.name for f in fields(TrialSpec)}


@pytest.mark.parametrize("name", OTHERWISE)
def test_what_can_change_numbers_changes_the_id(name: str) -> None:
    changed = replace(A_SPEC, **{name: OTHERWISE[name]})
    assert changed.trial_id != A_SPEC.trial_id
    assert (changed.configuration_id == A_SPEC.configuration_id) == (name == "seed")


@pytest.mark.parametrize("name", sorted(LABELS))
def test_labels_for_people_change_no_id(name: str) -> None:
    changed = replace(A_SPEC, **{name: 9})
    assert changed.trial_id == A_SPEC.trial_id
    assert changed.configuration_id == A_SPEC.configuration_id


def test_a_field_that_came_later_leaves_earlier_ids_as_they_were() -> None:
    assert "components" not in A_SPEC.to_dict()
    assert A_SPEC.trial_id == "4c507b337119"


def test_the_first_recipe_leaves_ids_as_they_were() -> None:
    said = {"budget": "epochs", "optimizer": "adam", "lr_schedule": "constant", "warmup": 0.0, "stem": "imagenet"}
    said["keep_from"] = 0.0
    assert replace(A_SPEC, **said).trial_id == A_SPEC.trial_id
    assert set(said) & set(A_SPEC.to_dict()) == set()


def test_three_channels_come_back_from_a_file_as_they_were() -> None:
    spec = replace(A_SPEC, mean=(0.5, 0.4, 0.3))
    read = TrialSpec.from_dict(json.loads(json.dumps(spec.to_dict())))
    assert (read, read.trial_id) == (spec, spec.trial_id)
    assert spec.trial_id != A_SPEC.trial_id


def test_a_key_that_may_change_numbers_is_not_passed_over() -> None:
    with pytest.raises(UserError, match="was made with 'loss', which this version does not know; use the version in"):
        TrialSpec.from_dict({**A_SPEC.to_dict(), "loss": "focal"})


def test_ids_forget_the_order_of_parameters_and_the_way_through_a_file() -> None:
    turned = replace(A_SPEC, parameters=dict(reversed(A_SPEC.parameters.items())))
    assert list(turned.parameters) != list(A_SPEC.parameters)
    assert turned.trial_id == A_SPEC.trial_id
    for spec in (A_SPEC, *specs_of(*RANGES, "space.trials=3", "space.search_parameters=true")):
        read = TrialSpec.from_dict(json.loads(json.dumps({"trial_id": "x", **spec.to_dict()})))
        assert read == spec
        assert read.trial_id == spec.trial_id


def test_ids_do_not_depend_on_how_a_number_was_written_or_where_trials_run() -> None:
    options = [
        "space.lr=0.010",
        "space.epochs=3.0",
        "space.strength=0.0",
        "resources.max_concurrent=2",
        "sweep.retries=0",
    ]
    plain = [s.trial_id for s in specs_of("space.lr=1e-2", "space.epochs=3", "space.strength=0")]
    assert [s.trial_id for s in specs_of(*options)] == plain
