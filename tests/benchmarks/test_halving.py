"""The benchmark of early stopping counts what it says."""

from __future__ import annotations

import pytest

from benchmarks.halving import SEEDS, TECHNIQUES, decide_all, numbers_of, specs_of


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_reads_grow_with_the_trials_and_not_with_their_square() -> None:
    found = {trials: decide_all(trials) for trials in (18, 72)}
    for trials, value in found.items():
        assert len(specs_of(trials)) == trials
        assert value["reads"] <= 2 * trials + 2, "two files a trial, their list, and run.json"
        assert value["again"] == 2 * trials + 2, "a resume reads two files a trial, their list, and run.json"


def test_simulated_trials_are_paired_and_their_numbers_repeat() -> None:
    specs = specs_of(100)
    assert len({spec.trial_id for spec in specs}) == len(specs)
    assert len(specs) % (len(TECHNIQUES) * SEEDS) == 0
    assert numbers_of(specs[3], 2) == numbers_of(specs[3], 2) != numbers_of(specs[3], 3)
