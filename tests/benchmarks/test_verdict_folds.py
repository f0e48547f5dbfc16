"""Simulated folds and rounds: nobody is tested by a network that knew them, truth is the population's, looks add up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from benchmarks import verdict_folds
from benchmarks.verdict_folds import DataSet, FoldWorld, by_folds, by_patients, one_data_set, true_difference
from benchmarks.verdict_rounds import Rounds, Said, Seen, fixed, spending, staged, unadjusted
from benchmarks.verdict_sweeps import judged
from benchmarks.verdict_worlds import World

SMALL = FoldWorld("", patients=60, prevalence=0.3, folds=3, repeats=2, seeds=2)


def test_every_patient_is_tested_once_a_repeat_by_networks_that_never_saw_them(monkeypatch: pytest.MonkeyPatch) -> None:
    knew: list[set[float]] = []
    asked: list[set[float]] = []
    trained = verdict_folds.trained

    def watched(kind: str, features: np.ndarray, *rest: object) -> verdict_folds.Model:
        knew.append(set(features[:, 0]))
        return trained(kind, features, *rest)  # type: ignore[arg-type]

    def asks(self: verdict_folds.Model, features: np.ndarray) -> np.ndarray:
        asked.append(set(features[:, 0]))
        return np.zeros(len(features), dtype=bool)

    monkeypatch.setattr(verdict_folds, "trained", watched)
    monkeypatch.setattr(verdict_folds.Model, "decide", asks)
    tested = one_data_set(SMALL, np.random.default_rng(0))
    assert len(knew) == len(asked) == 3 * 2 * 2 * 2
    assert all(known.isdisjoint(own) for known, own in zip(knew, asked, strict=True))
    for fold in tested.fold:
        for patient in np.unique(tested.patients):
            assert len(set(fold[tested.patients == patient])) == 1
        for label in (0, 1):
            counts = [len(set(tested.patients[(fold == k) & (tested.labels == label)])) for k in range(3)]
            assert max(counts) - min(counts) <= 1
    assert (tested.fold[0] != tested.fold[1]).any()


def test_differences_of_folds_are_those_of_their_images() -> None:
    labels, fold = np.array([0, 0, 1, 1, 0, 1]), np.array([[0, 0, 0, 0, 1, 1]])
    base = np.array([0, 1, 1, 0, 0, 1], dtype=bool)
    better = np.array([0, 0, 1, 1, 1, 1], dtype=bool)
    tested = DataSet(labels, np.arange(6), fold, np.stack([base, better])[:, None, None])
    assert tested.by_fold()[0, :, 0].tolist() == [1.0 - 0.5, 0.5 - 1.0]


def test_the_population_s_difference_is_what_data_sets_have_on_average() -> None:
    world = replace(SMALL, pair=("plain", "weighted"), seeds=1, repeats=1, patients=100, folds=5)
    truth, error = true_difference(world, 300, 0)
    each = [one_data_set(world, np.random.default_rng([1, number])).by_fold().mean() for number in range(150)]
    assert truth > 5 * error
    assert np.mean(each) == pytest.approx(truth, abs=4 * np.hypot(error, np.std(each) / np.sqrt(150)))
    assert true_difference(SMALL, 10, 0) == (0.0, 0.0)


def test_the_corrected_interval_is_wider_by_the_textbook_s_factor() -> None:
    tested = one_data_set(replace(SMALL, repeats=1), np.random.default_rng(2))
    naive, corrected = by_folds(tested, 0.0), by_folds(tested, 1 / 2)
    assert (corrected[1] - corrected[0]) / (naive[1] - naive[0]) == pytest.approx(np.sqrt((1 / 3 + 1 / 2) / (1 / 3)))
    plain, wider = (by_patients(tested, 200, times, np.random.default_rng(3)) for times in (1.0, 1.5))
    assert wider[1] - wider[0] > plain[1] - plain[0]
    assert (wider[0] + wider[1]) / 2 == pytest.approx((plain[0] + plain[1]) / 2, abs=0.01)


def test_one_look_at_the_end_is_the_report_and_saves_nothing() -> None:
    world = World("", patients=(30, 30), seeds=6, gains=(0.15,), techniques=2)
    for number in range(4):
        found = staged(Rounds("", world, (2, 4, 6), fixed), 100, 0, number)
        expected = judged(world, 100, 0, number)
        assert found["saved"] == 0
        assert found["seeds"] == 6
        assert (found["power"], found["false_winner"]) == (expected["power_now"], expected["false_winner_now"])


def first_alone(seen: Sequence[Seen], looks: Sequence[int]) -> Said:
    """The first technique is done at once, the others never."""
    table = seen[-1].table
    assert table["seeds"].tolist() == [looks[0], *[looks[len(seen) - 1]] * (len(table) - 1)]
    return Said(np.arange(len(table)) == 0, np.array([2 - len(seen)] + [-1] * (len(table) - 1)))


def test_trials_are_saved_for_techniques_that_are_done() -> None:
    world = World("", patients=(10, 10), gains=(0.1,), techniques=3)
    found = staged(Rounds("", world, (2, 4), first_alone), 60, 0, 0)
    assert found["seeds"] == 2
    assert found["saved"] == pytest.approx(2 / (4 * 4)), "the baseline goes on with the others"
    assert found["power"] == 1, "what was said when it was done counts"
    assert found["false_loser"] == 1


def test_looking_again_and_again_finds_more() -> None:
    world = World("", patients=(40, 40), techniques=3, skill=0.1)
    rates = []
    for rule in (fixed, unadjusted):
        found = [staged(Rounds("", world, (3, 5, 8), rule), 100, 1, number) for number in range(60)]
        rates.append(np.mean([one["false_winner"] + one["false_loser"] for one in found]))
    assert rates[1] >= rates[0]


def test_all_of_the_level_spent_at_one_look_is_the_fixed_look() -> None:
    world = World("", patients=(40, 40), techniques=3, gains=(0.1,))
    for number in range(5):
        assert staged(Rounds("", world, (5,), spending), 250, 2, number) == staged(
            Rounds("", world, (5,), fixed), 250, 2, number
        )


def test_a_large_gain_stops_its_technique_early() -> None:
    world = World("", patients=(100, 100), techniques=3, gains=(0.15,))
    found = [staged(Rounds("", world, (4, 7, 10), spending), 2000, 3, number) for number in range(4)]
    assert np.mean([one["power"] for one in found]) == 1
    assert np.mean([one["seeds"] for one in found]) < 7
    assert min(one["saved"] for one in found) >= 0.15
