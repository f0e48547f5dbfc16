"""Intervals, paired tests and power: against scikit-learn, statsmodels, hand-computed cases and simulation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

from balancing.metrics import METRICS, evaluate, weighted_auroc
from sweep.analysis.results import Results
from sweep.analysis.statistics.bootstrap import patient_weights, weighted_metrics
from sweep.analysis.statistics.intervals import estimate, exact_limits, metric_estimate, n_patients, near_boundary
from sweep.analysis.statistics.paired import compare
from sweep.analysis.statistics.power import detectable, seeds_needed, times_the_patients
from sweep.analysis.statistics.tests import delong, holm, mcnemar_exact
from sweep.report.words.verdict import what_it_would_take
from tests.sweep.fake_run import SIX, fake_images, fake_run


@pytest.mark.parametrize(("classes", "positive"), [(2, 1), (2, 0), (3, None)])
def test_weights_count_as_repeated_images_do(classes: int, positive: int | None) -> None:
    rng = np.random.default_rng(classes)
    labels = rng.integers(0, classes, 120)
    probabilities = rng.dirichlet(np.ones(classes), 120).round(2)  # rounded: ties
    weights = rng.integers(0, 4, (6, 120))
    found = weighted_metrics(labels, probabilities, positive, weights.astype(np.float32))
    for sample in range(6):
        expected = evaluate(np.repeat(labels, weights[sample]), probabilities.repeat(weights[sample], axis=0), positive)
        for name in METRICS:
            assert found[name][sample] == pytest.approx(expected[name], abs=1e-9)


def test_weighted_auroc_against_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    positive = rng.random(80) < 0.4
    scores = rng.normal(positive, 1).round(1)
    weights = rng.random((3, 80)).astype(np.float32)
    expected = [roc_auc_score(positive, scores, sample_weight=w) for w in weights]
    assert weighted_auroc(positive, scores, weights) == pytest.approx(expected, abs=1e-6)
    assert np.isnan(weighted_auroc(np.ones(5, dtype=bool), np.arange(5.0), np.ones((1, 5)))).all()


def test_patients_go_in_and_out_whole_and_classes_keep_their_patients() -> None:
    rng = np.random.default_rng(0)
    patients = np.repeat(np.arange(40), rng.integers(1, 5, 40))
    labels = (patients < 10).astype(np.int64)
    weights = patient_weights(labels, patients, 300, rng)
    first = np.unique(patients, return_index=True)[1]
    assert (weights == weights[:, first][:, patients]).all(), "images of one patient weigh the same"
    assert (weights[:, first][:, :10].sum(axis=1) == 10).all()
    assert (weights[:, first][:, 10:].sum(axis=1) == 30).all()
    assert weights[:, first].mean(axis=0) == pytest.approx(1, abs=0.25)


def test_patients_of_several_classes_are_drawn_with_their_rarest() -> None:
    rng = np.random.default_rng(0)
    patients = np.repeat(np.arange(200), 4)
    labels = rng.choice(5, 800, p=[0.4, 0.3, 0.15, 0.1, 0.05])
    weights = patient_weights(labels, patients, 3000, rng)[:, ::4]
    rarest = np.argsort(np.argsort(-np.bincount(labels)))[labels].reshape(200, 4).max(axis=1)
    for kind in range(5):
        assert (weights[:, rarest == kind].sum(axis=1) == (rarest == kind).sum()).all()
    # A mean over images then varies as one of 200 patients does, and not less.
    values = rng.normal(size=200)
    within = sum(((values[rarest == k] - values[rarest == k].mean()) ** 2).sum() for k in range(5)) / 200**2
    assert (weights @ values / 200).var() == pytest.approx(within, rel=0.1)


@pytest.mark.parametrize(("hits", "n"), [(0, 20), (1, 20), (390, 390), (387, 390)])
def test_exact_limits_against_statsmodels(hits: int, n: int) -> None:
    assert exact_limits(hits / n, n) == pytest.approx(proportion_confint(hits, n, method="beta"))


def test_a_rate_that_nothing_moves_has_exact_limits_all_the_same() -> None:
    sure = estimate([1.0, 1.0, 1.0], np.ones((3, 100)))
    assert (sure.low, sure.high) == (1.0, 1.0)
    found = near_boundary(sure, 390)
    assert (found.low, found.high) == (pytest.approx(0.025 ** (1 / 390)), 1.0)
    middling = estimate([0.8, 0.82, 0.81], np.random.default_rng(0).normal(0.81, 0.02, (3, 500)))
    assert near_boundary(middling, 390) == middling


def test_intervals_near_the_ceiling_cover_the_truth() -> None:
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(300):
        right = rng.random((3, 60)) < 0.985  # three networks, sixty patients
        weights = rng.multinomial(60, np.full(60, 1 / 60), size=300)
        found = near_boundary(estimate(right.mean(axis=1), right @ weights.T / 60), 60)
        covered += found.low <= 0.985 <= found.high
    assert covered / 300 >= 0.94


def test_how_many_patients_stand_behind_a_metric() -> None:
    labels, patients = np.array([1, 1, 1, 0, 0, 0, 0]), np.array([*"aabcdee"])
    assert n_patients(labels, patients, 1) == {"fewest": 2, "recall": 2, "specificity": 3}
    assert n_patients(labels, patients, None) == {"fewest": 2, "classes": 2, "others": 2}


def test_balanced_accuracy_takes_its_limits_from_both_rates_near_the_ceiling() -> None:
    rng = np.random.default_rng(0)
    covered, widths = 0, []
    for _ in range(200):
        found_ill, found_healthy = rng.random((3, 80)) < 0.99, rng.random((3, 50)) < 0.97
        of_ill = found_ill @ rng.multinomial(80, np.full(80, 1 / 80), 300).T / 80
        of_healthy = found_healthy @ rng.multinomial(50, np.full(50, 1 / 50), 300).T / 50
        values = {"recall": found_ill.mean(axis=1), "specificity": found_healthy.mean(axis=1)}
        resampled = {"recall": of_ill, "specificity": of_healthy}
        values["balanced_accuracy"] = (values["recall"] + values["specificity"]) / 2
        resampled["balanced_accuracy"] = (of_ill + of_healthy) / 2
        behind = {"fewest": 50.0, "recall": 80.0, "specificity": 50.0}
        found = metric_estimate("balanced_accuracy", values, resampled, behind)  # type: ignore[arg-type]
        covered += found.low <= 0.98 <= found.high
        widths.append(found.high - found.low)
    assert covered / 200 >= 0.94
    assert np.median(widths) < 0.12, "not as wide as the limits of the rarer class alone"


def test_a_perfect_area_has_limits() -> None:
    perfect = {"auroc": [1.0, 1.0]}, {"auroc": np.ones((2, 50))}
    found = metric_estimate("auroc", *perfect, {"fewest": 30.0})
    assert (found.low, found.high) == (pytest.approx(0.025 ** (1 / 30)), 1.0)


def test_images_without_a_patient_are_their_own(tmp_path: Path) -> None:
    run = fake_run(tmp_path / "run", fake_images(tmp_path / "images"), failing=False)
    patients = Results(run).patients
    assert patients.nunique() == len(patients)


def test_mcnemar_against_statsmodels() -> None:
    rng = np.random.default_rng(1)
    for _ in range(20):
        a, b = rng.random(60) < 0.8, rng.random(60) < rng.uniform(0.4, 0.9)
        table = [[int((a & b).sum()), int((a & ~b).sum())], [int((~a & b).sum()), int((~a & ~b).sum())]]
        assert mcnemar_exact(a, b) == pytest.approx(mcnemar(table, exact=True).pvalue)
    assert mcnemar_exact(a, a) == 1.0


def test_delong_areas_against_scikit_learn_and_the_pairwise_definition() -> None:
    rng = np.random.default_rng(2)
    positive = rng.random(70) < 0.4
    a, b = rng.normal(positive, 1).round(1), rng.normal(positive * 0.5, 1).round(1)
    found = delong(positive, a, b)
    assert found.auroc_a == pytest.approx(roc_auc_score(positive, a))
    assert found.auroc_b == pytest.approx(roc_auc_score(positive, b))
    wins = []
    for scores in (a, b):  # the kernel of every pair, written out (DeLong et al. 1988, eq. 2)
        pairs = scores[positive][:, None] - scores[~positive][None, :]
        wins.append((pairs > 0) + 0.5 * (pairs == 0))
    of_positive = np.cov(wins[0].mean(axis=1), wins[1].mean(axis=1))
    of_negative = np.cov(wins[0].mean(axis=0), wins[1].mean(axis=0))
    covariance = of_positive / positive.sum() + of_negative / (~positive).sum()
    contrast = np.array([1, -1])
    assert found.standard_error == pytest.approx(float(np.sqrt(contrast @ covariance @ contrast)))
    assert found.p == pytest.approx(2 * stats.norm.sf(abs(found.difference) / found.standard_error))


def test_delong_by_hand() -> None:
    # Positives 3, 1; negatives 2, 0. A wins 3 of 4 pairs: placements of positives 1, 1/2, of negatives 1/2, 1.
    # B wins all: its placements are 1. Differences -(0, 1/2) and -(1/2, 0): variance 1/8 each, (1/8 + 1/8) / 2.
    positive = np.array([True, True, False, False])
    found = delong(positive, np.array([3.0, 1, 2, 0]), np.array([3.0, 2, 1, 0]))
    assert (found.auroc_a, found.auroc_b, found.difference) == (0.75, 1.0, -0.25)
    assert found.standard_error == pytest.approx(np.sqrt(1 / 8))
    assert delong(positive, np.arange(4.0), np.arange(4.0)).p == 1.0
    assert np.isnan(delong(np.array([True, False, False]), np.arange(3.0), np.arange(3.0)).p)


def test_holm_against_statsmodels() -> None:
    rng = np.random.default_rng(3)
    for size in (1, 4, 9):
        p = rng.random(size) ** 2
        assert holm(p) == pytest.approx(multipletests(p, method="holm")[1])
    assert holm(np.array([0.01, 0.04, 0.03, 0.005])) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm(np.array([])).size == 0


def test_without_chance_in_patients_the_interval_is_students() -> None:
    values = np.array([0.02, 0.05, 0.01, 0.04])
    found = estimate(values, np.repeat(values[:, None], 4000, axis=1))
    low, high = stats.t.interval(0.95, 3, values.mean(), stats.sem(values))
    assert (found.low, found.high) == pytest.approx((low, high), abs=2e-4)
    assert found.p == pytest.approx(stats.ttest_1samp(values, 0).pvalue, abs=1e-3)


@pytest.mark.parametrize("p", [1e-7, 3e-4, 1.1e-3, 2.4e-3, 0.05])
def test_small_p_values_of_a_few_seeds_are_students(p: float) -> None:
    values = np.array([-0.01, 0.0, 0.01]) + stats.t.isf(p / 2, 2) * 0.01 / np.sqrt(3)
    exact = stats.ttest_1samp(values, 0).pvalue
    assert exact == pytest.approx(p)
    resampled = np.repeat(values[:, None], 2000, axis=1)
    assert exact <= estimate(values, resampled).p * (1 + 1e-9) <= exact * 1.01 + 1e-3
    margin = 2 * values.mean()  # as far within the margin as it is from 0, but one tail
    assert estimate(values, resampled, margin=margin).equivalence_p >= exact / 2 * (1 - 1e-9)


def test_without_chance_in_training_the_interval_is_the_bootstraps() -> None:
    resampled = np.random.default_rng(0).normal(0, 0.02, 3000)
    resampled += 0.1 - resampled.mean()
    found = estimate([0.1, 0.1, 0.1], np.stack([resampled] * 3))
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(resampled, (0.025, 0.975))))
    assert found.p == 1.0, "seeds that all give the same show no spread to judge by"
    single = estimate([0.1], resampled[None])
    assert (single.low, single.high) == pytest.approx((found.low, found.high))
    assert np.isnan(single.p)


def test_seeds_that_agree_by_luck_make_no_narrow_interval() -> None:
    resampled = 0.1 + np.random.default_rng(0).normal(0, 0.02, (3, 2000))  # each network errs by itself
    found = estimate([0.1, 0.1, 0.1 + 1e-9], resampled)
    assert found.high - found.low == pytest.approx(2 * 1.96 * 0.02 / np.sqrt(3), rel=0.1)
    assert found.low < 0.1 < found.high


@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_the_interval_covers_the_truth_and_equal_techniques_rarely_win(seeds: int) -> None:
    rng = np.random.default_rng(seeds)
    covered, named, repeats = 0, 0, 300
    for _ in range(repeats):
        # The error from patients is shared by all seeds of a sweep; its bootstrap is centred on what was seen.
        differences = {}
        for technique in range(5):
            values = 0.03 + rng.normal(0, 0.02) + rng.normal(0, 0.02, seeds)
            resampled = values[:, None] + rng.normal(0, 0.02, 800)
            differences[str(technique)] = (values, resampled)
        table = compare(differences)
        covered += int(((table["low"] <= 0.03) & (table["high"] >= 0.03)).sum())
        null = compare({k: (v - 0.03, r - 0.03) for k, (v, r) in differences.items()})
        named += bool(((null["p_holm"] < 0.05) & (null["low"] > 0)).any())
    assert covered / (5 * repeats) >= 0.94
    assert named / repeats <= 0.05


def test_nothing_is_said_to_differ_by_more_than_a_metric_can() -> None:
    values = np.array([0.05, 0.3])  # Student's t with one degree of freedom: half widths of 1.6 and more
    table = compare({"a": (values, np.repeat(values[:, None], 500, axis=1))})
    assert (table["low"].item(), table["high"].item()) == (-1.0, 1.0)
    assert "no difference at all could have been told from chance with 2 seeds" in what_it_would_take(table)
    close = np.array([0.05, 0.051, 0.052])
    table = compare({"a": (close, np.repeat(close[:, None], 500, axis=1))})
    assert "differences up to 0.00" in what_it_would_take(table)


def test_seeds_that_agree_by_luck_promise_no_more_than_the_patients_allow() -> None:
    rng = np.random.default_rng(0)
    values = np.array([0.0205, 0.021, 0.0215])
    table = compare({"smote": (values, values[:, None] + rng.normal(0, 0.03, (3, 2000)))})
    high = table["high"].item()
    assert high > 0.045
    least = float(what_it_would_take(table).split("differences up to ")[1].split(" ")[0])
    assert least > high - values.mean(), "what could not be told is no less than half the interval"


def test_what_it_would_take_names_a_technique_that_is_not_the_nearest() -> None:
    rng = np.random.default_rng(0)
    values = np.array([0.01, 0.05, -0.02])
    one = (np.array([0.11]), 0.11 + rng.normal(0, 0.02, (1, 500)))
    table = compare({"oversampling": one, "smote": (values, values[:, None] + rng.normal(0, 0.02, (3, 500)))})
    assert what_it_would_take(table).startswith("With SMOTE, differences up to")


def test_more_patients_are_asked_for_with_the_seeds_that_they_take() -> None:
    rng = np.random.default_rng(0)
    values = np.array([0.0, 0.02, 0.01])
    shared = rng.normal(0, 0.03, 2000)
    table = compare({"smote": (values, values[:, None] + shared)})
    text = what_it_would_take(table)
    assert "no number of seeds would do with these patients" in text
    factor = float(text.split("about ")[-1].split(" ")[0])
    seeds = int(text.split("test patients and ")[1].split(" ")[0])
    sd, se = (float(table[name].item()) for name in ("seed_sd", "patient_se"))
    assert detectable(sd, se / np.sqrt(factor + 0.05), seeds, 1) <= 0.01 + 1e-9


def test_power_is_the_normal_formula_where_patients_are_all_the_chance() -> None:
    expected = (stats.norm.ppf(0.975) + stats.norm.ppf(0.8)) * 0.01
    assert detectable(0.0, 0.01, 5, 1) == pytest.approx(expected)
    assert times_the_patients(expected / 2, 0.0, 0.01, 5, 1) == pytest.approx(4, rel=1e-6)
    assert seeds_needed(expected * 0.99, 0.0, 0.01, 1) is None
    assert seeds_needed(expected * 1.001, 0.0, 0.01, 1) == 2


def test_seeds_needed_is_the_first_that_does() -> None:
    needed = seeds_needed(0.02, 0.03, 0.004, 5)
    assert needed is not None
    assert detectable(0.03, 0.004, needed, 5) <= 0.02 < detectable(0.03, 0.004, needed - 1, 5)


def test_seeds_needed_gives_about_the_power_it_says() -> None:
    rng = np.random.default_rng(0)
    seeds = seeds_needed(0.03, 0.03, 0.005, 1)
    assert seeds is not None
    won = 0
    for _ in range(300):
        values = 0.03 + rng.normal(0, 0.005) + rng.normal(0, 0.03, seeds)
        table = compare({"a": (values, values[:, None] + rng.normal(0, 0.005, 500))})
        won += bool((table["p_holm"] < 0.05).all())
    assert 0.7 < won / 300 < 0.92


def test_delong_claims_nothing_where_nothing_tells_its_error() -> None:
    positive = np.array([True, True, False, False])
    found = delong(positive, np.array([0.9, 0.8, 0.2, 0.1]), np.array([0.1, 0.2, 0.8, 0.9]))
    assert (found.difference, found.standard_error) == (1.0, 0.0)
    assert np.isnan(found.p)
    assert delong(positive, np.arange(4.0), np.arange(4.0)).p == 1.0


def test_tables_of_a_run(tmp_path: Path) -> None:
    images = fake_images(tmp_path / "images", per_class=(120, 240), size=4)
    run = fake_run(tmp_path / "run", images, seeds=3, failing=False, epochs=1)
    intervals = Results(run).intervals()
    assert set(intervals["technique"]) == set(SIX)
    assert (intervals["low"] <= intervals["mean"]).all()
    assert (intervals["mean"] <= intervals["high"]).all()
    differences = Results(run).differences()
    of_seeds = Results(run).seed_differences()
    assert len(of_seeds) == 5 * 3
    means = of_seeds.groupby("technique")["difference"].mean()
    assert differences.set_index("technique")["difference"].to_dict() == pytest.approx(means.to_dict())
    assert of_seeds["mcnemar"].between(0, 1).all()
    assert of_seeds["delong_holm"].to_numpy() == pytest.approx(multipletests(of_seeds["delong"], method="holm")[1])
    assert (of_seeds["auroc_low"] <= of_seeds["auroc_difference"]).all()
    assert (of_seeds["auroc_difference"] <= of_seeds["auroc_high"]).all()
    pd.testing.assert_frame_equal(differences, Results(run).differences())
    pd.testing.assert_frame_equal(of_seeds, Results(run).seed_differences())


def test_relabelling_the_classes_relabels_the_result(tmp_path: Path) -> None:
    """With the other class positive, recall and specificity change places; balanced accuracy and its test do not."""
    images = fake_images(tmp_path / "images", per_class=(60, 120), size=4)
    run = fake_run(tmp_path / "run", images, seeds=3, failing=False, epochs=1)
    before = Results(run).differences("recall")
    balanced = Results(run).differences("balanced_accuracy")
    run.update_info(data={**run.info["data"], "positive": 0})
    pd.testing.assert_frame_equal(before, Results(run).differences("specificity"))
    pd.testing.assert_frame_equal(balanced, Results(run).differences("balanced_accuracy"))
