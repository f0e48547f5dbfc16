"""What techniques and groups become behind a frozen body, and what can't be there."""

from __future__ import annotations

import pytest

from balancing.components.conflicts import conflicts
from balancing.components.frozen_forms import frozen_form
from balancing.components.groups import GROUPS, BehindFrozen, expand, left_behind
from balancing.components.techniques import get_technique, techniques
from balancing.errors import UserError


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("baseline", "baseline"),
        ("undersampling", "undersampling"),
        ("power_sampling", "power_sampling"),
        ("smote", "smote@features"),
        ("enn", "enn@features"),
        ("nearmiss", "nearmiss@features"),
        ("mixup_drw", "mixup@features+drw"),
        ("smote+mixup+class_weights", "smote@features+mixup@features+class_weights"),
        ("smote@features+crt", "decoupled_smote"),
        ("baseline+threshold", "baseline+threshold"),
        ("smote+threshold", "smote@features+threshold"),
    ],
)
def test_what_looks_at_distances_or_mixes_works_on_features(name: str, form: str) -> None:
    assert frozen_form(get_technique(name)).name == form


def test_every_technique_has_a_form_that_is_not_refused_or_a_reason() -> None:
    """No reason names a technique or says what to take: these are for one that was asked for by name."""
    without = {}
    for technique in techniques():
        try:
            form = frozen_form(technique)
        except UserError as error:
            without[technique.name] = str(error)
            continue
        assert not any(conflict.refused for conflict in conflicts(form.behind_frozen()))
        for part in form.parts:
            assert part.axis != "mixer" or "mixer" in form.on_features
            assert part.axis != "sampler" or not part.mixes or "sampler" in form.on_features
    changing_images = {t.name for t in techniques() if t.part("augmentation")}
    assert set(without) == {*changing_images, "cutmix", "shifted_bn", "mislas"}
    assert not any("technique '" in why or ";" in why for why in without.values())


def test_views_let_augmentations_in() -> None:
    augmentation = get_technique("augmentation")
    with pytest.raises(UserError, match="without --views"):
        frozen_form(augmentation)
    assert frozen_form(augmentation, views=4) == augmentation
    assert expand(["augmentations"], behind=BehindFrozen()) == ["baseline"]
    assert set(expand(["augmentations"], behind=BehindFrozen(4))) == set(expand(["augmentations"]))


@pytest.mark.parametrize("group", GROUPS)
def test_a_group_stands_for_the_forms_of_its_members(group: str) -> None:
    members, there = expand([group]), expand([group], behind=BehindFrozen())
    gone = left_behind([group], BehindFrozen())
    assert there == [frozen_form(get_technique(name)).name for name in members if name not in gone]
    assert set(gone) <= set(members)
    assert there[0] == "baseline"


def test_what_is_asked_for_by_name_stays_as_it_was_asked_for() -> None:
    assert expand(["smote", "samplers"], behind=BehindFrozen())[0] == "smote"
    assert expand(["smote", "samplers"], groups=False, behind=BehindFrozen()) == ["smote"]
    assert left_behind(["cutmix", "around:smote+class_weights"], BehindFrozen()) == {}


def test_around_a_composition_on_features_stand_those_that_a_frozen_body_allows() -> None:
    around = "around:smote@features+class_weights"
    assert expand([around], behind=BehindFrozen()) == [
        *("baseline", "smote@features+class_weights", "class_weights", "smote@features"),
    ]
    assert "smote@features" not in expand([around]), "without a frozen body no head alone trains there"


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("shifted_bn", "batch-norm statistics .* a frozen network has none; take lws or crt"),
        ("mixup", "mixup mixes images in each step, .*; take mixup@features"),
        ("cutmix@features", "CutMix cuts boxes .* features have none; take mixup@features"),
    ],
)
def test_what_cannot_be_is_refused_with_the_next_step(name: str, why: str) -> None:
    import re

    refused = [one.sentence for one in conflicts(get_technique(name).behind_frozen()) if one.refused]
    assert any(re.search(why, sentence) for sentence in refused)
