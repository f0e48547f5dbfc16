"""Thresholds against brute force and scikit-learn, prior correction against known posteriors, temperature."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm
from sklearn.metrics import balanced_accuracy_score, f1_score, precision_recall_curve, roc_curve

from balancing.components.decisions.prior import shift_prevalence, shift_prior
from balancing.components.decisions.temperature import fit_temperature, temper
from balancing.components.decisions.threshold import (
    candidates,
    decide_by_threshold,
    threshold_balanced_accuracy,
    threshold_cost,
    threshold_f1,
    threshold_sensitivity,
)
from balancing.metrics import METRICS, evaluate
from sweep.analysis.decisions.preferences import DecisionPreferences
from sweep.analysis.decisions.table import (
    decision_table,
    split_prior,
    training_prior,
)
from sweep.analysis.results import Results
from sweep.report.blocks import Paragraph
from sweep.report.context import ReportContext
from sweep.report.sections.threshold import thresholds_section
from sweep.report.table import Table
from sweep.runs.run import Run
from tests.sweep.fake_run import SIX, fake_images, fake_run


def _scores(seed: int, n: int = 60, digits: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """Rounded, so that there are ties."""
    rng = np.random.default_rng(seed)
    positive = rng.random(n) < 0.3
    positive[:2] = True, False
    return positive, norm.cdf(rng.normal(positive * 1.2 - 0.5)).round(digits)


@pytest.mark.parametrize("seed", range(12))
def test_no_threshold_on_validation_does_better(seed: int) -> None:
    positive, scores = _scores(seed, digits=1 + seed % 3)
    tried = np.concatenate([np.unique(scores) - 1e-6, np.unique(scores) + 1e-6, [-0.1, 1.1]])
    called = scores >= tried[:, None]
    tp, fp = (called & positive).sum(axis=1), (called & ~positive).sum(axis=1)
    fn, tn = positive.sum() - tp, (~positive).sum() - fp
    own = scores >= threshold_balanced_accuracy(positive, scores)
    best = ((tp / (tp + fn) + tn / (tn + fp)) / 2).max()
    assert balanced_accuracy_score(positive, own) == pytest.approx(best)
    best = (2 * tp / (2 * tp + fp + fn)).max()
    assert f1_score(positive, scores >= threshold_f1(positive, scores)) == pytest.approx(best)
    own = scores >= threshold_cost(positive, scores, 5)
    assert 5 * (positive & ~own).sum() + (~positive & own).sum() == (5 * fn + fp).min()


@pytest.mark.parametrize("seed", range(6))
def test_thresholds_against_scikit_learns_curves(seed: int) -> None:
    positive, scores = _scores(seed, 200, 3)
    fpr, tpr, _ = roc_curve(positive, scores, drop_intermediate=False)
    own = scores >= threshold_balanced_accuracy(positive, scores)
    assert own[positive].mean() - own[~positive].mean() == pytest.approx((tpr - fpr).max())
    precision, recall, _ = precision_recall_curve(positive, scores)
    with np.errstate(invalid="ignore"):
        best = np.nanmax(2 * precision * recall / (precision + recall))
    assert f1_score(positive, scores >= threshold_f1(positive, scores)) == pytest.approx(best)
    for target in (0.5, 0.9, 0.95, 1.0):
        threshold = threshold_sensitivity(positive, scores, target)
        assert (scores >= threshold)[positive].mean() >= target - 1e-12
        higher = np.unique(scores[scores > threshold])
        # One score further up the target is missed.
        assert len(higher) < 2 or (scores >= higher[1])[positive].mean() < target


def test_thresholds_lie_in_the_middle_of_the_widest_stretch() -> None:
    # Apart: every threshold in (0.2, 0.8] is perfect.
    positive = np.array([False, False, True, True])
    assert threshold_balanced_accuracy(positive, np.array([0.1, 0.2, 0.8, 0.9])) == pytest.approx(0.5)
    assert threshold_f1(positive, np.array([0.1, 0.2, 0.6, 0.9])) == pytest.approx(0.4)
    # Two equal optima, Youden 1/2: (0.1, 0.3] and (0.4, 0.9]; the second is wider.
    positive, scores = np.array([False, True, False, True]), np.array([0.1, 0.3, 0.4, 0.9])
    assert threshold_balanced_accuracy(positive, scores) == pytest.approx(0.65)
    # A miss so cheap that calling nobody is best, and so dear that calling everyone is.
    mixed = np.array([True, False, True, False])
    assert threshold_cost(mixed, scores, 0.01) > 0.9
    assert threshold_cost(mixed, scores, 1000) <= 0.1


def test_candidates_run_from_everyone_to_nobody() -> None:
    positive, scores = np.array([True, False, True]), np.array([0.0, 0.5, 1.0])
    found = candidates(positive, scores)
    assert found.tp.tolist() == [2, 1, 1, 0]
    assert found.fp.tolist() == [1, 1, 0, 0]
    for threshold, tp, fp in zip(found.threshold, found.tp, found.fp, strict=True):
        called = scores >= threshold
        assert ((called & positive).sum(), (called & ~positive).sum()) == (tp, fp)


@pytest.mark.parametrize("constant", [True, False])
def test_where_nothing_can_be_fitted(constant: bool) -> None:
    one_class = np.full(5, constant)
    for fit in (threshold_balanced_accuracy, threshold_f1, threshold_sensitivity, threshold_cost):
        assert fit(one_class, np.linspace(0, 1, 5)) == 0.5
    # All scores equal: everyone or nobody, and sensitivity is reached by everyone.
    positive = np.array([True, False, False])
    same = np.full(3, 0.4)
    assert threshold_sensitivity(positive, same) <= 0.4
    assert threshold_f1(positive, same) <= 0.4
    assert threshold_cost(positive, same, 1) > 0.4
    with pytest.raises(ValueError, match="sensitivity"):
        threshold_sensitivity(positive, same, 0)
    with pytest.raises(ValueError, match="costs"):
        threshold_cost(positive, same, 0)


def test_half_is_the_most_probable_class() -> None:
    probabilities = np.random.default_rng(0).dirichlet([1, 1], 100)
    for positive in (0, 1):
        assert (decide_by_threshold(probabilities, positive, 0.5) == probabilities.argmax(axis=1)).all()


def test_prior_correction_is_exact_where_the_posterior_is_known() -> None:
    x = np.linspace(-4, 5, 200)
    densities = np.stack([norm.pdf(x, 0, 1), norm.pdf(x, 1.5, 0.8)], axis=1)

    def posterior(prior: np.ndarray) -> np.ndarray:
        joint = densities * prior
        return joint / joint.sum(axis=1, keepdims=True)

    training, target = np.array([0.9, 0.1]), np.array([0.35, 0.65])
    assert shift_prior(posterior(training), training, target) == pytest.approx(posterior(target))
    assert shift_prior(posterior(training), training) == pytest.approx(posterior(np.array([0.5, 0.5])))
    assert shift_prevalence(posterior(training), training, 1, 0.65) == pytest.approx(posterior(target))
    there = shift_prior(posterior(training), training, target)
    assert shift_prior(there, target, training) == pytest.approx(posterior(training)), "there and back"


def test_prior_correction_of_many_classes_and_of_certainty() -> None:
    probabilities = np.random.default_rng(1).dirichlet(np.ones(4), 30)
    prior = np.array([0.1, 0.2, 0.3, 0.4])
    shifted = shift_prior(probabilities, prior)
    assert shifted.sum(axis=1) == pytest.approx(1)
    assert shifted == pytest.approx((probabilities / prior) / (probabilities / prior).sum(axis=1, keepdims=True))
    certain = np.array([[1.0, 0.0]])
    assert shift_prior(certain, np.array([0.9, 0.1])).tolist() == [[1.0, 0.0]]
    assert shift_prior(certain, np.array([0.9, 0.1]), np.array([0.0, 1.0])).tolist() == [[0.0, 1.0]]
    for wrong in ([0.5, 0.4], [1.0, 0.0], [1.0]):
        with pytest.raises(ValueError, match="training prior"):
            shift_prior(probabilities[:, :2], np.array(wrong))


@pytest.mark.parametrize(("classes", "true"), [(2, 2.5), (4, 0.4), (3, 1.0)])
def test_the_temperature_that_sharpened_probabilities_is_found(classes: int, true: float) -> None:
    rng = np.random.default_rng(classes)
    logits = rng.normal(0, 1.5, (60_000, classes))
    calibrated = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels = (calibrated.cumsum(axis=1) < rng.random(len(logits))[:, None]).sum(axis=1)
    sharpened = temper(calibrated, 1 / true)
    assert fit_temperature(labels, sharpened) == pytest.approx(true, rel=0.03)
    assert temper(sharpened, true) == pytest.approx(calibrated, abs=1e-9)
    assert (temper(calibrated, 3.0).argmax(axis=1) == calibrated.argmax(axis=1)).all()


def test_temperature_without_a_least_value_stays_finite() -> None:
    right = np.array([[0.9, 0.1], [0.2, 0.8]])
    assert 0 < fit_temperature(np.array([0, 1]), right) < 0.05
    assert 20 < fit_temperature(np.array([1, 0]), right) < 60
    assert fit_temperature(np.array([], dtype=np.int64), np.zeros((0, 2))) == 1.0


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run whose baseline leans to the commoner class as its training prior says."""
    folder = tmp_path_factory.mktemp("run")
    images = fake_images(folder / "images", per_class=(120, 320), size=4)
    made = fake_run(folder / "run", images, seeds=3, failing=False, epochs=1, lrs=(0.001,))
    lean(made)
    return made


def lean(run: Run) -> None:
    """Multiplies the baseline's probabilities by the training prior."""
    for trial in Results(run).predictions:
        if trial.technique == "baseline":
            for part, known in (("validation", trial.validation), ("test", trial.test)):
                leaning = known.probabilities * split_prior(Results(run))
                leaning /= leaning.sum(axis=1, keepdims=True)
                run.trial(trial.trial_id).write_predictions(part, known.rows, known.labels, leaning)


def test_the_table_against_decisions_made_by_hand(run: Run) -> None:
    table = decision_table(Results(run), np.random.default_rng(0), 200).set_index("decision")
    assert list(table.index[:6]) == [
        "Baseline", "Undersampling", "Oversampling", "Augmentation", "SMOTE", "Borderline-SMOTE",
    ]  # fmt: skip
    assert list(table.index[6:]) == [
        "Baseline + threshold (balanced accuracy)",
        "Baseline + threshold (F1)",
        "Baseline + threshold (sensitivity 95\N{NO-BREAK SPACE}%)",
        "Baseline + threshold (cost 5:1)",
        "Baseline + prior correction",
    ]
    by_rule: dict[str, list[dict[str, float]]] = {}
    thresholds = []
    results = Results(run)
    for trial in (trial for trial in results.predictions if trial.technique == "baseline"):
        threshold = threshold_balanced_accuracy(trial.validation.labels == 1, trial.validation.probabilities[:, 1])
        thresholds.append(threshold)
        certain = np.eye(2)[(trial.probabilities[:, 1] >= threshold).astype(int)]
        by_rule.setdefault("threshold", []).append(evaluate(trial.labels, certain, 1))
        shifted = shift_prior(trial.probabilities, split_prior(results))
        by_rule.setdefault("prior", []).append(evaluate(trial.labels, shifted, 1))
        by_rule.setdefault("argmax", []).append(evaluate(trial.labels, trial.probabilities, 1))
    expected = {name: pd.DataFrame(rows).mean() for name, rows in by_rule.items()}
    named = {"argmax": "Baseline", "threshold": table.index[6], "prior": "Baseline + prior correction"}
    for rule, row in named.items():
        for metric in ("recall", "specificity", "precision", "f1", "balanced_accuracy"):
            assert table.loc[row, metric] == pytest.approx(expected[rule][metric])
        assert table.loc[row, "auroc"] == pytest.approx(expected["argmax"]["auroc"]), "thresholds move no area"
    assert table.loc[table.index[6], "threshold"] == pytest.approx(np.mean(thresholds))
    assert table.loc["Baseline + prior correction", "threshold"] == pytest.approx(split_prior(Results(run))[1])
    reference = table.loc[table.index[6], "balanced_accuracy"]
    differences = table["difference_balanced_accuracy"].drop(table.index[6])
    assert differences.to_dict() == pytest.approx((table["balanced_accuracy"] - reference)[differences.index].to_dict())
    assert np.isnan(table.loc[table.index[6], "difference_balanced_accuracy"])


def test_the_tables_intervals_and_its_repeatability(run: Run) -> None:
    table = decision_table(Results(run), np.random.default_rng(0))
    pd.testing.assert_frame_equal(table, decision_table(Results(run), np.random.default_rng(0)))
    for metric in METRICS:
        # Within the bootstrap's own error: where the seeds agree an interval is narrow.
        assert (table[f"{metric}_low"] <= table[metric] + 0.003).all()
        assert (table[metric] <= table[f"{metric}_high"] + 0.003).all()
    # The techniques' own rows are those that the rest of the report shows.
    other = Results(run).intervals().query("metric == 'recall'").set_index("technique")
    own = table[table["rule"] == "argmax"].set_index("technique")
    assert own["recall"].to_dict() == pytest.approx(other["mean"].to_dict())
    assert own["recall_low"].to_dict() == pytest.approx(other["low"].to_dict(), abs=0.01)


def test_stated_sensitivity_costs_and_prevalence_reach_the_table(run: Run) -> None:
    stated = DecisionPreferences(sensitivity=0.8, cost_ratio=20.0, prevalence=0.03)
    table = decision_table(Results(run), np.random.default_rng(0), 50, stated)
    by_rule = table[table["technique"] == "baseline"].set_index("rule")
    usual = decision_table(Results(run), np.random.default_rng(0), 50)
    before = usual[usual["technique"] == "baseline"].set_index("rule")
    assert by_rule.loc["sensitivity", "decision"].endswith("(sensitivity 80\N{NO-BREAK SPACE}%)")
    assert by_rule.loc["sensitivity", "threshold"] > before.loc["sensitivity", "threshold"]
    assert by_rule.loc["cost", "threshold"] <= before.loc["cost", "threshold"]
    assert "prevalence" not in before.index
    assert by_rule.loc["prevalence", "decision"].endswith("prior correction to 3\N{NO-BREAK SPACE}% positives")
    # By hand: the posterior odds at which the corrected ones are even.
    results = Results(run)
    prior = split_prior(results)[1]
    for probabilities in (trial.probabilities for trial in results.predictions if trial.technique == "baseline"):
        called = decide_by_threshold(probabilities, 1, by_rule.loc["prevalence", "threshold"])
        corrected = probabilities[:, 1] * 0.03 / prior > probabilities[:, 0] * 0.97 / (1 - prior)
        assert (called == corrected).all()


def test_a_leaning_baseline_is_set_right_by_its_threshold_and_by_its_prior(run: Run) -> None:
    table = decision_table(Results(run), np.random.default_rng(0), 200)
    of_baseline = table[table["technique"] == "baseline"].set_index("rule")["balanced_accuracy"]
    assert of_baseline["balanced_accuracy"] > of_baseline["argmax"] + 0.03
    assert of_baseline["prior"] > of_baseline["argmax"] + 0.03


def test_relabelling_the_classes_relabels_thresholds(run: Run) -> None:
    before = decision_table(Results(run), np.random.default_rng(0), 50).set_index("rule").loc["balanced_accuracy"]
    data = run.info["data"]
    run.update_info(data={**data, "positive": 0})
    try:
        after = decision_table(Results(run), np.random.default_rng(0), 50).set_index("rule").loc["balanced_accuracy"]
    finally:
        run.update_info(data=data)
    assert after["threshold"] == pytest.approx(1 - before["threshold"])
    assert (after["recall"], after["specificity"]) == pytest.approx((before["specificity"], before["recall"]))


def test_the_training_prior_is_told_only_where_records_tell(run: Run) -> None:
    counts = run.info["data"]["class_counts"]["train"]
    for technique in ("baseline", "augmentation"):
        assert training_prior(Results(run), technique) == pytest.approx(np.array(counts) / sum(counts))
    for technique in ("smote", "undersampling"):
        assert training_prior(Results(run), technique) == pytest.approx([0.5, 0.5])
    for technique in ("adasyn", "gone_by_now"):
        assert training_prior(Results(run), technique) is None


def test_sections_for_every_shape_of_run(tmp_path: Path, run: Run) -> None:
    section = thresholds_section(ReportContext(Results(run)))
    assert section is not None
    tables = [block for block in section.blocks if isinstance(block, Table)]
    assert [table.name for table in tables] == ["thresholds", "operating_points"]
    assert all(len(row) == len(table.headers) for table in tables for row in table.rows)
    assert isinstance(section.values, dict)
    assert len(section.values["decisions"]) == 11

    three = fake_images(tmp_path / "three", ("a", "b", "c"), size=4)
    many = fake_run(tmp_path / "many", three, failing=False, epochs=1, lrs=(0.001,))
    section = thresholds_section(ReportContext(Results(many)))
    assert section is not None
    assert "for two classes" in " ".join(block.text for block in section.blocks if isinstance(block, Paragraph))
    table = decision_table(Results(many), np.random.default_rng(0), 50)
    assert table["rule"].tolist() == ["argmax"] * 6 + ["prior"]
    assert table["threshold"].isna().all()

    images = fake_images(tmp_path / "images", size=4)
    arguments = {"failing": False, "epochs": 1, "lrs": (0.001,)}
    closed = fake_run(tmp_path / "closed", images, opened=False, **arguments)  # type: ignore[arg-type]
    assert thresholds_section(ReportContext(Results(closed))) is None
    assert decision_table(Results(closed), np.random.default_rng(0)).empty
    alone = fake_run(tmp_path / "alone", images, techniques=SIX[1:3], **arguments)  # type: ignore[arg-type]
    section = thresholds_section(ReportContext(Results(alone)))
    assert section is not None
    assert isinstance(section.blocks[0], Paragraph)
    assert section.blocks[0].text.startswith("No answer")
    single = fake_run(tmp_path / "single", images, techniques=SIX[:2], seeds=1, **arguments)  # type: ignore[arg-type]
    section = thresholds_section(ReportContext(Results(single)))
    assert section is not None
    assert isinstance(section.blocks[0], Paragraph)
    assert section.blocks[0].text.startswith("One seed decides nothing")
