"""The simulation by which the verdict is judged: its truth, its arithmetic, and that cores change nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from benchmarks import verdicts
from benchmarks.verdict_before import Before, before
from benchmarks.verdict_jobs import Jobs
from benchmarks.verdict_promise import probit
from benchmarks.verdict_sweeps import balanced_accuracies, judged, mcnemar, networks_of
from benchmarks.verdict_worlds import Exploration, World, one_sweep, seeds_of, separation
from sweep.analysis.statistics.bootstrap import weighted_metrics
from sweep.analysis.statistics.few_patients import patient_draws
from sweep.analysis.statistics.intervals import estimate
from sweep.analysis.statistics.tests import mcnemar_exact

LARGE = World("large", patients=(1000, 1000), seeds=120, gains=(0.03,), techniques=1)


def observed(world: World, sweeps: int) -> tuple[np.ndarray, float]:
    """(techniques + 1,) balanced accuracy over huge test sets and many seeds, and its standard error, about."""
    found = []
    for number in range(sweeps):
        sweep = one_sweep(world, np.random.default_rng([7, number]))
        right = (sweep.scores > 0) == (sweep.labels == 1)
        found.append([right[..., sweep.labels == label].mean(axis=-1) for label in (0, 1)])
    accuracy = np.mean(found, axis=1)  # (sweeps, techniques + 1, S)
    return accuracy.mean(axis=(0, 2)), float(accuracy.mean(axis=2).std(axis=0, ddof=1).max() / np.sqrt(sweeps))


@pytest.mark.parametrize(
    "world",
    [
        LARGE,
        replace(LARGE, swing=0.6),
        replace(LARGE, skill=0.6, swing=0.0, network=0.3),
        replace(LARGE, accuracy=0.65, reading=0.8, skill=0.1),
    ],
    ids=["thresholds", "wide", "skill", "hard"],
)
def test_the_true_accuracy_is_that_of_a_huge_test_set(world: World) -> None:
    found, error = observed(world, 12)
    assert found == pytest.approx([world.accuracy, world.accuracy + 0.03], abs=4 * error + 1e-4)
    assert 4 * error < 0.02, "a spread that was forgotten would move it by 0.037"


def test_seeds_of_a_technique_are_correlated_with_the_baseline_s() -> None:
    for correlation in (-0.7, 0.0, 0.7):
        world = World("", skill=0.2, correlation=correlation, techniques=2, seeds=4000)
        rng = np.random.default_rng(0)
        for drawn in seeds_of(world, rng).draw((world.seeds,), rng):
            assert np.corrcoef(drawn)[0, 1:] == pytest.approx([correlation] * 2, abs=0.06)


def test_one_technique_and_the_baseline_can_vary_more() -> None:
    rng = np.random.default_rng(0)
    seeds = seeds_of(World("", skill=0.1, swing=0.1, outlier=5, baseline_outlier=3), rng)
    assert seeds.skill == pytest.approx([0.3, 0.1, 0.1, 0.1, 0.1, 0.5])
    many = seeds_of(World("", skill=0.1, uneven=1.0, techniques=4000), rng)
    assert np.log(many.skill / 0.1).std() == pytest.approx(1, abs=0.05)


def test_balanced_accuracy_of_many_networks_is_weighted_metrics() -> None:
    sweep = one_sweep(World("", patients=(15, 9), techniques=2, seeds=3), np.random.default_rng(1))
    draws = patient_draws(sweep.labels, sweep.patients, 80, np.random.default_rng(2))
    first = np.unique(sweep.patients, return_index=True)[1]
    right = ((sweep.scores > 0) == (sweep.labels == 1)).reshape(9, -1)
    found = balanced_accuracies(right, sweep.labels, sweep.patients, draws.weights[:, first])
    for own, scores in zip(found, sweep.scores.reshape(9, -1), strict=True):
        answers = np.eye(2)[(scores > 0).astype(int)]
        expected = weighted_metrics(sweep.labels, answers, 1, draws.weights, areas=False)["balanced_accuracy"]
        assert own == pytest.approx(expected, abs=1e-6)


def test_what_was_before_is_each_technique_s_own_estimate() -> None:
    sweep = one_sweep(World("", patients=(20, 30), seeds=3), np.random.default_rng(3))
    networks = networks_of(sweep, 200, np.random.default_rng(4))
    found = before(networks.differences(), networks.few)
    for place, (values, resampled) in enumerate(networks.differences().values()):
        own = estimate(values, resampled, networks.few)
        assert (found.low[place], found.high[place], found.p[place]) == pytest.approx((own.low, own.high, own.p))
        assert found.seed_sd[place] == pytest.approx(own.seed_sd)


def test_the_winner_s_curse_is_there_and_fresh_seeds_know_none() -> None:
    # Equal configurations whose seeds differ widely: those of the chosen one were lucky.
    world = World("", patients=(60, 60), techniques=1, skill=0.3, network=0.2)
    errors = {}
    for name, how in (("same", Exploration(8, 3)), ("fresh", Exploration(8, 1, 3))):
        sweeps = [
            one_sweep(replace(world, exploration=how), np.random.default_rng([5, number])) for number in range(150)
        ]
        assert all((sweep.truth == 0).all() for sweep in sweeps)
        accuracy = np.array([_accuracy(sweep.scores[0], sweep.labels) for sweep in sweeps])
        errors[name] = (accuracy.mean() - world.accuracy, accuracy.std(ddof=1) / np.sqrt(len(sweeps)))
    assert errors["same"][0] > 0.02
    assert errors["fresh"][0] == pytest.approx(0, abs=4 * errors["fresh"][1])


def _accuracy(scores: np.ndarray, labels: np.ndarray) -> float:
    right = (scores > 0) == (labels == 1)
    return float(np.mean([right[:, labels == label].mean() for label in (0, 1)]))


def test_the_truth_of_an_explored_sweep_is_of_the_chosen_configurations() -> None:
    how = Exploration(8, 3, 60, spread=0.05)
    world = replace(LARGE, exploration=how, gains=(0.02,))
    for number in range(3):
        sweep = one_sweep(world, np.random.default_rng([6, number]))
        apart = _accuracy(sweep.scores[1], sweep.labels) - _accuracy(sweep.scores[0], sweep.labels)
        assert sweep.truth[0] == pytest.approx(apart, abs=0.02)
        assert sweep.truth[0] != pytest.approx(0.02, abs=1e-6)
    assert how.trials(5) == 6 * (24 + 60)


def test_the_gain_that_is_seen_with_80_percent_is_found() -> None:
    rng = np.random.default_rng(0)
    gains = rng.uniform(0.01, 0.06, 4000)
    seen = (rng.random(4000) < stats.norm.cdf((gains - 0.03) / 0.012)).astype(float)
    found, error = probit(gains, seen)
    assert 0.0002 < error < 0.0008
    assert found == pytest.approx(0.03 + 0.012 * stats.norm.ppf(0.8), abs=4 * error)
    assert np.isnan(probit(gains, np.zeros(4000))).all()


def test_one_job_and_two_give_the_same_sweeps() -> None:
    world = World("", patients=(20, 20), seeds=2, techniques=2, skill=0.1)
    tables = []
    for count in (1, 2):
        with Jobs(count, samples=60, seed=3) as jobs:
            tables.append(jobs.sweeps(judged, world, 12))
    pd.testing.assert_frame_equal(*tables, check_exact=True)
    assert tables[0]["half_width"].nunique() == 12, "each sweep has chance of its own"


def test_the_smallest_run_goes_on_where_it_was(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "lines.jsonl"
    call = ["--repeats", "2", "--samples", "60", "--jobs", "1", "--parts", "usual,equivalence", "--out", str(out)]
    verdicts.main([*call, "--worlds", "3 seeds"])
    first = capsys.readouterr()
    assert "3 seeds: 2 in" in first.err
    assert "Equivalence" not in first.out
    (line,) = [json.loads(line) for line in out.read_text().splitlines()]
    assert 0 < line["result"]["half_width"] < 1
    with out.open("a") as file:
        file.write('{"key": "cut')
    verdicts.main([*call, "--worlds", "3 seeds;equal, 320 patients"])
    second = capsys.readouterr()
    assert "3 seeds: 2 in" not in second.err
    assert "equal, 320 patients: 2 in" in second.err
    table = [row for row in first.out.splitlines() if row.startswith("| 3 seeds")]
    assert table
    assert set(table) <= set(second.out.splitlines())


def test_an_unknown_world_is_named() -> None:
    with pytest.raises(SystemExit):
        verdicts.main(["--worlds", "no such"])


def test_separation_is_the_inverse_of_accuracy() -> None:
    assert stats.norm.cdf(separation(0.8, 0.3, 0.4) / np.sqrt(1 + 0.09 + 0.16)) == pytest.approx(0.8)


def test_mcnemars_test_of_many_is_that_of_each() -> None:
    right = np.random.default_rng(0).random((5, 40)) < np.linspace(0.5, 1, 5)[:, None]
    right[1] = right[0]
    found = mcnemar(right[1:], right[0])
    assert found == pytest.approx([mcnemar_exact(own, right[0]) for own in right[1:]])
    assert found[0] == 1


def test_what_is_kept_is_shown_without_simulating(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "lines.jsonl"
    call = ["--repeats", "2", "--samples", "60", "--jobs", "1", "--out", str(out)]
    with pytest.raises(SystemExit):
        verdicts.main([*call, "--kept"])
    verdicts.main([*call, "--parts", "promise,hard", "--worlds", "3 seeds;10 + 10 patients"])
    first = capsys.readouterr().out
    verdicts.main([*call, "--parts", "usual,hard,explored,promise,rounds,folds", "--kept"])
    second = capsys.readouterr()
    assert second.err == ""
    assert [row for row in second.out.splitlines() if row.startswith("|")] == [
        row for row in first.splitlines() if row.startswith("|")
    ]


def test_what_was_promised_before_is_half_width_and_room_for_chance() -> None:
    found = Before(*(np.array([value] * 4) for value in (0.0, 0.1, 0.5, 0.02, 0.01, 0.01, np.inf)))
    half = np.hypot(stats.t.ppf(1 - 0.025 / 4, 2) * 0.02 / np.sqrt(3), stats.norm.ppf(1 - 0.025 / 4) * 0.01)
    expected = half + stats.norm.ppf(0.8) * np.hypot(0.02 / np.sqrt(3), 0.01)
    assert found.promised(3) == pytest.approx(expected, rel=1e-4)
