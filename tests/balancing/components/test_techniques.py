"""Compositions: one name, one order, parameters that don't collide, and what a name says of what trains."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import torch

from balancing.components.axes import Phase, Stage, TrainingContext
from balancing.components.decorators import loss, mixer, schedule
from balancing.components.laws.common import assert_same_plan, make_data
from balancing.components.losses.cross_entropy import cross_entropy
from balancing.components.named import NAMED, STUDY
from balancing.components.ranges import FloatRange
from balancing.components.registry import COMPONENTS
from balancing.components.techniques import get_technique, techniques
from balancing.errors import UserError
from tests.balancing.components.registered import keep_registry

COUNTS = np.array([40, 16])


def make_alphas(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mixer and a loss that both have a parameter ``alpha``."""
    keep_registry(monkeypatch)

    @mixer(label="Alpha mixer", reference="here", alpha=FloatRange(0, 1, default=0.25))
    def alpha_mixer(context: TrainingContext, *, alpha: float) -> Any:
        """Mixes."""
        return lambda x, partner, targets, others, generator: (x + alpha, targets)

    @loss(label="Alpha loss", reference="here", alpha=FloatRange(0, 1, default=0.75))
    def alpha_loss(context: TrainingContext, *, alpha: float) -> Any:
        """Scales."""
        return lambda logits, targets: alpha * cross_entropy(logits, targets)


def test_the_order_of_parts_is_that_of_the_axes_whatever_was_typed() -> None:
    found = get_technique("class_weights + undersampling")
    assert found.name == "undersampling+class_weights"
    assert found == get_technique(found.name)
    assert found.label == "Undersampling + Class weights"
    assert found.axes == ("sampler", "loss")
    assert get_technique("class_weights+augmentation+smote").name == "smote+augmentation+class_weights"


@pytest.mark.parametrize("name", [name for name, named in NAMED.items() if len(named.parts) > 1])
def test_a_composition_that_has_a_name_gets_it_whatever_the_order(name: str) -> None:
    parts, named = NAMED[name].parts, get_technique(name)
    for order in itertools.permutations(parts):
        assert get_technique("+".join(order)) == named
    assert (named.name, named.label) == (name, NAMED[name].label)
    assert tuple(named.written(part) for part in named.parts) == parts
    assert set(named.parameters) == {f"{part.name}.{key}" for part in named.parts for key in part.parameters}
    assert get_technique(f"threshold+{'+'.join(parts)}").name == f"{name}+threshold"


def test_what_is_composed_with_a_named_composition_has_one_name_however_it_is_typed() -> None:
    wanted = get_technique("mixup+ldam+drw")
    assert wanted.name == "mixup+ldam+drw"
    for typed in ("ldam_drw+mixup", "mixup_drw+ldam", "drw+mixup+ldam"):
        assert get_technique(typed) == wanted
    with pytest.raises(UserError, match="both of the axis schedule"):
        get_technique("ldam_drw+crt")


def test_each_part_does_its_own() -> None:
    found, data = get_technique("smote+class_weights"), make_data((40, 16))
    given = {"smote.k_neighbors": 3, "class_weights.power": 0.5}
    assert_same_plan(found.build(data, 1, **given), get_technique("smote").build(data, 1, k_neighbors=3))
    logits, targets = torch.randn(8, 2), torch.eye(2)[torch.arange(8) % 2]
    alone = get_technique("class_weights").loss(TrainingContext(COUNTS), power=0.5)
    assert torch.equal(found.loss(TrainingContext(COUNTS), **given)(logits, targets), alone(logits, targets))
    assert get_technique("smote").loss(TrainingContext(COUNTS)) is cross_entropy
    assert get_technique("smote").mix(TrainingContext(COUNTS)) is None
    assert get_technique("smote").schedule(TrainingContext(COUNTS)) == (Stage(1.0),)


def test_parameters_of_a_composition_are_named_with_their_component(monkeypatch: pytest.MonkeyPatch) -> None:
    make_alphas(monkeypatch)
    found = get_technique("undersampling+alpha_loss+alpha_mixer")
    assert found.complete({}) == {
        "undersampling.sampling_strategy": 1.0,
        "alpha_mixer.alpha": 0.25,
        "alpha_loss.alpha": 0.75,
    }
    assert found.complete({"sampling_strategy": 0.5})["undersampling.sampling_strategy"] == 0.5
    with pytest.raises(UserError, match="have a parameter 'alpha'; say alpha_mixer.alpha or alpha_loss.alpha"):
        found.complete({"alpha": 0.5})
    with pytest.raises(UserError, match=r"has no parameter 'alpha_los.alpha'; did you mean 'alpha_loss.alpha'\?"):
        found.complete({"alpha_los.alpha": 0.5})
    with pytest.raises(UserError, match=r"^alpha_loss.alpha must lie in 0..1, but is 3; the default is 0.75$"):
        found.complete({"alpha_loss.alpha": 3})
    keys = ["undersampling.sampling_strategy", "alpha_mixer.alpha", "alpha_loss.alpha"]
    assert [found.draw_key(key) for key in keys] == ["sampling_strategy", "mixer.alpha", "loss.alpha"]
    assert get_technique("alpha_loss").draw_key("alpha") == "loss.alpha"
    assert get_technique("smote").draw_key("k_neighbors") == "k_neighbors"


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("smote+undersampling", "'smote' and 'undersampling' of 'smote.undersampling' are both of the axis sampler"),
        ("smote+smote", "are both of the axis sampler"),
        ("smote+", "has a plus sign with nothing beside it"),
        ("+", "has a plus sign with nothing beside it"),
        ("baseline+smote", "'baseline' has no component that could be composed; leave it out of 'baseline\\+smote'"),
        ("smote+class_weight", r"unknown technique 'class_weight'; did you mean 'class_weights'\?"),
    ],
)
def test_parts_that_do_not_go_together_are_refused(name: str, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        get_technique(name)


def test_the_one_component_of_a_named_technique_is_that_technique() -> None:
    assert get_technique("rotate_flip") == get_technique("augmentation")
    names = [technique.name for technique in techniques()]
    assert "rotate_flip" not in names
    assert names[: len(STUDY)] == list(STUDY)
    assert set(NAMED) <= set(names)
    assert len(names) == len(set(names)) == len({technique.label for technique in techniques()})


def test_what_the_name_says_is_not_said_again(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [get_technique(name).components for name in (*STUDY, "class_weights")] == [{}] * 7
    assert get_technique("smote+class_weights").components == {"sampler": "smote", "loss": "class_weights"}
    assert get_technique("smote+augmentation").components == {"sampler": "smote", "augmentation": "rotate_flip"}
    make_alphas(monkeypatch)
    component = COMPONENTS.get("alpha_loss")
    assert component is not None
    assert get_technique("alpha_loss").components == {"loss": component.identity}
    assert component.identity.partition("@")[0] == "alpha_loss"


def test_the_ledger_adds_up_what_components_say(monkeypatch: pytest.MonkeyPatch) -> None:
    split = np.array([900, 100])

    def removed(name: str, plan: tuple[int, int] = (900, 100), **parameters: Any) -> float | None:
        return get_technique(name).ledger(TrainingContext(np.array(plan), split_counts=split), **parameters).removed

    assert removed("baseline") == removed("augmentation") == pytest.approx(0)
    assert removed("undersampling", (100, 100)) == pytest.approx(1)
    assert removed("oversampling", (900, 300)) == pytest.approx(0.5)  # 9 to 1 became 3 to 1
    assert removed("class_weights") == pytest.approx(1)
    assert removed("class_weights", power=0.5) == pytest.approx(0.5)
    assert removed("undersampling+class_weights", (100, 100)) == pytest.approx(1)
    assert removed("oversampling+class_weights", (900, 300), power=0.5) == pytest.approx(0.75)
    keep_registry(monkeypatch)

    @schedule(label="Once balanced", reference="here")
    def once_balanced(context: TrainingContext) -> Any:
        """Balanced at the end."""
        return Stage(0.5, Phase(sampled=False, weighted=False)), Stage(0.5, Phase(power=0.0))

    @loss(label="Not known", reference="here")
    def not_known(context: TrainingContext) -> Any:
        """Does something."""

    assert removed("once_balanced") == pytest.approx(1)
    assert removed("class_weights+once_balanced") == pytest.approx(1)
    assert removed("not_known") is None
    found = get_technique("not_known").ledger(TrainingContext(split, split_counts=split))
    assert found.unknown == ("not_known",)
    balanced = get_technique("class_weights").ledger(TrainingContext(split, split_counts=np.array([50, 50])))
    assert balanced.removed is None


def test_an_unknown_name_is_told_also_where_the_registry_lacks_a_part_of_a_named_technique(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The suggestion asks for names alone: it must not ask for parts, and so for suggestions, for ever."""
    keep_registry(monkeypatch)
    del COMPONENTS._known["rotate_flip"]
    with pytest.raises(UserError, match=r"^unknown technique 'smot'; did you mean 'smote'\?$"):
        get_technique("smot")
    with pytest.raises(UserError, match=r"^unknown technique 'rotate_flip'; "):
        get_technique("augmentation")
