"""Few test patients: intervals against Student's, laws of what counts as a patient, and simulation of false claims."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from balancing.data.patients import FEWEST
from benchmarks.few_patients import METRICS as SIMULATED
from benchmarks.few_patients import World, differences_of, is_called_different, metrics_of, one_sweep
from sweep.analysis.results import Results
from sweep.analysis.statistics.bootstrap import patient_strata, weighted_metrics
from sweep.analysis.statistics.few_patients import patient_draws
from sweep.analysis.statistics.intervals import Estimate, estimate
from sweep.analysis.statistics.paired import compare
from sweep.analysis.statistics.power import Freedom, detectable
from sweep.analysis.statistics.significance import significant
from sweep.report.build import found_warnings
from sweep.report.context import ReportContext
from sweep.report.sections.limits import limits_section
from sweep.report.words.verdict import answer_values, verdict
from sweep.runs.run import Run
from tests.sweep.fake_run import fake_images, fake_run


def mean_over_images(values: np.ndarray, images: np.ndarray, samples: int = 2000) -> Estimate:
    """Interval of one network's mean over images; each patient's images all have that patient's value."""
    patients = np.repeat(np.arange(len(values)), images)
    draws = patient_draws(np.zeros(len(patients), np.int64), patients, samples, np.random.default_rng(0))
    resampled = draws.weights @ values[patients] / draws.weights.sum(axis=1)
    return estimate([values[patients].mean()], resampled[None].astype(np.float64), draws.few)


@pytest.mark.parametrize("n", [3, 5, 10])
def test_of_few_patients_with_equal_images_the_interval_is_students_over_patients(n: int) -> None:
    values = np.random.default_rng(n).normal(0.2, 0.1, n)
    found = mean_over_images(values, np.full(n, 7))
    low, high = stats.t.interval(0.95, n - 1, values.mean(), stats.sem(values))
    assert found.freedom == pytest.approx(n - 1, rel=0.01)
    assert (found.high - found.low) / (high - low) == pytest.approx(1, abs=0.05)  # the bootstrap's own chance
    assert found.mean == pytest.approx((found.low + found.high) / 2, abs=0.02 * (high - low))


def test_of_two_classes_the_interval_is_welchs() -> None:
    rng = np.random.default_rng(1)
    ill, healthy = rng.normal(0.1, 0.2, 4), rng.normal(0.1, 0.1, 9)
    labels, patients = np.repeat([1, 0], [4, 9]), np.arange(13)
    draws = patient_draws(labels, patients, 4000, rng)
    parts = [draws.weights[:, :4] @ ill / 4, draws.weights[:, 4:] @ healthy / 9]
    found = estimate([ill.mean() + healthy.mean()], sum(parts)[None].astype(np.float64), draws.few)
    expected = stats.ttest_ind(ill, -healthy, equal_var=False)
    interval = expected.confidence_interval(0.95)
    assert found.freedom == pytest.approx(expected.df, rel=0.03)
    assert (found.low, found.high) == pytest.approx(tuple(interval), abs=0.04 * (interval.high - interval.low))


def test_with_many_patients_nothing_changes() -> None:
    labels, patients = np.repeat([0, 1], [400, 600]), np.arange(1000)
    rng = np.random.default_rng(2)
    right = rng.random((3, 1000)) < 0.8
    draws = patient_draws(labels, patients, 2000, rng)
    resampled = right.astype(np.float64) @ draws.weights.T / draws.weights.sum(axis=1)
    values = right.mean(axis=1)
    corrected = estimate(values, resampled, draws.few)
    alone = estimate(values, draws.few.parted(resampled)[1])
    assert corrected.high - corrected.low == pytest.approx(alone.high - alone.low, rel=0.01)
    assert (corrected.low, corrected.high) == pytest.approx((alone.low, alone.high), abs=5e-4)


def test_images_of_one_patient_add_no_information() -> None:
    values = np.array([0.1, 0.3, 0.2, 0.5])
    once, often = mean_over_images(values, np.ones(4, int)), mean_over_images(values, np.full(4, 50))
    assert (once.low, once.high, once.freedom) == pytest.approx((often.low, often.high, often.freedom))


def test_a_patient_with_most_of_the_images_leaves_hardly_any_freedom() -> None:
    values = np.array([0.1, 0.3, 0.2, 0.5, 0.4, 0.3])
    equal = mean_over_images(values, np.full(6, 20))
    lumpy = mean_over_images(values, np.array([200, 1, 1, 1, 1, 1]))
    assert lumpy.freedom < equal.freedom / 2
    assert lumpy.high - lumpy.low > 2 * (equal.high - equal.low)


def test_one_patient_of_a_class_tells_nothing() -> None:
    labels, patients = np.repeat([0, 1], [50, 50]), np.array(["a"] * 50 + [f"b{i}" for i in range(50)])
    draws = patient_draws(labels, patients, 200, np.random.default_rng(0))
    probabilities = np.random.default_rng(1).dirichlet((1, 1), (2, 100))
    ones = np.ones((1, 100), np.float32)
    weights = np.concatenate([ones, draws.weights])
    found = [weighted_metrics(labels, p, 1, weights) for p in probabilities]
    for metric in ("balanced_accuracy", "auroc", "f1"):
        values = np.array([one[metric][0] for one in found])
        resampled = np.stack([one[metric][1:] for one in found])
        judged = estimate(values, resampled, draws.few.about(metric, 1))
        assert (judged.low, judged.high, judged.p) == (-np.inf, np.inf, 1.0)
        table = compare({"smote": (values, resampled)}, draws.few.about(metric, 1, paired=True))
        assert table[["low", "high", "p"]].to_numpy().tolist() == [[-1, 1, 1]]
    recall = estimate(
        [f["recall"][0] for f in found], np.stack([f["recall"][1:] for f in found]), draws.few.about("recall", 1)
    )
    assert np.isfinite([recall.low, recall.high]).all(), "of the other class's patients it does not depend"


def test_relabelling_the_classes_changes_no_interval() -> None:
    rng = np.random.default_rng(3)
    labels = np.repeat([0, 1], [12, 30])
    patients = np.repeat(np.arange(14), 3)
    right = rng.random((2, 42)) < 0.7
    intervals = []
    for swapped in (False, True):
        own = 1 - labels if swapped else labels
        draws = patient_draws(own, patients, 500, np.random.default_rng(0))
        weights = np.concatenate([np.ones((1, 42), np.float32), draws.weights])
        both = [weighted_metrics(own, np.eye(2)[np.where(r, own, 1 - own)], 1, weights, areas=False) for r in right]
        both_ = np.stack([one["balanced_accuracy"] for one in both])
        few = draws.few.about("balanced_accuracy", 1, paired=True)
        found = estimate(both_[:, 0], both_[:, 1:], few)
        intervals.append((found.low, found.high, found.freedom))
    assert intervals[0] == pytest.approx(intervals[1])


def test_where_hardly_anybody_differs_the_others_may() -> None:
    """Three healthy patients whom both find tell little of a threshold that calls more people ill."""
    labels, patients = np.repeat([0, 1], [3, 200]), np.arange(203)
    rng = np.random.default_rng(0)
    draws = patient_draws(labels, patients, 500, rng)
    apart = np.where(labels == 1, rng.random((3, 203)) < 0.1, 0.0)  # recall is 0.1 better, specificity the same
    share = np.where(labels == 1, 1 / 200, 1 / 3) / 2
    few = draws.few.about("balanced_accuracy", 1, paired=True)
    weights = np.concatenate([np.ones((1, 203), np.float32), draws.weights])
    both = (apart * share) @ weights.T
    plain = estimate(both[:, 0], few.parted(both[:, 1:])[1])
    assert plain.low > 0
    assert estimate(both[:, 0], both[:, 1:], few).low < 0


def test_one_patient_left_alone_with_a_common_class_joins_the_others() -> None:
    labels = np.array([0, 1, 0, 1, 0, 1, 0])
    patient = np.array([0, 0, 1, 1, 2, 2, 3])  # three of both classes, one of the commoner alone
    assert len(set(patient_strata(labels, patient))) == 1
    assert patient_strata(np.array([0, 0, 0, 1]), np.array([0, 0, 1, 2])).tolist() == [0, 0, 1]


def test_power_counts_the_degrees_of_freedom() -> None:
    assert detectable(0.0, 0.01, 5, 1, Freedom(4)) == pytest.approx(
        (stats.t.ppf(0.975, 4) + stats.norm.ppf(0.8)) * 0.01
    )
    assert detectable(0.01, 0.01, 5, 1, Freedom(1e9)) == pytest.approx(detectable(0.01, 0.01, 5, 1), rel=1e-6)


def test_the_simulations_counts_are_the_reports_metrics() -> None:
    labels, patients, logits = one_sweep(World((3, 4), seeds=1, images=5), np.random.default_rng(0))
    draws = patient_draws(labels, patients, 20, np.random.default_rng(0))
    found = metrics_of(labels, patients, logits.reshape(2, -1), draws.weights)
    for place, row in enumerate(logits.reshape(2, -1)):
        p = 1 / (1 + np.exp(-row))
        expected = weighted_metrics(labels, np.stack([1 - p, p], axis=1), 1, draws.weights)
        for metric in SIMULATED:
            np.testing.assert_allclose(found[metric][place], expected[metric], atol=1e-6)


@pytest.mark.parametrize("world", [World((3, 3)), World((3, 30), seeds=3), World((5, 5), lumpy=True)], ids=str)
def test_where_nothing_is_true_hardly_any_sweep_is_significant(world: World) -> None:
    false, alone, repeats = 0, 0, 120
    for number in range(repeats):
        draws, found = differences_of(world, 200, np.random.default_rng([7, number]))
        values, resampled = found["balanced_accuracy"]
        false += is_called_different(estimate(values, resampled, draws.few.about("balanced_accuracy", 1, paired=True)))
        alone += is_called_different(estimate(values, draws.few.parted(resampled)[1]))
    assert false / repeats <= 0.09  # 5 % and what chance adds in 120 sweeps
    assert alone > false, "the bootstrap alone, as it was, claims more"


def run_with(folder: Path, per_class: int, skills: tuple[float, float] = (0.6, 3.0)) -> Run:
    """A run whose test split has ``per_class`` patients a class with 50 images in all."""
    images = fake_images(folder / "images", per_class=[200, 200], size=4)
    names = np.array([f"own{i}" for i in range(400)], dtype="U12")
    for label in (0, 1):
        rows = np.flatnonzero(images.labels == label)[:50]
        names[rows] = [f"test{label}_{i % per_class}" for i in range(50)]
    images = replace(images, patients=names)
    two, options = ("baseline", "smote"), {"seeds": 5, "epochs": 1}
    return fake_run(folder / "run", images, techniques=two, lrs=(0.001,), skills=skills, failing=False, **options)


@pytest.mark.parametrize("patients", [1, 2, FEWEST - 1])
def test_a_handful_of_patients_gives_no_verdict(tmp_path: Path, patients: int) -> None:
    run = run_with(tmp_path, patients)
    table = Results(run).differences()
    assert significant(table).empty
    assert (table["p"] == 1).all()
    sentence = verdict(Results(run))
    assert sentence.startswith(f"No verdict: the test split holds {patients} patient")
    assert "test on more patients" in sentence
    assert "could not be told" not in sentence
    assert answer_values(Results(run))["beats_baseline"] == []
    assert any(f"holds {patients} patient" in line for line in found_warnings(Results(run)))
    assert f"{patients} patient" in str(limits_section(ReportContext(Results(run))).blocks)
    intervals = Results(run).intervals().set_index(["technique", "metric"])
    row = intervals.loc[("smote", "balanced_accuracy")]
    assert row["high"] - row["low"] > 0.1 if patients == 2 else True
    if patients == 1:
        assert (table["low"].item(), table["high"].item()) == (-1, 1)
        assert (row["low"], row["high"]) == (0, 1)


def test_enough_patients_get_their_verdict(tmp_path: Path) -> None:
    run = run_with(tmp_path, 25)
    assert verdict(Results(run)).startswith("Statistically significant")
    assert "50 test patients" in verdict(Results(run))
    assert not any("no technique is declared" in line for line in found_warnings(Results(run)))


def test_many_classes_take_little_memory() -> None:
    """Two confusion matrices of 400 classes in each of 300 samples would be 768 MB."""
    import tracemalloc

    rng = np.random.default_rng(0)
    labels, probabilities = rng.integers(0, 400, 1200), rng.random((1200, 400), dtype=np.float32)
    weights = rng.multinomial(1200, np.full(1200, 1 / 1200), size=300).astype(np.float32)
    tracemalloc.start()
    found = weighted_metrics(labels, probabilities, None, weights, areas=False)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 60e6
    assert found["recall"].shape == (300,)
