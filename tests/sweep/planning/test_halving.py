"""Successive halving by hand-computed cases and its laws."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ray.tune.schedulers import TrialScheduler

from sweep.cluster.search import PairedASHA
from sweep.planning.halving import Halving, PairedHalving, grace_epochs, judged_epoch, score_of
from tests.sweep.fake_run import fake_images, fake_run

NAMES = "abcdef"


def test_a_case_by_hand() -> None:
    halving = Halving(max_epochs=9)
    # One place until six have come; then two. Rungs at 1 and 3.
    for name, value, on in [
        ("a", 0.6, True),
        ("b", 0.5, False),
        ("c", 0.7, True),
        ("d", 0.65, False),
        ("e", 0.7, False),  # of equal ones the earlier goes on
        ("f", 0.69, False),
        ("g", 0.71, True),
    ]:
        assert halving.goes_on(name, 0, 1, (value, 0.0)) == on, name
    assert halving.goes_on("a", 0, 2, (0.1, 0.0)), "epoch 2 is no rung"
    assert halving.goes_on("a", 0, 3, (0.6, 0.0))
    assert not halving.goes_on("c", 0, 3, (0.5, 0.0))
    assert halving.goes_on("g", 0, 9, (0.0, 0.0)), "nothing is stopped after the last epoch"


def test_auroc_tells_networks_apart_that_call_everything_one_class() -> None:
    halving = Halving(max_epochs=3)
    assert halving.goes_on("a", 0, 1, score_of({"recall": 0.5, "auroc": 0.6}, "recall"))
    assert halving.goes_on("b", 0, 1, score_of({"recall": 0.5, "auroc": 0.8}, "recall"))
    assert not halving.goes_on("c", 0, 1, score_of({"recall": 0.5, "auroc": None}, "recall"))
    assert score_of({"recall": None}, "recall") < score_of({"recall": 0.0, "auroc": 0.0}, "recall")


def test_small_data_have_more_grace() -> None:
    assert [grace_epochs(n, 32) for n in (4448, 1280, 1279, 240, 0)] == [1, 1, 2, 6, 1280]
    halving = Halving(max_epochs=10, grace=4)
    for epoch in range(1, 4):
        assert all(halving.goes_on(name, 0, epoch, (0.0, 0.0)) for name in NAMES)
    assert [halving.goes_on(name, 0, 4, (0.0, 0.0)) for name in NAMES] == [True] + [False] * 5


def test_a_later_seed_is_begun_only_for_the_best() -> None:
    halving = Halving(max_epochs=9)
    for name, value in zip(NAMES, (0.1, 0.2, 0.3, 0.4, 0.5, 0.6), strict=True):
        assert halving.starts(name, 0)
        halving.record(name, 0, 9, (value, 0.0))
        assert halving.starts(name, 1), "nothing to judge by while its first seed runs"
        halving.ended(name, 0, stopped=name == "f")
    # Of six a third: two. f was stopped, so d and e.
    assert [name for name in NAMES if halving.starts(name, 1)] == ["d", "e"]
    for name in "abc":
        halving.ended(name, 1, stopped=True)
    for name, value in (("d", 0.9), ("e", 0.5)):
        halving.record(name, 1, 9, (value, 0.0))
        halving.ended(name, 1)
    assert [name for name in NAMES if halving.starts(name, 2)] == ["d"], "by the mean of both seeds"


def _run(halving: Halving, name: str, seed: int, value: float) -> int:
    """Epochs that a trial of ten gets."""
    for epoch in range(1, 11):
        if not halving.goes_on(name, seed, epoch, (value, 0.0)):
            break
    halving.ended(name, seed)
    return epoch


@pytest.mark.parametrize("seed", range(20))
def test_the_best_runs_in_full_and_each_seed_leaves_fewer(seed: int) -> None:
    rng = np.random.default_rng(seed)
    quality = dict(zip(NAMES, rng.permutation(len(NAMES)).tolist(), strict=True))
    best = max(NAMES, key=quality.__getitem__)
    halving = Halving(max_epochs=10)
    full = []
    for number in range(3):
        epochs = {name: _run(halving, name, number, quality[name]) for name in NAMES}
        assert epochs[best] == 10
        assert number == 0 or set(epochs.values()) <= {1, 10}
        full.append({name for name in NAMES if epochs[name] == 10})
    assert full[2] == {best}
    assert full[2] <= full[1] <= full[0]
    assert len(full[1]) <= 2, "a third of six"
    assert halving.goes_on("never seen", 1, 1, (0.0, 0.0))


def test_later_seeds_are_judged_by_the_mean_of_the_earlier() -> None:
    halving = Halving(max_epochs=2)
    values = {"a": (0.7, 0.9), "b": (0.8, 0.7)}
    for number in range(2):
        for name in NAMES:
            for_all = values.get(name, (0.1, 0.1))
            halving.record(name, number, 1, (for_all[number], 0.0))
            halving.ended(name, number)
    assert halving.goes_on("a", 2, 1, (0.0, 0.0)), "0.80 against 0.75"
    assert not halving.goes_on("b", 2, 1, (1.0, 0.0)), "one place of six for a third seed"


def test_a_seed_that_still_runs_stops_no_later_one() -> None:
    halving = Halving(max_epochs=9)
    halving.record("a", 0, 1, (0.9, 0.0))
    halving.record("b", 0, 1, (0.95, 0.0))
    halving.record("c", 0, 1, (0.96, 0.0))
    halving.ended("a", 0)
    assert halving.goes_on("b", 1, 1, (0.0, 0.0))
    assert halving.goes_on("a", 1, 1, (0.0, 0.0)), "b and c may end worse"
    halving.ended("c", 0)
    assert not halving.goes_on("a", 1, 2, (0.0, 0.0))
    halving.ended("b", 0, stopped=True)
    assert not halving.goes_on("b", 1, 2, (0.0, 0.0))


class _Trial:
    def __init__(self, spec: dict):
        self.config = {"spec": spec}


def test_a_resumed_sweep_knows_what_was_recorded(tmp_path: Path) -> None:
    images = fake_images(tmp_path / "images", size=4)
    lrs = (0.001, 0.002, 0.003, 0.004, 0.005)
    run = fake_run(tmp_path / "run", images, techniques=("baseline",), lrs=lrs, epochs=4, failing=False)
    first = [spec for spec in run.specs() if spec.seed_index == 0]
    for spec in run.specs():
        if spec.seed_index:
            run.trial(spec.trial_id).write_status("waiting")
    best = {
        spec.configuration_id: max(score_of(e, spec.metric) for e in run.trial(spec.trial_id).epochs())
        for spec in first
    }
    scheduler = PairedASHA(4, 1, run)
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


def test_epochs_that_end_in_a_stage_that_is_not_kept_stop_nothing_and_count_for_nothing(tmp_path: Path) -> None:
    """Of two stages, the rungs lie in the second: grace begins when it does, whatever the epochs before said."""
    images = fake_images(tmp_path / "images", size=4)
    lrs = (0.001, 0.002, 0.003, 0.004, 0.005, 0.006)
    run = fake_run(tmp_path / "run", images, techniques=("baseline",), lrs=lrs, epochs=9, failing=False)
    specs = [spec for spec in run.specs() if spec.seed_index == 0]
    for spec in run.specs():
        run.trial(spec.trial_id).clear()
        run.trial(spec.trial_id).write_status("waiting")
    metric = specs[0].metric

    def numbers(epoch: int, value: float, kept: int) -> dict[str, float]:
        return {"epoch": epoch, metric: value, "auroc": 0.5, "kept_epochs": kept}

    halving = PairedHalving(run, 9, 1)
    for epoch in (1, 2, 3):  # 1 and 3 would be rungs, and the first trial is far behind
        for place, spec in enumerate(specs):
            assert halving.goes_on(spec, numbers(epoch, place / 10, 0))
    falling = [halving.goes_on(spec, numbers(4, 0.9 - place / 10, 1)) for place, spec in enumerate(specs)]
    assert falling == [True, False, False, False, False, False], "the best of so far goes on, by the kept epoch alone"
    for spec in specs[:3]:
        done = [numbers(epoch, 0.99, 0) for epoch in (1, 2, 3)] + [numbers(4, 0.1 if spec == specs[0] else 0.3, 1)]
        clock = {"seconds": 1.0, "images_per_second": 1.0}
        run.trial(spec.trial_id).write_epochs([{**one, **clock} for one in done])
    recorded = PairedHalving(run, 9, 1)
    assert not recorded.goes_on(specs[3], numbers(4, 0.2, 1)), "behind two of those on record"
    assert recorded.goes_on(specs[4], numbers(4, 0.4, 1))


def test_an_epoch_of_one_stage_stands_on_the_rung_of_its_number() -> None:
    assert judged_epoch({"epoch": 3}) == 3
    assert judged_epoch({"epoch": 3, "kept_epochs": 1}) == 1
    assert judged_epoch({"epoch": 3, "kept_epochs": 0}) == 0
