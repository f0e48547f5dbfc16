"""Techniques of a configuration whose network is frozen; the preset ``frozen``."""

from __future__ import annotations

from pathlib import Path

import pytest

from balancing.components.groups import BehindFrozen, expand
from balancing.errors import UserError
from sweep.config.config import Config, build_config, read_file
from sweep.config.size import n_trials, trained
from sweep.config.strict_yaml import read_yaml


def config_of(techniques: str, network: str = "frozen", **train: int) -> Config:
    return build_config({"space": {"techniques": techniques}, "train": {"network": network, **train}})


def test_groups_stand_for_forms_on_features_only_where_the_network_is_frozen() -> None:
    assert config_of("samplers").space.techniques == expand(["samplers"], behind=BehindFrozen())
    assert config_of("samplers", "frozen:resnet18").space.techniques == config_of("samplers").space.techniques
    assert config_of("samplers", "resnet18").space.techniques == expand(["samplers"])
    assert config_of("samplers", "resnet18").space.left_behind == {}


def test_what_groups_leave_out_is_remembered_with_why_and_views_let_it_in() -> None:
    found = config_of("all").space.left_behind
    assert "without --views" in found["augmentation"]
    assert "batch-norm" in found["shifted_bn"]
    assert "augmentation" not in config_of("all", views=2).space.left_behind
    assert "augmentation" in config_of("all", views=2).space.techniques
    assert config_of("smote@features").space.left_behind == {}


def test_a_file_of_names_has_groups_too(tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_text("mixers, smote@features  # and so on\n")
    found = config_of(f"@{tmp_path / 'names.txt'}").space
    assert found.techniques == [*expand(["mixers"], behind=BehindFrozen()), "smote@features"]
    assert set(found.left_behind) == {"cutmix"}
    assert "smote@features" not in found.of_groups
    assert "mixup@features" in found.of_groups


def test_a_configuration_that_is_written_out_reads_back_the_same() -> None:
    config = config_of("all")
    again = build_config(read_yaml(config.to_yaml(), "it"))
    assert again == config
    assert again.space.of_groups == ()
    assert again.space.left_behind == {}


def test_what_cannot_be_behind_a_frozen_network_is_refused_by_name() -> None:
    for name, next_step in (("shifted_bn", "take lws or crt"), ("mixup", "take mixup@features")):
        with pytest.raises(UserError, match=next_step):
            config_of(f"baseline,{name}")
        assert name in config_of(f"baseline,{name}", "resnet18").space.techniques


def test_the_preset_has_forty_techniques_that_a_frozen_network_allows() -> None:
    config = build_config(read_file("frozen"))
    assert config.network.frozen
    assert len(config.space.techniques) == 40
    assert len(trained(config)) == 37
    assert config.space.of_groups == (), "by name, so that what data rule out is told and not left out"
    assert (config.space.seeds, config.space.confirm) == (1, 20)
    assert n_trials(config) == 37 * 3 + 37 * 20
    assert config.space.batch_size >= 60_000, "each step takes all rows at once"
