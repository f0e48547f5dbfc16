"""Doubtful and refused compositions are told once the class counts are known, before anything trains."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from balancing.components.axes import TrainingData
from balancing.errors import UserError
from sweep.config.config import Config, build_config
from sweep.config.strict_yaml import read_yaml
from sweep.planning.compositions import check_compositions
from sweep.planning.prepare import load_data, prepare
from sweep.planning.space import trial_specs
from tests.sweep.planning.test_prepare import write_source


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Training 90 to 10."""
    return write_source(tmp_path_factory.mktemp("set") / "set.npz", train=(90, 10))


def config_of(source: Path, techniques: str, search: str = "grid", **space: Any) -> Config:
    return build_config(
        {
            "data": {"source": str(source), "image_size": 16},
            "space": {"techniques": techniques, "epochs": 6, **space},
            "sweep": {"search": search},
            "train": {"weights": "none"},
        }
    )


def notes_of(source: Path, techniques: str, **space: Any) -> list[str]:
    return [note for note in prepare(config_of(source, techniques, **space)).notes if note.startswith("technique '")]


def test_warnings_are_among_the_notes_once_each(source: Path) -> None:
    found = notes_of(source, "baseline,cutmix,undersampling+class_weights,smote+mixup", seeds=3, lr="1e-4..1e-2")
    assert [note.partition(":")[0] for note in found] == [
        *("technique 'cutmix'", "technique 'undersampling+class_weights'", "technique 'smote+mixup'"),
    ]


def test_what_is_fine_is_not_talked_about(source: Path) -> None:
    assert notes_of(source, "baseline,smote,class_weights,ldam_drw,crt,mixup,balanced_mixup,undersampling") == []


def test_few_epochs_are_doubted_as_the_fewest_that_any_trial_has(source: Path) -> None:
    assert notes_of(source, "drw", epochs="6..9", trials=3) == []
    (found,) = notes_of(source, "drw", epochs="3,6")
    assert "of 3 epochs the balance comes in the last 0.6 alone" in found


def test_weight_norms_after_adam_are_doubted(source: Path) -> None:
    (found,) = notes_of(source, "tau_norm")
    assert found.startswith("technique 'baseline+tau_norm': tau-normalisation relies on weight norms")
    assert "which adam need not leave" in found
    config = config_of(source, "tau_norm")
    by_sgd = config.model_copy(update={"train": config.train.model_copy(update={"optimizer": "sgd"})})
    assert not [note for note in prepare(by_sgd).notes if note.startswith("technique '")]


@pytest.mark.parametrize(
    ("techniques", "space"),
    [
        ("balanced_softmax+drw", {}),
        ("logit_adjusted", {"parameters": {"logit_adjusted": {"tau": 1.5}}}),
        ("logit_adjusted", {"parameters": {"logit_adjusted": {"tau": "0.5..2"}}, "trials": 8}),
        ("logit_adjusted", {"parameters": {"logit_adjusted": {"tau": [1.0, 2.0]}}, "trials": 8}),
        (
            "logit_adjusted",
            {"parameters": {"logit_adjusted": {"tau": "0.5..2"}}, "search": "optuna", "lr": "1e-4..1e-2"},
        ),
        ("balanced_mixup+class_weights", {"search_parameters": True, "trials": 8}),
    ],
)
def test_a_double_correction_is_refused_unless_it_is_asked_for(
    techniques: str, space: dict[str, Any], source: Path
) -> None:
    with pytest.raises(UserError, match=r"takes out \d\.\d\d times the class prior.*--allow-double-correction"):
        prepare(config_of(source, techniques, **space))
    allowed = config_of(source, techniques, allow_double_correction=True, **space)
    assert prepare(allowed).notes
    assert build_config(read_yaml(allowed.to_yaml(), "it")) == allowed


def test_that_it_is_asked_for_changes_no_trial(source: Path) -> None:
    one, other = (config_of(source, "class_weights,smote", allow_double_correction=allowed) for allowed in (0, 1))
    assert trial_specs(one) == trial_specs(other)


def test_what_is_searched_by_default_corrects_nothing_twice(source: Path) -> None:
    names = "logit_adjusted,crt+logit_adjusted,undersampling+logit_adjusted,power_sampling+class_weights,drw"
    for search in ("grid", "optuna"):
        prepare(config_of(source, names, search, search_parameters=True, trials=4, lr="1e-4..1e-2"))


def frozen_config(source: Path, techniques: str, **train: Any) -> Config:
    config = config_of(source, "baseline")
    values = {"network": "frozen", "weights": "imagenet", **train}
    return build_config({**config.model_dump(), "space": {"techniques": techniques, "epochs": 6}, "train": values})


def frozen_notes(source: Path, techniques: str, **train: Any) -> list[str]:
    config = frozen_config(source, techniques, **train)
    images, split, *_ = load_data(config.data)
    return check_compositions(config, TrainingData(images.pixels, images.labels, split.train, 2, images.class_names))


def test_what_groups_leave_out_behind_a_frozen_network_is_one_note(source: Path) -> None:
    found = frozen_notes(source, "baseline,mixers,augmentations")
    assert len(found) == 1
    assert found[0].startswith("Techniques left out, since the network is frozen: ")
    assert "cutmix (it cuts boxes out of images, and features have none)" in found[0]
    assert found[0].count("without --views") == 1, "one reason for all that share it"
    assert "rand_augment" in found[0]
    assert frozen_notes(source, "baseline,mixup@features,smote@features,enn@features+class_weights") == []


@pytest.mark.parametrize("name", ["crt", "easy_ensemble", "decoupled_smote"])
def test_a_linear_head_that_starts_anew_keeps_nothing_and_a_hidden_layer_does(name: str, source: Path) -> None:
    (found,) = frozen_notes(source, name)
    assert found.startswith(f"technique '{name}': behind a frozen network ")
    assert "of the stage before nothing is left; with a hidden layer (--hidden 128) there would be" in found
    assert frozen_notes(source, name, hidden=8) == []
    assert frozen_notes(source, "lws,drw") == []
