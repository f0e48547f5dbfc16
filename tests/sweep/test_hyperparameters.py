"""A shared hyperparameter is one line of a table: configuration, commands, draws, specs, records and tables follow."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import fields, replace
from typing import Any

import pytest

from balancing.components.ranges import Interval
from balancing.errors import UserError
from sweep.analysis.hyperparameters.factors import ended_trials, factor_name, factors
from sweep.analysis.results import Results
from sweep.analysis.tables import results_table
from sweep.config.config import build_config, known_keys
from sweep.hyperparameters import HYPERPARAMETERS, Hyperparameter, shown
from sweep.planning.space import trial_specs
from sweep.report.tables.results import configurations
from sweep.runs.run import Run
from sweep.runs.spec import TrialSpec
from sweep.training.optimizer import new_optimizer
from tests.sweep.fake_run import fake_images, fake_run

LATER = [shared for shared in HYPERPARAMETERS if shared.later]

# As a new hyperparameter would be added: a line in the table, and nothing else.
ADDED = """
import sys
import sweep.hyperparameters as room
room.HYPERPARAMETERS += (
    room.Hyperparameter("momentum", float, 0.9, "Momentum", "Of the mean.", above=0.0, most=1.0, short="mom"),
)
"""


def added(program: str, *arguments: str) -> str:
    """What a program prints whose table has one more line."""
    ended = subprocess.run(
        [sys.executable, "-c", ADDED + program, *arguments], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_a_line_more_is_an_option_of_the_commands() -> None:
    program = "import sweep.cli.main as main; sys.argv = ['sweep', *sys.argv[1:]]; main.main()"
    for command in ("run", "plan"):
        line = next(line for line in added(program, command, "--help").splitlines() if "--momentum" in line)
        assert "Of the mean." in line


def test_a_line_more_is_configured_drawn_planned_and_recorded() -> None:
    program = """
import io
import numpy as np
from rich.console import Console
from balancing.errors import UserError
from sweep.cli.plan_view import trials_table
from sweep.config.config import build_config, read_file
from sweep.planning.estimate import CostEstimate
from sweep.planning.space import trial_specs
from sweep.runs.shapes import TRIALS, misfit
from sweep.runs.spec import TrialSpec

plain = trial_specs(build_config(read_file("quick")))
drawn = trial_specs(build_config(read_file("quick"), {"space.momentum": "0.25..0.75", "space.trials": 3}))
assert all(spec.momentum == 0.9 and "momentum" not in spec.to_dict() for spec in plain)
assert all(0.25 <= spec.momentum <= 0.75 for spec in drawn)
assert len({spec.momentum for spec in drawn}) == 3
assert TrialSpec.from_dict(drawn[0].to_dict()) == drawn[0]
assert not misfit([spec.to_dict() for spec in drawn], TRIALS)
assert misfit([{**drawn[0].to_dict(), "momentum": "much"}], TRIALS)
try:
    build_config(read_file("quick"), {"space.momentum": "0,0.5"})
except UserError as error:
    print(error)

def heads(specs):
    console = Console(file=io.StringIO(), width=200)
    console.print(trials_table(CostEstimate(specs, np.ones(len(specs), int), 1.0, 1, "here")))
    return console.file.getvalue().splitlines()[1].split()

assert "mom" in heads(drawn) and "mom" not in heads(plain)
print(*(spec.trial_id for spec in plain))
"""
    error, ids = added(program).splitlines()
    assert error == "space.momentum must be above 0 and at most 1, but is 0"
    from sweep.config.config import read_file

    assert ids.split() == [spec.trial_id for spec in trial_specs(build_config(read_file("quick")))]


@pytest.mark.parametrize("shared", HYPERPARAMETERS, ids=lambda shared: shared.name)
def test_every_line_is_a_key_with_bounds_and_a_field(shared: Hyperparameter) -> None:
    assert f"space.{shared.name}" in known_keys()
    assert shared.name in {field.name for field in fields(TrialSpec)}
    shared.check(shared.default)
    for value in (shared.most * 2, -1.0):
        with pytest.raises(UserError, match=f"space.{shared.name} must be"):
            build_config({}, {f"space.{shared.name}": value})


@pytest.mark.parametrize("shared", LATER, ids=lambda shared: shared.name)
def test_a_later_one_leaves_ids_as_they_were_until_it_is_set(shared: Hyperparameter) -> None:
    spec = TrialSpec("smote", 0.01, 3, 5)
    assert replace(spec, **{shared.name: shared.default}).trial_id == spec.trial_id
    other = replace(spec, **{shared.name: shared.most})
    assert other.trial_id != spec.trial_id
    assert other.configuration_id != spec.configuration_id
    assert other.to_dict()[shared.name] == shared.most


def test_a_range_is_drawn_in_the_logarithm_where_the_table_says_so() -> None:
    config = build_config({}, {"space.weight_decay": "1e-6..1e-2", "space.epochs": "1..3"})
    assert config.space.weight_decay == Interval(1e-6, 1e-2, log=True)
    assert config.space.epochs == Interval(1.0, 3.0)
    with pytest.raises(UserError, match="a weight decay must be above 0, but the range starts at 0"):
        build_config({}, {"space.weight_decay": "0..0.1"})


def test_values_stand_on_an_axis_by_their_logarithms_unless_one_is_0() -> None:
    decay = next(shared for shared in HYPERPARAMETERS if shared.name == "weight_decay")
    assert decay.scaled([1e-4, 1e-2]).tolist() == [-4.0, -2.0]
    assert decay.scaled([0.0, 1e-2]).tolist() == [0.0, 0.01]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Run]:
    """A run that says nothing of weight decay, and one whose second draw has some."""
    folder = tmp_path_factory.mktemp("runs")
    images = fake_images(folder / "images", size=16)

    def of_draw(**values: Any) -> TrialSpec:
        return TrialSpec(**values, weight_decay=1e-3 if values["draw"] else 0.0)

    made: dict[str, Any] = {"techniques": ("baseline", "smote"), "failing": False}
    plain = fake_run(folder / "plain", images, **made)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tests.sweep.fake_run.TrialSpec", of_draw)
        return plain, fake_run(folder / "decayed", images, **made)


def test_tables_show_it_where_a_trial_has_set_it(runs: tuple[Run, Run]) -> None:
    plain, decayed = runs
    names = ["lr", "epochs", "strength", "batch_size"]
    for run, expected in ((plain, names), (decayed, [*names, "weight_decay"])):
        assert [shared.name for shared in shown(run.specs())] == expected
        chosen = results_table(Results(run))
        assert [name for name in chosen if name in {h.name for h in HYPERPARAMETERS}] == expected
        table = configurations(Results(run))
        assert table is not None
        assert table.headers[2:-1] == [h.heading or h.label for h in HYPERPARAMETERS if h.name in expected]
        assert {len(row) for row in table.rows} == {len(table.headers)}
        assert table.columns_text == {len(table.headers) - 1}
    by_id = {spec.trial_id: spec.weight_decay for spec in decayed.specs()}
    table = decayed.trials()
    assert dict(zip(table["trial_id"], table["weight_decay"], strict=True)) == by_id
    assert set(by_id.values()) == {0.0, 1e-3}


def test_what_varied_is_a_factor_of_the_importance(runs: tuple[Run, Run]) -> None:
    found = factors(ended_trials(Results(runs[1])))
    column = found.x[:, found.columns["weight_decay"]].ravel()
    assert set(column) == {0.0, 1e-3}
    assert factor_name("weight_decay") == "Weight decay"
    assert "weight_decay" not in factors(ended_trials(Results(runs[0]))).columns


def test_the_optimizer_gets_it() -> None:
    import torch

    torch.manual_seed(0)
    gradient = torch.randn(4, 3)
    for decay in (0.0, 0.1):
        ours = torch.nn.Parameter(torch.arange(12.0).reshape(4, 3))
        model = torch.nn.ParameterList([ours])
        optimizer = new_optimizer(model, 0.01, decay)
        ours.grad = gradient.clone()
        optimizer.step()
        # Adam's first step is lr times the sign of the gradient, to which L2 adds decay times the weight.
        moved = torch.arange(12.0).reshape(4, 3) - 0.01 * torch.sign(
            gradient + decay * torch.arange(12.0).reshape(4, 3)
        )
        assert torch.allclose(ours, moved, atol=1e-4)
