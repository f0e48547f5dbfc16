"""Successive halving by hand-computed cases and its laws."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ray.tune.schedulers import TrialScheduler

from sweep.halving import Halving, score_of
from sweep.search import PairedASHA
from tests.sweep.fake_run import fake_images, fake_run

NAMES = "abcdef"


def test_a_case_by_hand() -> None:
    halving = Halving(max_epochs=9)
    # One place until six have come; then two. Rungs at 1 and 3.
    assert halving.first_seed("a", 1, (0.6, 0.0))
    assert not halving.first_seed("b", 1, (0.5, 0.0))
    assert halving.first_seed("c", 1, (0.7, 0.0))
    assert not halving.first_seed("d", 1, (0.65, 0.0))
    assert not halving.first_seed("e", 1, (0.7, 0.0)), "of equal ones the earlier goes on"
    assert halving.first_seed("f", 1, (0.69, 0.9)) is False
    assert halving.first_seed("g", 1, (0.71, 0.0))
    assert halving.first_seed("a", 2, (0.1, 0.0)), "epoch 2 is no rung"
    assert halving.first_seed("a", 3, (0.6, 0.0))
    assert not halving.first_seed("c", 3, (0.5, 0.0))
    assert halving.first_seed("g", 9, (0.0, 0.0)), "nothing is stopped after the last epoch"


def test_auroc_tells_networks_apart_that_call_everything_one_class() -> None:
    halving = Halving(max_epochs=3)
    assert halving.first_seed("a", 1, score_of({"recall": 0.5, "auroc": 0.6}, "recall"))
    assert halving.first_seed("b", 1, score_of({"recall": 0.5, "auroc": 0.8}, "recall"))
    assert not halving.first_seed("c", 1, score_of({"recall": 0.5, "auroc": None}, "recall"))
    assert score_of({"recall": None}, "recall") < score_of({"recall": 0.0, "auroc": 0.0}, "recall")


@pytest.mark.parametrize("seed", range(20))
def test_the_best_is_never_stopped_and_later_seeds_follow_their_first(seed: int) -> None:
    rng = np.random.default_rng(seed)
    quality = dict(zip(NAMES, rng.permutation(len(NAMES)), strict=True))
    halving = Halving(max_epochs=10)
    epochs = {}
    for name in NAMES:
        for epoch in range(1, 11):
            epochs[name] = epoch
            if not halving.first_seed(name, epoch, (float(quality[name]), 0.0)):
                break
        else:
            halving.first_seed_ended(name)
    best = max(NAMES, key=quality.__getitem__)
    assert epochs[best] == 10
    going_on = [name for name in NAMES if halving.later_seed(name, 1)]
    assert best in going_on
    assert len(going_on) <= 2, "a third of six"
    assert all(epochs[name] == 10 for name in going_on)
    assert halving.later_seed("never seen", 1)


def test_a_first_seed_that_still_runs_stops_no_later_one() -> None:
    halving = Halving(max_epochs=9)
    halving.first_seed("a", 1, (0.9, 0.0))
    halving.first_seed_ended("a")
    assert halving.first_seed("b", 1, (0.95, 0.0))
    assert halving.first_seed("c", 1, (0.96, 0.0))
    assert halving.later_seed("b", 1)
    halving.first_seed_ended("c")
    assert not halving.later_seed("a", 1)
    halving.first_seed_ended("b", stopped=True)
    assert not halving.later_seed("b", 1)


class _Trial:
    def __init__(self, spec: dict):
        self.config = {"spec": spec}


def test_a_resumed_sweep_knows_what_was_recorded(tmp_path: Path) -> None:
    images = fake_images(tmp_path / "images", size=4)
    lrs = (0.001, 0.002, 0.003, 0.004, 0.005)
    run = fake_run(tmp_path / "run", images, techniques=("baseline",), lrs=lrs, epochs=4, failing=False)
    first = [spec for spec in run.specs() if spec.seed_index == 0]
    best = {
        spec.configuration_id: max(score_of(e, spec.metric) for e in run.trial(spec.trial_id).epochs())
        for spec in first
    }
    scheduler = PairedASHA(first[0].metric, 4, run)
    winner = max(best, key=best.__getitem__)
    for spec in run.specs():
        if spec.seed_index == 0:
            continue
        result = {"numbers/epoch": 1, f"numbers/{spec.metric}": 1.0, "numbers/auroc": 1.0}
        expected = TrialScheduler.CONTINUE if spec.configuration_id == winner else TrialScheduler.STOP
        assert scheduler.on_trial_result(None, _Trial(spec.to_dict()), result) == expected  # type: ignore[arg-type]
        last = {"numbers/epoch": spec.epochs, f"numbers/{spec.metric}": 0.0, "numbers/auroc": 0.0}
        assert scheduler.on_trial_result(None, _Trial(spec.to_dict()), last) == TrialScheduler.CONTINUE  # type: ignore[arg-type]
        assert scheduler.on_trial_result(None, _Trial(spec.to_dict()), {"ended": "done"}) == TrialScheduler.CONTINUE  # type: ignore[arg-type]
