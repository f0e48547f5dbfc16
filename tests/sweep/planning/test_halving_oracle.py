"""Halving against its definition, counted anew each time; and what a sweep reads while it is halved."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ray.tune.schedulers import TrialScheduler

from benchmarks.halving import bare_run
from sweep.cluster.search import PairedASHA, grid_of
from sweep.planning.halving import Halving, Score
from sweep.runs.run import ASKS
from sweep.runs.spec import TrialSpec

MAX_EPOCHS, REDUCTION = 5, 2


class ByDefinition:
    """What the docstring of ``Halving`` says, by going through everything."""

    def __init__(self) -> None:
        self.scores: dict[tuple[str, int, int], Score] = {}  # (configuration, seed, epoch); of several, the last
        self.seen: list[tuple[str, int, Score]] = []
        self.over: set[tuple[str, int]] = set()
        self.out: set[str] = set()

    def mean(self, name: str, seed: int) -> Score | None:
        if not all((name, s) in self.over for s in range(seed)):
            return None
        best = [[v for n, s, v in self.seen if (n, s) == (name, earlier)] for earlier in range(seed)]
        if not all(best):
            return None
        a, b = zip(*(max(values) for values in best), strict=True)
        return sum(a) / seed, sum(b) / seed

    def among_the_best(self, name: str, seed: int) -> bool:
        own = self.mean(name, seed)
        if name in self.out or own is None:
            return name not in self.out
        names = {n for n, s, _ in self.scores if s == 0}
        means = [self.mean(other, seed) for other in names - self.out - {name}]
        return sum(m is not None and m > own for m in means) < max(1, len(names) // REDUCTION**seed)

    def goes_on(self, name: str, seed: int, epoch: int, score: Score) -> bool:
        self.scores[name, seed, epoch] = score
        self.seen.append((name, seed, score))
        if seed:
            on = self.among_the_best(name, seed)
        else:
            rung = {n: v for (n, s, e), v in self.scores.items() if (s, e) == (0, epoch)}
            ahead = sum(v >= score for n, v in rung.items() if n != name)
            on = epoch not in (1, 2, 4) or ahead < max(1, len(rung) // REDUCTION)
        if not on:
            self.out.add(name)
        return on


@pytest.mark.parametrize("seed", range(30))
def test_it_decides_as_its_definition_does(seed: int) -> None:
    rng = np.random.default_rng(seed)
    halving, oracle = Halving(MAX_EPOCHS, 1, REDUCTION), ByDefinition()
    decisions = []
    for _ in range(250):
        name, number, epoch = f"c{rng.integers(9)}", int(rng.integers(3)), int(rng.integers(1, MAX_EPOCHS + 1))
        score = (float(rng.integers(4)), float(rng.integers(3)))  # few values: many ties
        kind = rng.random()
        if kind < 0.5:
            decisions.append(halving.goes_on(name, number, epoch, score))
            assert decisions[-1] == oracle.goes_on(name, number, epoch, score)
        elif kind < 0.8:
            stopped = bool(rng.random() < 0.1)
            halving.ended(name, number, stopped=stopped)
            oracle.over.add((name, number))
            oracle.out |= {name} if stopped else set()
        else:
            assert halving.starts(name, number) == (number == 0 or oracle.among_the_best(name, number))
    assert len(set(decisions)) == 2


class _Trial:
    def __init__(self, spec: TrialSpec):
        self.config = {"spec": spec.to_dict()}


def _result(spec: TrialSpec, epoch: int, value: float) -> dict[str, Any]:
    return {"numbers/epoch": epoch, f"numbers/{spec.metric}": value, "numbers/auroc": value}


def _opened(path: Path, seen: list[str]) -> None:
    """From now on, notes what is opened below a folder."""

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open" and isinstance(arguments[0], str) and arguments[0].startswith(str(path)):
            seen.append(arguments[0])

    sys.addaudithook(hook)


def test_a_halved_sweep_reads_each_trial_once_when_it_starts_and_nothing_after(tmp_path: Path) -> None:
    """The scheduler tells a trial whether to begin by what was reported to it, not by files that may lag."""
    configurations, seeds = 40, 3
    run = bare_run(tmp_path)
    specs = [
        TrialSpec("baseline", 1e-3 + n * 1e-6, 4, s, data="x", split="y", seed_index=s, draw=n)
        for s in range(seeds)
        for n in range(configurations)
    ]
    run.write_specs(specs)
    for spec in specs[:10]:  # of an earlier start
        numbers = {spec.metric: 0.1, "auroc": 0.1, "seconds": 1.0, "images_per_second": 1.0}
        run.trial(spec.trial_id).write_epochs([{"epoch": e, **numbers} for e in range(1, 5)])
        run.trial(spec.trial_id).write_status("done")
    opened: list[str] = []
    _opened(tmp_path, opened)
    scheduler = PairedASHA(4, 1, run)
    assert 20 <= len(opened) <= 2 * len(specs) + 2
    shutil.rmtree(tmp_path / "trials")
    opened.clear()
    begun = dict.fromkeys(range(seeds), 0)
    for spec in specs[10:]:
        trial: Any = _Trial(spec)
        if scheduler.on_trial_result(None, trial, {ASKS: True}) == TrialScheduler.STOP:
            continue
        begun[spec.seed_index] += 1
        for epoch in range(1, 5):
            on = scheduler.on_trial_result(None, trial, _result(spec, epoch, spec.draw / configurations))
            if on == TrialScheduler.STOP:
                break
        scheduler.on_trial_complete(None, trial, {})
    assert opened == []
    assert begun[0] == configurations - 10
    assert 1 <= begun[2] <= begun[1] <= configurations // 3


class _Counting:
    copies = 0

    def __deepcopy__(self, memo: dict[int, Any]) -> _Counting:
        _Counting.copies += 1
        return self


def test_tune_makes_a_list_of_trials_in_its_order_without_copying_it_for_each(monkeypatch: pytest.MonkeyPatch) -> None:
    from ray.tune.search.variant_generator import generate_variants

    specs = [TrialSpec("baseline", 1e-3, 1, seed) for seed in range(60)]
    monkeypatch.setattr(TrialSpec, "to_dict", lambda spec: {"seed": spec.seed, "counts": _Counting()})
    _Counting.copies = 0
    made = [config["spec"]["seed"] for _, config in generate_variants(grid_of(specs))]
    assert made == list(range(60))
    assert _Counting.copies <= 10 * len(specs)
