"""Few test patients in the report: no sentence, test or interval that is bolder than they allow, and no ``nan``."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from balancing.data.patients import FEWEST
from sweep.analysis.decisions.calibration import calibration_table, class_table
from sweep.analysis.decisions.net_benefit import benefit_curves
from sweep.analysis.decisions.operating_points import score_curves
from sweep.analysis.decisions.thumbnails import thumbnail_predictions
from sweep.analysis.decisions.trivial_baselines import trivial_baselines
from sweep.analysis.figures.decision_curve import decision_curve_plot
from sweep.analysis.results import Results
from sweep.analysis.statistics.bootstrap import weighted_metrics
from sweep.analysis.statistics.few_patients import patient_draws
from sweep.analysis.statistics.intervals import metric_estimate, n_patients
from sweep.report.build import found_warnings
from sweep.report.context import ReportContext
from sweep.report.sections.calibration import calibration_section
from sweep.report.sections.differences import differences_table, seeds_table
from sweep.report.sections.looks import _share
from sweep.report.text.intervals import ranged
from sweep.report.text.numbers import percent
from sweep.report.words.maps import blackout_sentence, claim_sentence
from sweep.report.words.verdict import verdict, what_it_would_take
from tests.sweep.analysis.statistics.test_few_patients import run_with
from tests.sweep.fake_run import fake_images, fake_run

TESTS = ["mcnemar", "mcnemar_holm", "delong", "delong_holm"]


def test_tests_that_take_images_for_patients_are_not_made_of_a_handful(tmp_path: Path) -> None:
    run = run_with(tmp_path, FEWEST - 1)
    assert Results(run).seed_differences()[TESTS].isna().all(axis=None)
    table = seeds_table(Results(run))
    assert not any(re.fullmatch(r"<?0\.\d+", row[place].text) for row in table.rows for place in (4, 5, 8, 9))
    assert "neither test is made" in table.caption


def test_of_enough_patients_they_are_made(tmp_path: Path) -> None:
    run = run_with(tmp_path, FEWEST)
    assert (Results(run).seed_differences()[TESTS] < 0.05).all(axis=None), "the techniques do differ on these images"
    assert "neither test" not in seeds_table(Results(run)).caption


def test_of_one_patient_no_standard_error_is_told(tmp_path: Path) -> None:
    """Drawn anew one patient gives the same numbers each time, which is no standard error of 0."""
    run = run_with(tmp_path, 1)
    table = Results(run).differences()
    assert table["patient_se"].isna().all()
    assert Results(run).intervals()["patient_se"].isna().all()
    shown = differences_table(Results(run), table)
    assert shown.rows[0][shown.headers.index("SE over patients")].text == "\N{EN DASH}"


@pytest.mark.parametrize("patients", [1, 25])
def test_logistic_regression_has_the_intervals_of_a_network(tmp_path: Path, patients: int) -> None:
    run = run_with(tmp_path, patients)
    split = run.split()
    tested = split[split["split"] == "test"]
    kept = pd.DataFrame({"row": tested["row"], "label": tested["label"]})
    kept["p_0"], kept["p_1"] = 1.0 - tested["label"], 1.0 * tested["label"]  # right of all who were tested
    (run.path / "floors").mkdir()
    kept.to_parquet(run.path / "floors" / "logistic_regression.parquet", index=False)
    assert thumbnail_predictions(Results(run), None) is not None
    floor = trivial_baselines(Results(run), None, np.random.default_rng(0), samples=200)
    row = floor[floor["kind"] == "thumbnail"].iloc[0]
    for metric in ("recall", "specificity", "balanced_accuracy"):
        assert row[metric] == 1
        assert row[f"{metric}_low"] < 0.95, "the next patient may be missed"
    if patients == 1:
        assert row["auroc_low"] == 0
    always = floor[floor["kind"] == "always"]
    assert (always["recall_low"] == always["recall"]).all(), "that is so by construction, whoever is tested"


def test_calibration_calls_nothing_better_or_worse_from_a_handful(tmp_path: Path) -> None:
    run = run_with(tmp_path, FEWEST - 1)
    table = calibration_table(Results(run), np.random.default_rng(0), samples=200)
    row = table[(table["technique"] == "smote") & (table["stage"] == "before")].iloc[0]
    assert row["difference_brier_high"] < 0, "the interval alone would say better"
    section = calibration_section(ReportContext(Results(run)))
    words = str(section.blocks[1]) if section else ""
    assert "better than the baseline" not in words
    assert "from too few patients to call it better or worse" in words
    assert "right on average as far as can be told" not in words


def test_brier_scores_of_two_classes_end_at_1(tmp_path: Path) -> None:
    run = run_with(tmp_path, 1)
    table = calibration_table(Results(run), np.random.default_rng(0), samples=50)
    assert table[["brier_high", "brier_balanced_high"]].to_numpy().max() == 1
    differences = table[["difference_brier_low", "difference_brier_high"]].dropna().to_numpy()
    assert (differences.min(), differences.max()) == (-1, 1)


def test_a_class_of_one_patient_hides_no_other_classs_brier_score(tmp_path: Path) -> None:
    images = fake_images(tmp_path / "images", ("A", "B", "C"), per_class=[40, 40, 40], size=4)
    options = {"lrs": (0.001,), "epochs": 1, "failing": False, "test_counts": (1, 15, 15)}
    run = fake_run(tmp_path / "run", images, techniques=("baseline",), **options)
    table = class_table(Results(run), np.random.default_rng(0), samples=50).set_index("class_name")
    assert (table.loc["A", "brier_high"] == 2).all(), "one patient tells nothing"
    assert (table.loc[["B", "C"], "brier_high"] < 1.5).all()


def test_with_three_classes_one_image_that_errs_makes_no_metric_certain() -> None:
    labels, names = np.repeat([0, 1, 2], 60), np.repeat(np.arange(15), 12)
    draws = patient_draws(labels, names, 200, np.random.default_rng(0))
    weights = np.concatenate([np.ones((1, 180), np.float32), draws.weights])
    lows = []
    for missed in (0, 1):
        decided = labels.copy()
        decided[:missed] = 1
        found = weighted_metrics(labels, np.eye(3)[decided], None, weights)
        values = {name: [float(value[0])] for name, value in found.items()}
        resampled = {name: value[None, 1:] for name, value in found.items()}
        behind = n_patients(labels, names, None)
        lows.append([metric_estimate(name, values, resampled, behind, draws.few).low for name in found])
    np.testing.assert_allclose(lows[1], lows[0], atol=0.03)
    assert max(lows[0]) < 0.8


@pytest.mark.parametrize("patients", [5, 25])
def test_one_image_that_errs_makes_no_metric_certain(patients: int) -> None:
    """Of a patient who is misread as a whole a test split without one knows nothing: exact limits do not end at 1."""
    labels, names = np.repeat([0, 1], 100), np.arange(200) % patients + 1000 * np.repeat([0, 1], 100)
    draws = patient_draws(labels, names, 200, np.random.default_rng(0))
    weights = np.concatenate([np.ones((1, 200), np.float32), draws.weights])
    behind = n_patients(labels, names, 1)
    lows = []
    for missed in (0, 1):
        right = np.where(labels == 1, 0.9, 0.1)
        right[200 - missed :] = 0.05
        found = weighted_metrics(labels, np.stack([1 - right, right], axis=1), 1, weights)
        values = {name: [float(value[0])] for name, value in found.items()}
        resampled = {name: value[None, 1:] for name, value in found.items()}
        names_of = ("recall", "precision", "f1", "balanced_accuracy", "auroc")
        lows.append([metric_estimate(name, values, resampled, behind, draws.few, 1).low for name in names_of])
    np.testing.assert_allclose(lows[1], lows[0], atol=0.03)


def test_the_area_has_one_interval_in_the_whole_report(tmp_path: Path) -> None:
    run = run_with(tmp_path, FEWEST)
    curves = score_curves(Results(run), np.random.default_rng(0), banded=20)
    assert curves is not None
    own = curves.points.set_index("technique")
    table = Results(run).intervals()
    for row in table[table["metric"] == "auroc"].to_dict("records"):
        limits = own.loc[row["technique"], ["auroc_low", "auroc_high"]]
        assert limits.tolist() == pytest.approx([row["low"], row["high"]], abs=1e-6)
    assert own.loc["smote", "auroc_low"] < 0.6 < own.loc["smote", "auroc"], "five patients show no perfect area"
    assert own.loc["smote", "average_precision_low"] < 0.6


@pytest.mark.parametrize(("patients", "warned"), [(FEWEST, True), (29, True), (30, False)])
def test_a_verdict_from_some_patients_is_one_on_patients_like_these(
    tmp_path: Path, patients: int, warned: bool
) -> None:
    run = run_with(tmp_path, patients)
    assert verdict(Results(run)).startswith("Statistically significant")
    lines = [line for line in found_warnings(Results(run)) if "patients like these" in line]
    assert bool(lines) == warned
    if warned:
        assert f"holds {patients} patients of class NORMAL" in lines[0]
        assert f"a chance of {100 * 0.9**patients:.0f} %" in lines[0]


def test_no_sentence_says_nan(tmp_path: Path) -> None:
    run = run_with(tmp_path, 1)
    plot = decision_curve_plot(benefit_curves(Results(run), np.random.default_rng(0), samples=50), 0.5)
    assert "too few patients for an interval" in plot.caption
    gap = {"edge_gap": 0.1, "edge_gap_low": np.nan, "edge_gap_high": np.nan}
    claim = claim_sentence(
        pd.DataFrame([{"technique": name, "edge": 0.6, "edge_area": 0.5, **gap} for name in ("smote", "oversampling")])
    )
    assert "can't be told" in claim
    drop = {"auroc_drop": 0.1, "auroc_drop_low": np.nan, "auroc_drop_high": np.nan}
    black = blackout_sentence(pd.DataFrame([{"technique": "smote", "blackout_images": 9, **drop}]))
    unknown = {f"{name}{end}": np.nan for name in ("mask_ratio", "pointing") for end in ("_low", "_high")}
    row = pd.Series({"mask": 0.4, "mask_ratio": 1.2, "pointing": 0.5, **unknown})
    for text in (plot.caption, claim, black, _share(row, "mask"), ranged(row, "pointing", percent)):
        assert "nan" not in text
        assert "\N{EN DASH} to" not in text


def test_no_endless_number_of_patients_is_asked_for() -> None:
    row = {"technique": "smote", "seeds": 2, "difference": 0.02, "seed_sd": 0.5, "patient_se": 0.1, "patient_sd": 0.2}
    text = what_it_would_take(pd.DataFrame([{**row, "patient_freedom": 4.0}]))
    assert "inf" not in text
    assert "many more test patients" in text
