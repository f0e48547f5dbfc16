"""Two stages as a configuration: what each gets, what both share, and what can't be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from balancing.errors import UserError
from sweep.config.config import Config, build_config, parse_assignment
from sweep.config.files import read_file
from tests.golden.kinds import WEIGHTS
from tests.sweep.test_funnel import FILE, funnel


def test_the_presets_stages_are_the_frozen_and_the_end_to_end_one() -> None:
    config = build_config(read_file("funnel"))
    assert config.funnel is not None
    frozen, first = build_config(read_file("frozen")), config.first_stage
    assert first.network.frozen
    assert not config.network.frozen
    assert first.space == frozen.space
    assert first.data == config.data
    assert config.space.techniques == first.space.techniques, "what the second may have"


@pytest.mark.parametrize("changes", [{}, {"space__techniques": ["smote", "focal"]}, {"funnel__first": {}}])
def test_a_configuration_with_two_stages_is_read_back_equal(changes: dict[str, Any], tmp_path: Path) -> None:
    config = funnel(**changes)
    (tmp_path / "config.yaml").write_text(config.to_yaml())
    again = build_config(read_file(str(tmp_path / "config.yaml")))
    assert again.first_stage == config.first_stage
    assert (again.space, again.train, again.data) == (config.space, config.train, config.data)
    assert again.funnel is not None
    assert again.funnel.keep == 1


def test_one_stage_is_written_as_before() -> None:
    assert "funnel" not in Config().to_yaml()
    assert "first_stage" not in Config().to_yaml()


def test_both_stages_share_data_metric_seed_techniques_and_weights() -> None:
    config = funnel(
        data__split_seed=3, sweep__metric="auroc", space__seed=5, resources__max_concurrent=1, funnel__first={}
    )
    first = config.first_stage
    assert first.data == config.data
    assert (first.sweep.metric, first.space.seed, first.resources) == ("auroc", 5, config.resources)
    assert first.train.weights == str(WEIGHTS), "one architecture, one start"
    asked = funnel(space__techniques="smote,focal", funnel__first={})
    assert asked.first_stage.space.techniques == ["baseline", "smote", "focal"]


def test_weights_that_moved_are_the_first_stages_too(tmp_path: Path) -> None:
    written = build_config(json.loads(json.dumps(FILE)))
    (tmp_path / "config.yaml").write_text(written.to_yaml())
    again = build_config(read_file(str(tmp_path / "config.yaml")), {"train.weights": "moved.pt"})
    assert again.first_stage.train.weights == "moved.pt"


@pytest.mark.parametrize(
    ("text", "key"),
    [("funnel.keep=3", 3), ("funnel.first.space.seeds=7", 7), ("funnel.first.data.image_size=64", 64)],
)
def test_every_key_of_either_stage_can_be_set(text: str, key: int) -> None:
    config = build_config(FILE, dict([parse_assignment(text)]))
    assert config.funnel is not None
    first = config.first_stage
    assert key in (config.funnel.keep, first.space.seeds, first.data.image_size)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"funnel__keep": 0}, "funnel.keep"),
        ({"funnel__first": {"spaec": {}}}, "unknown section 'funnel.first.spaec'; did you mean 'space'?"),
        ({"funnel__first": {"space": {"seed": 0, "seedz": 1}}}, "funnel.first: unknown key 'space.seedz'"),
        ({"funnel__first": {"data": {"split_seed": 1}}}, "may hold image_size alone"),
        ({"funnel__first": {"preset": "funnel"}}, "has two stages itself"),
        ({"funnel__first": {"preset": "frozne"}}, "unknown preset 'frozne'"),
        ({"funnel__first": "frozen"}, "must hold sections"),
        ({"funnel__first": {"space": 3}}, "funnel.first.space must hold keys"),
        ({"funnel__first": {"space": {"techniques": ["smoot"]}}}, "did you mean 'smote'"),
    ],
)
def test_what_a_first_stage_cannot_be_is_said(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UserError) as error:
        funnel(**changes)
    assert sentence in str(error.value)


def test_a_first_stage_that_is_the_second_decides_nothing() -> None:
    with pytest.raises(UserError, match="the second stage once more"):
        build_config({**read_file("quick"), "funnel": {"first": {"preset": "quick"}}})
