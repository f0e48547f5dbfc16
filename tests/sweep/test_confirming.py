"""Fresh seeds confirm what exploring chose: they alone speak, they can't change it, and a stop costs nothing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from sweep.runs.confirming import confirming_of
from sweep.runs.observer import Observer
from sweep.runs.run import Run
from tests.sweep.test_local import numbers, sweep_here, tiny

# Two configurations of each technique explored with one seed, the better of which is confirmed by two fresh ones.
CONFIRMED = {"space__lr": [0.001, 0.0001], "space__epochs": 1, "space__seeds": 1, "space__confirm": 2}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return sweep_here(tmp_path_factory.mktemp("confirmed") / "run", tiny(**CONFIRMED))


def test_fresh_seeds_of_what_was_chosen_alone_speak_and_alone_see_the_test_split(undisturbed: Run) -> None:
    trials = undisturbed.trials()
    exploring, fresh = trials[~trials["fresh"]], trials[trials["fresh"]]
    assert exploring["seed"].tolist() == [0] * 4
    assert sorted(fresh["seed"]) == [1, 1, 2, 2], "the same fresh seeds for both techniques, none that explored"
    for choice in undisturbed.selection():
        own = exploring[exploring["technique"] == choice["technique"]]
        best = own.loc[own["balanced_accuracy"].idxmax()]
        assert choice["configuration"] == best["configuration"], "chosen by exploring"
        assert choice["explored"]["trial_ids"] == [best["trial_id"]]
        mine = fresh[fresh["technique"] == choice["technique"]]
        assert choice["trial_ids"] == mine["trial_id"].tolist()
        assert choice["mean"] == pytest.approx(mine["balanced_accuracy"].mean())
    (opening,) = undisturbed.test_openings()
    assert sorted(opening["trials"]) == sorted(fresh["trial_id"])
    tested = {path.parent.name for path in undisturbed.path.glob("trials/*/test.parquet")}
    assert tested == set(fresh["trial_id"])
    kept = {path.parent.name for path in undisturbed.path.glob("trials/*/best.pt")}
    assert kept == set(fresh["trial_id"])


class Stops(Observer):
    """Stops the sweep after so many epochs, as Ctrl-C would."""

    def __init__(self, after: int):
        self.left = after

    def epoch(self, trial_id: str, numbers: Mapping[str, Any]) -> None:
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt


@pytest.mark.parametrize("epochs", [3, 6], ids=["exploring", "confirming"])
def test_stopped_in_either_phase_it_goes_on_to_equal_numbers(undisturbed: Run, tmp_path: Path, epochs: int) -> None:
    with pytest.raises(KeyboardInterrupt):
        sweep_here(tmp_path / "run", tiny(**CONFIRMED), Stops(epochs))
    assert (confirming_of(Run(tmp_path / "run")) is not None) == (epochs > 4)
    assert numbers(sweep_here(tmp_path / "run", tiny(**CONFIRMED))) == numbers(undisturbed)
