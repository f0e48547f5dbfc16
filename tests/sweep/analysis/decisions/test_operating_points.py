"""Curves and operating points against scikit-learn, Bayes' rule and net benefit by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score, roc_curve

from balancing.metrics import weighted_auroc
from sweep.analysis.decisions.net_benefit import benefit_curves, net_benefit, treat_all
from sweep.analysis.decisions.operating_points import (
    FALSE_POSITIVE_RATES,
    RECALLS,
    average_precision,
    operating_points,
    precision_at,
    roc_at,
    score_curves,
    specificity_at,
    weighted_counts,
)
from sweep.analysis.decisions.predictive_values import predictive_curves, predictive_table, predictive_values
from sweep.analysis.figures.decision_curve import decision_curve_plot
from sweep.analysis.figures.precision_recall import precision_recall_plot
from sweep.analysis.figures.predictive_values import predictive_values_plot
from sweep.analysis.figures.roc import roc_plot
from sweep.analysis.figures.style import png, svg
from sweep.analysis.results import Results
from sweep.analysis.statistics.intervals import distributions, estimate
from sweep.report.blocks import Figures, Paragraph
from sweep.report.context import ReportContext
from sweep.report.sections.curves import curves_section
from sweep.runs.run import Run
from tests.sweep.fake_run import SIX, fake_images, fake_run


def _sample(seed: int, n: int = 90, digits: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels, scores with ties, and weights of four samples, some of them 0."""
    rng = np.random.default_rng(seed)
    positive = rng.random(n) < 0.4
    scores = rng.normal(positive, 1).round(digits)
    weights = np.vstack([np.ones(n), rng.integers(0, 4, (3, n))]).astype(np.float32)
    return positive, scores, weights


@pytest.mark.parametrize("seed", range(5))
def test_areas_against_scikit_learn(seed: int) -> None:
    positive, scores, weights = _sample(seed, digits=seed % 3)
    counts = weighted_counts(positive, scores, weights)
    expected = [roc_auc_score(positive, scores, sample_weight=w) for w in weights]
    assert weighted_auroc(positive, scores, weights) == pytest.approx(expected)
    expected = [average_precision_score(positive, scores, sample_weight=w) for w in weights]
    assert average_precision(counts) == pytest.approx(expected)


@pytest.mark.parametrize("seed", range(5))
def test_curves_against_scikit_learn(seed: int) -> None:
    positive, scores, weights = _sample(seed)
    counts = weighted_counts(positive, scores, weights)
    curves, precisions = roc_at(counts), precision_at(counts)
    for sample, weight in enumerate(weights):
        fpr, tpr, _ = roc_curve(positive, scores, sample_weight=weight, drop_intermediate=False)
        for x, y in zip(FALSE_POSITIVE_RATES, curves[sample], strict=True):
            # Between the highest point at or left of x and the lowest at or right of it.
            assert (
                tpr[fpr <= x + 1e-9].max() - 1e-9
                <= y
                <= max(tpr[fpr >= x - 1e-9].min(), tpr[fpr <= x + 1e-9].max()) + 1e-9
            )
        precision, recall, _ = precision_recall_curve(positive, scores, sample_weight=weight)
        for r, p in zip(RECALLS, precisions[sample], strict=True):
            # The least recall that is enough; of its thresholds the highest, which scikit-learn lists last.
            reached = np.flatnonzero(recall >= r - 1e-9)
            assert p == pytest.approx(precision[reached[-1]])
        for sensitivity in (0.5, 0.9, 0.95, 1.0):
            best = (1 - fpr[tpr >= sensitivity - 1e-9]).max()
            assert specificity_at(counts, [sensitivity])[sample, 0] == pytest.approx(best)


def test_a_class_without_weight_has_no_curve() -> None:
    positive, scores, _ = _sample(0)
    none = weighted_counts(positive, scores, np.where(positive, 0.0, 1.0)[None])
    for value in (roc_at(none), precision_at(none), specificity_at(none, [0.9]), average_precision(none)):
        assert np.isnan(value).all()


def test_predictive_values_by_hand() -> None:
    # Of 1,000 people 10 are ill; 9 of them and 99 of the 990 others are called so.
    ppv, npv = predictive_values(0.9, 0.9, 0.01)
    assert float(ppv) == pytest.approx(9 / 108)
    assert float(npv) == pytest.approx(891 / 892)
    ppv, npv = predictive_values(np.array([0.0, 1.0]), np.array([1.0, 0.0]), 0.5)
    assert np.isnan([ppv[0], npv[1]]).all(), "nobody is called so"
    assert (npv[0], ppv[1]) == (0.5, 0.5)


def test_net_benefit_by_hand() -> None:
    positive = np.array([True, True, False, False, False])
    scores = np.array([0.9, 0.3, 0.6, 0.2, 0.1])
    thresholds = np.array([0.25, 0.5, 0.95])
    # At 0.25: 2 true, 1 false positive of 5 at odds 1/3; at 0.5: 1 and 1 at odds 1; at 0.95 nobody.
    expected = [2 / 5 - 1 / 5 / 3, 1 / 5 - 1 / 5, 0.0]
    assert net_benefit(positive, scores, np.ones((1, 5), np.float32), thresholds)[0] == pytest.approx(expected)
    everyone = net_benefit(positive, np.ones(5), np.ones((1, 5), np.float32), thresholds)[0]
    assert treat_all(0.4, thresholds) == pytest.approx(everyone)
    assert float(treat_all(0.4, np.array([0.4]))[0]) == pytest.approx(0), "no better than nobody at the prevalence"
    twice = net_benefit(positive, scores, np.array([[2, 1, 1, 0, 1]], np.float32), thresholds)
    again = np.array([0, 0, 1, 2, 4])
    assert twice[0] == pytest.approx(net_benefit(positive[again], scores[again], np.ones((1, 5)), thresholds)[0])


@pytest.mark.parametrize("seeds", [1, 3])
def test_bands_are_the_intervals_of_single_numbers(seeds: int) -> None:
    rng = np.random.default_rng(seeds)
    values = rng.normal(0.8, 0.02, (seeds, 3))
    shared = rng.normal(0, 0.03, (1, 800, 3)) * np.array([1.0, 0.3, 0.0])
    resampled = values[:, None] + shared + rng.normal(0, 0.01, (seeds, 800, 3))
    low, high = distributions(values, resampled).limits()
    for point in range(3):
        expected = estimate(values[:, point], resampled[:, :, point])
        assert (low[point], high[point]) == pytest.approx((expected.low, expected.high), abs=1e-9)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("run")
    images = fake_images(folder / "images", per_class=(80, 200), size=4)
    return fake_run(folder / "run", images, failing=False, epochs=1, lrs=(0.001,))


def test_a_runs_curves_and_points(run: Run) -> None:
    curves = score_curves(Results(run), np.random.default_rng(0), 200, 50)
    assert curves is not None
    assert curves.prevalence == pytest.approx(200 / 280)
    expected = Results(run).test_table().groupby("technique")["auroc"].mean()
    assert curves.points.set_index("technique")["auroc"].to_dict() == pytest.approx(expected.to_dict())
    for lines in (curves.roc, curves.pr, benefit_curves(Results(run), np.random.default_rng(0), 50)):
        assert list(dict.fromkeys(lines["technique"])) == list(SIX)
        assert np.isfinite(lines[["mean", "low", "high"]].to_numpy()).all()
        assert (lines["low"] <= lines["high"]).all()
    assert (curves.roc.groupby("technique")["mean"].diff().dropna() >= -1e-12).all(), "an ROC curve never falls"
    points = operating_points(Results(run), np.random.default_rng(0), 100)
    assert (points["specificity_at_95"] <= points["specificity_at_90"]).all()
    again = score_curves(Results(run), np.random.default_rng(0), 200, 50)
    assert again is not None
    pd.testing.assert_frame_equal(curves.roc, again.roc)


def test_predictive_values_of_a_run_follow_from_its_rates(run: Run) -> None:
    table = predictive_table(Results(run), np.random.default_rng(0), (0.05, 0.5), 50)
    rates = Results(run).test_table().query("technique == 'smote'")
    ppv, npv = predictive_values(rates["recall"].to_numpy(), rates["specificity"].to_numpy(), 0.05)
    own = table[(table["technique"] == "smote") & (table["prevalence"] == 0.05)].iloc[0]
    assert (own["ppv"], own["npv"]) == pytest.approx((ppv.mean(), npv.mean()), abs=1e-6)
    curve = predictive_curves(Results(run), np.array([0.05, 0.5]))
    assert curve["ppv"].tolist() == pytest.approx(table["ppv"].tolist(), abs=1e-6)
    assert set(table["rule"]) == {"argmax", "balanced_accuracy"}


def test_figures_and_section(run: Run) -> None:
    section = curves_section(ReportContext(Results(run)))
    assert section is not None
    figures = [block for block in section.blocks if isinstance(block, Figures)]
    assert [plot.name for plot in figures[0].plots] == ["roc", "precision_recall"]
    assert isinstance(section.values, dict)
    assert len(section.values["areas"]) == len(SIX)
    curves = score_curves(Results(run), np.random.default_rng(0), 20, 20)
    assert curves is not None
    benefit = benefit_curves(Results(run), np.random.default_rng(0), 20)
    values = predictive_values_plot(Results(run), curves.prevalence)
    assert values is not None
    for plot in (roc_plot(curves), precision_recall_plot(curves), values, decision_curve_plot(benefit, 0.7)):
        assert plot.caption.endswith(".")
        assert plot.alt
        assert png(plot.figure, 40).startswith(b"\x89PNG")
    assert svg(roc_plot(curves).figure) == svg(roc_plot(curves).figure)


def test_more_classes_and_an_unopened_split(tmp_path: Path) -> None:
    images = fake_images(tmp_path / "three", ("a", "b", "c"), size=4)
    many = fake_run(tmp_path / "many", images, failing=False, epochs=1, lrs=(0.001,))
    section = curves_section(ReportContext(Results(many)))
    assert section is not None
    assert isinstance(section.blocks[0], Paragraph)
    assert "two classes" in section.blocks[0].text
    images = fake_images(tmp_path / "images", size=4)
    closed = fake_run(tmp_path / "closed", images, failing=False, epochs=1, opened=False)
    for run in (many, closed):
        assert score_curves(Results(run), np.random.default_rng(0)) is None
        assert operating_points(Results(run), np.random.default_rng(0)).empty
        assert benefit_curves(Results(run), np.random.default_rng(0)).empty
        assert predictive_table(Results(run), np.random.default_rng(0), (0.1,)).empty
        assert predictive_values_plot(Results(run), 0.1) is None
    assert curves_section(ReportContext(Results(closed))) is None


@pytest.mark.parametrize("techniques", [SIX[:1], SIX[1:3]])
def test_one_technique_or_no_baseline(tmp_path: Path, techniques: tuple[str, ...]) -> None:
    images = fake_images(tmp_path / "images", size=4)
    run = fake_run(tmp_path / "run", images, techniques=techniques, seeds=1, failing=False, epochs=1, lrs=(0.001,))
    section = curves_section(ReportContext(Results(run)))
    assert section is not None
    plots = [plot for block in section.blocks if isinstance(block, Figures) for plot in block.plots]
    assert all("One seed" in plot.caption for plot in plots)
    assert all(len(plot.figure.axes) >= len(techniques) for plot in plots)
