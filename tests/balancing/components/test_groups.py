"""Groups of techniques, and compositions with a part taken away."""

from __future__ import annotations

import pytest

from balancing.components.conflicts import conflicts
from balancing.components.groups import GROUPS, cost, expand, is_cheap
from balancing.components.techniques import get_technique, techniques
from balancing.errors import UserError


def test_all_has_each_technique_once_and_the_baseline_first() -> None:
    found = expand(["all"])
    assert found[0] == "baseline"
    assert len(found) == len(set(found))
    assert set(found) <= {technique.name for technique in techniques()}
    assert {"smote", "class_weights", "crt"} <= set(found)


@pytest.mark.parametrize(
    ("group", "there", "not_there"),
    [
        ("samplers", {"baseline", "undersampling", "smote"}, {"class_weights", "augmentation"}),
        ("losses", {"baseline", "class_weights"}, {"smote", "crt"}),
        ("schedules", {"baseline", "crt", "drs"}, {"smote"}),
        ("augmentations", {"baseline", "augmentation"}, {"smote", "rotate_flip"}),
        ("cheap", {"baseline", "undersampling", "class_weights"}, {"smote", "borderline_smote"}),
    ],
)
def test_a_group_has_what_its_name_says(group: str, there: set[str], not_there: set[str]) -> None:
    assert group in GROUPS
    found = set(expand([group]))
    assert there <= found
    assert not found & not_there


def test_names_and_groups_mix_and_repeat_nothing() -> None:
    assert expand(["smote", "class_weights + undersampling", "undersampling+class_weights"]) == [
        "smote",
        "undersampling+class_weights",
    ]
    assert expand(["losses", "class_weights"]).count("class_weights") == 1


def test_around_a_composition_stand_those_with_a_part_less() -> None:
    assert expand(["around:smote+class_weights+drs"]) == [
        "baseline",
        "smote+class_weights+drs",
        "class_weights+drs",
        "smote+drs",
        "smote+class_weights",
    ]
    assert expand(["around:smote+class_weights"]) == [
        "baseline",
        "smote+class_weights",
        "class_weights",
        "smote",
    ]


def test_around_a_named_composition_stand_its_parts() -> None:
    assert expand(["around:ldam_drw"]) == expand(["around:drw + ldam"]) == ["baseline", "ldam_drw", "drw", "ldam"]
    assert expand(["around:ldam+drw+mixup"]) == [
        *("baseline", "mixup+ldam+drw", "ldam_drw", "mixup_drw", "mixup+ldam"),
    ]


def test_a_group_that_is_nearly_written_is_suggested() -> None:
    for written, meant in (("loses", "losses"), ("sampler", "samplers"), ("All", "all"), ("smot", "smote")):
        with pytest.raises(UserError, match=rf"unknown technique '{written}'; did you mean '{meant}'\?"):
            expand([written])
    with pytest.raises(UserError, match="unknown technique 'xyzzy'; there are: .*smote"):
        expand(["xyzzy"])


def test_what_would_be_refused_stands_around_nothing() -> None:
    assert expand(["around:deep_auc"]) == ["baseline", "deep_auc"]
    assert expand(["around:aucm+pesg+mixup"]) == ["baseline", "mixup+aucm+pesg", "deep_auc"]


def test_a_group_has_no_technique_that_would_be_refused() -> None:
    assert not set(expand(["losses"])) & {"aucm"}
    assert not [c for name in expand(["all"]) for c in conflicts(get_technique(name)) if c.refused]


def test_nothing_is_taken_away_from_one_component() -> None:
    with pytest.raises(UserError, match="'smote' is one alone; give a composition such as around:ldam"):
        expand(["around:smote"])
    with pytest.raises(UserError, match=r"unknown technique 'smot'; did you mean 'smote'\?"):
        expand(["around:smot+drs"])


def test_a_technique_costs_what_its_parts_cost_together() -> None:
    assert cost(get_technique("baseline")) == cost(get_technique("class_weights+drs")) == 1
    assert is_cheap(get_technique("undersampling+class_weights"))
    assert not is_cheap(get_technique("smote+class_weights"))
