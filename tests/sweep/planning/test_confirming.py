"""What explores and what confirms, by the plan; and what fresh seeds are for: the winner's curse."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from balancing.components.techniques import get_technique
from balancing.errors import UserError
from balancing.metrics import RANKING, can_tell
from sweep.config.config import Config, build_config
from sweep.config.files import read_file
from sweep.config.size import n_trials, trained
from sweep.planning.confirming import begun, confirmed, looks_of, next_round, planned_specs
from sweep.planning.prepare import SweepInputs
from sweep.planning.space import explores
from sweep.runs.confirming import confirming_of, write_confirming
from sweep.runs.run import Run
from sweep.runs.spec import TrialSpec
from tests.sweep.fake_run import CONFIG, fake_images, fake_split

# Techniques that train anywhere, and decide.
NAMES = [
    name
    for name in trained(build_config(read_file("frozen")))
    if "@" not in name and can_tell(get_technique(name).gives, "recall")
]


def config_of(**space: Any) -> Config:
    return build_config({"space": {"techniques": ["baseline", "smote"], "lr": 0.001, **space}})


def inputs_of(folder: Path) -> SweepInputs:
    images = fake_images(folder)
    return SweepInputs(images, fake_split(images), 1, (), None, {})


@pytest.mark.parametrize(
    ("space", "found"),
    [
        ({}, False),
        ({"lr": [0.1, 0.01]}, True),
        ({"lr": "1e-4..1e-2", "trials": 2}, True),
        ({"lr": "1e-4..1e-2", "trials": 1}, False),
        ({"strength": [0.0, 1.0]}, True),
        ({"strength": [0.0, 1.0], "techniques": ["baseline"]}, False),
        ({"parameters": {"smote": {"k_neighbors": [3, 5]}}, "trials": 4}, True),
    ],
)
def test_there_is_something_to_explore_where_a_technique_has_several_configurations(
    space: dict[str, Any], found: bool, tmp_path: Path
) -> None:
    """The baseline keeps strength 0 whatever the dial, so alone it has one configuration."""
    config = config_of(**space, seeds=2, confirm=3)
    assert explores(config) == found
    exploring, confirming = planned_specs(config, inputs_of(tmp_path))
    assert bool(exploring) == found
    assert Counter(spec.technique for spec in confirming) == dict.fromkeys(config.space.techniques, 3)
    assert {spec.seed for spec in confirming} == ({2, 3, 4} if found else {0, 1, 2})
    assert not {spec.seed for spec in exploring} & {spec.seed for spec in confirming}
    assert len(exploring) + len(confirming) <= n_trials(config)


def test_who_says_how_many_seeds_means_these_alone() -> None:
    compare = read_file("compare")
    assert build_config(compare).space.confirm == 10
    assert build_config(compare, {"space.seeds": 3}).space.confirm == 0
    both = build_config(compare, {"space.seeds": 3, "space.confirm": 5})
    assert (both.space.seeds, both.space.confirm) == (3, 5)
    funnel = build_config(read_file("funnel"), {"funnel.first.space.seeds": 2})
    assert funnel.first_stage.space.confirm == 0
    assert funnel.space.confirm == 10


@pytest.mark.parametrize(
    ("confirm", "looks"), [(3, (3,)), (5, (3, 4, 5)), (6, (3, 4, 6)), (10, (4, 7, 10)), (20, (7, 14, 20))]
)
def test_looks_are_after_thirds_and_not_before_three_seeds(confirm: int, looks: tuple[int, ...]) -> None:
    config = build_config({"space": {"confirm": confirm}}, {"sweep.until_decided": True})
    assert looks_of(config) == looks
    assert looks_of(config_of(confirm=confirm)) == ()


@pytest.mark.parametrize("confirm", [0, 2])
def test_rounds_need_seeds(confirm: int) -> None:
    with pytest.raises(
        UserError, match=rf"3 confirming seeds or more, but space.confirm is {confirm}; give .*--confirm"
    ):
        build_config({"space": {"confirm": confirm}}, {"sweep.until_decided": True})


@pytest.fixture(scope="module")
def explored(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Config, SweepInputs]:
    """A run of which 8 configurations of each technique are all equally good, each with one exploring seed."""
    folder = tmp_path_factory.mktemp("explored")
    lrs = [0.001 * 2**n for n in range(8)]
    config = config_of(techniques=NAMES, lr=lrs, seeds=1, confirm=4)
    inputs = inputs_of(folder / "images")
    run = Run.create(folder / "run", config_yaml=CONFIG, images=inputs.images, split=inputs.split, positive=1, notes=[])
    specs = inputs.specs(config)
    run.write_specs(specs)
    written(run, specs, np.random.default_rng(0))
    return run, config, inputs


def written(run: Run, specs: list[TrialSpec], rng: np.random.Generator) -> None:
    """Trials that ended, all with a true balanced accuracy of 0.8."""
    for spec in specs:
        numbers = {"epoch": 1, "seconds": 1.0, "images_per_second": 1.0, "balanced_accuracy": rng.normal(0.8, 0.02)}
        run.trial(spec.trial_id).write_epochs([{**numbers, RANKING: numbers["balanced_accuracy"]}])
        run.trial(spec.trial_id).write_status("done", best_epoch=1)


def test_the_best_of_eight_was_lucky_and_its_fresh_seeds_are_not(explored: tuple[Run, Config, SweepInputs]) -> None:
    run, config, inputs = explored
    found = begun(run, config, inputs)
    write_confirming(run, found)
    assert confirming_of(run) == found
    assert found.rounds[0].seeds == (1, 2, 3, 4)
    run.write_specs([*inputs.specs(config), *found.specs()])
    written(run, found.specs(), np.random.default_rng(1))
    selection = confirmed(run, found)
    assert len(selection) == len(NAMES)
    assert {choice["configurations"] for choice in selection} == {8}
    lucky = np.mean([choice["explored"]["mean"] for choice in selection])
    honest = np.mean([choice["mean"] for choice in selection])
    # The largest of eight normal values lies 1.42 standard deviations above their mean, fresh ones around it.
    assert lucky == pytest.approx(0.8 + 1.42 * 0.02, abs=4 * 0.02 / len(NAMES) ** 0.5)
    assert honest == pytest.approx(0.8, abs=4 * 0.02 / (4 * len(NAMES)) ** 0.5)


def test_rounds_follow_each_other_without_a_gap_and_end(explored: tuple[Run, Config, SweepInputs]) -> None:
    run, config, inputs = explored
    rounds = config.model_copy(update={"sweep": config.sweep.model_copy(update={"until_decided": True})})
    rounds = rounds.model_copy(update={"space": rounds.space.model_copy(update={"confirm": 10})})
    found = begun(run, rounds, inputs)
    assert found.rounds[0].seeds == (1, 2, 3, 4)
    second = next_round(found, ["baseline", "focal"])
    assert second is not None
    assert (second.seeds, second.techniques) == ((5, 6, 7), ("baseline", "focal"))
    assert next_round(found, []) is None
    third = next_round(replace(found, rounds=(*found.rounds, second)), ["baseline"])
    assert third is not None
    assert third.seeds == (8, 9, 10)
    assert next_round(replace(found, rounds=(*found.rounds, second, third)), ["baseline"]) is None
