"""Techniques whose answers only rank: no number that takes a threshold or a probability, whoever asks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from balancing.metrics import METRICS, can_tell, told
from sweep.analysis.carried import trial_ledger
from sweep.analysis.decisions.calibration import calibration_table, class_table
from sweep.analysis.decisions.ledger import ledger_table
from sweep.analysis.decisions.net_benefit import benefit_curves
from sweep.analysis.decisions.operating_points import operating_points, score_curves
from sweep.analysis.decisions.predictive_values import predictive_table
from sweep.analysis.decisions.reliability import reliability_curves
from sweep.analysis.decisions.same_rule import same_rule_table
from sweep.analysis.decisions.table import decision_table
from sweep.analysis.figures.confusion import confusion_plot
from sweep.analysis.figures.epochs import epochs_plot
from sweep.analysis.figures.recall_specificity import recall_specificity_plot
from sweep.analysis.maps.networks import best_trials, kept_trials
from sweep.analysis.results import Results
from sweep.analysis.tables import confusion_matrices, confusion_table, results_table
from sweep.report.words.scores import no_maps, scores_sentence
from sweep.report.words.verdict import verdict
from sweep.runs.run import Run
from sweep.runs.spec import TrialSpec
from tests.sweep.fake_run import fake_images, fake_run

TRAINED = ["baseline", "undersampling", "deep_auc"]
DECIDED, CALIBRATED = "deep_auc+threshold", "deep_auc+bcts"
EVERY = [*TRAINED, DECIDED, CALIBRATED]


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    folder = tmp_path_factory.mktemp("scores")
    images = fake_images(folder / "images", size=32, per_class=(60, 200))
    run = fake_run(folder / "run", images, techniques=TRAINED, failing=False, checkpoints=3, lrs=(0.001,))
    loaded = yaml.safe_load(run.config_yaml)
    loaded["space"] |= {"techniques": EVERY}
    (run.path / "config.yaml").write_text(yaml.safe_dump(loaded))
    return Results(Run(run.path))


def of(table: pd.DataFrame) -> set[str]:
    return set(table["technique"])


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_one_place_says_what_answers_can_tell() -> None:
    assert [gives for gives in ("probabilities", "decisions", "scores") if can_tell(gives, "loss")] == ["probabilities"]  # type: ignore[arg-type]
    for metric in METRICS:
        assert can_tell("probabilities", metric)
        assert can_tell("decisions", metric)
        assert can_tell("scores", metric) == (metric == "auroc")
    numbers = {"loss": 0.5, "recall": 0.25, "tp": 3.0, "auroc": 0.75}
    assert told(numbers, "probabilities") == numbers
    assert {name for name, value in told(numbers, "scores").items() if value == value} == {"auroc"}
    assert {name for name, value in told(numbers, "decisions").items() if value == value} == {"recall", "tp", "auroc"}


def test_results_have_the_auroc_alone_of_scores_and_rates_once_a_threshold_is_fitted(results: Results) -> None:
    table = results.table().set_index("technique")
    rates = [metric for metric in METRICS if metric != "auroc"]
    assert list(table.index) == ["baseline", "undersampling", "deep_auc", CALIBRATED, DECIDED]
    assert table.loc["deep_auc", rates].isna().all()
    assert np.isfinite(table.drop(index="deep_auc")[list(METRICS)].to_numpy(dtype=float)).all()
    areas = table["auroc"]
    assert areas["deep_auc"] == pytest.approx(areas[DECIDED], abs=1e-12)
    tested = results.test_table().set_index("technique")
    assert tested.loc["deep_auc", ["loss", "tp", "fn"]].isna().all(axis=None)
    assert tested.loc[DECIDED, "loss"].isna().all()
    assert tested.loc[CALIBRATED, "loss"].notna().all()
    shown = results_table(results).set_index("technique")
    assert np.isnan(shown.loc["deep_auc", "validation"])
    assert shown.drop(index="deep_auc")["validation"].notna().all()


def test_scores_are_chosen_by_auroc_and_the_run_by_its_own_metric(results: Results) -> None:
    assert results.metric == "balanced_accuracy"
    assert {c["technique"]: c["metric"] for c in results.selection()} == {
        "baseline": "balanced_accuracy",
        "undersampling": "balanced_accuracy",
        "deep_auc": "auroc",
    }
    best = best_trials(results).set_index("technique")
    assert best.loc["deep_auc", "value"] == best.loc["deep_auc", "auroc"]
    assert set(kept_trials(results)) == {"baseline", "undersampling"}


def test_comparisons_leave_out_scores_and_adjust_for_none_of_them(results: Results) -> None:
    found = results.differences()
    assert of(found) == {"undersampling", DECIDED, CALIBRATED}
    assert of(results.differences("auroc")) == {*EVERY} - {"baseline"}
    seeds = results.seed_differences().set_index("technique")
    assert seeds.loc["deep_auc", ["difference", "mcnemar"]].isna().all(axis=None)
    assert seeds.loc["deep_auc", ["auroc_difference", "delong"]].notna().all(axis=None)


def test_what_takes_probabilities_is_of_probabilities_alone(results: Results) -> None:
    probable = {"baseline", "undersampling", CALIBRATED}
    assert of(calibration_table(results, rng(), 20)) == probable
    assert of(class_table(results, rng(), 20)) == probable
    assert of(reliability_curves(results)) == probable
    assert of(benefit_curves(results, rng(), 20)) == probable
    ledger = ledger_table(results, rng(), 20).set_index("technique")
    assert ledger.loc[["deep_auc", DECIDED], ["designed", "measured"]].isna().all(axis=None)
    assert ledger.loc["deep_auc", "unknown"] == "aucm"
    assert ledger.loc[CALIBRATED, "designed"] == pytest.approx(0)


def test_a_class_that_does_not_train_leaves_t_unknown() -> None:
    found = trial_ledger("deep_svdd", TrialSpec("deep_svdd", 0.01, 1, 0), [90, 10], [90, 0])
    assert found is not None
    assert (found.removed, found.unknown) == (None, ("deep_svdd",))


def test_what_takes_decisions_is_of_those_that_decide(results: Results) -> None:
    deciding = {*EVERY} - {"deep_auc"}
    assert of(decision_table(results, rng(), 20)) == deciding
    assert of(predictive_table(results, rng(), [0.1], 20)) == deciding
    assert {name for name, _ in confusion_matrices(results)} == deciding
    assert of(confusion_table(results)) == deciding
    assert confusion_table(results)["TP"].dtype == np.int64
    rules = same_rule_table(results, 20)
    assert of(rules[rules["rule"] == "argmax"]) == {"baseline", "undersampling"}
    assert of(rules[rules["rule"] == "threshold"]) == set(TRAINED)
    assert of(rules[rules["rule"] == "posthoc_logit_adjustment"]) == {"baseline", "undersampling"}


def test_what_takes_an_order_is_of_all(results: Results) -> None:
    curves = score_curves(results, rng(), 20, 10)
    assert curves is not None
    assert of(curves.points) == of(operating_points(results, rng(), 20)) == set(EVERY)
    assert curves.points["average_precision"].notna().all()


def test_figures_draw_what_there_is(results: Results) -> None:
    by_epoch = epochs_plot(results, "balanced_accuracy")
    assert by_epoch is not None
    assert "for 2 techniques" in by_epoch.alt
    assert "for 3 techniques" in epochs_plot(results, "auroc").alt  # type: ignore[union-attr]
    assert "for 4 techniques" in recall_specificity_plot(results).alt  # type: ignore[union-attr]
    assert "of 4 techniques" in confusion_plot(results).alt  # type: ignore[union-attr]


def test_a_sentence_says_who_lacks_it_why_and_what_to_do(results: Results) -> None:
    assert scores_sentence(results, "balanced_accuracy", "AUROC alone") == (
        "Deep AUC has AUROC alone: its answers are scores that rank images, and nothing says where a class begins "
        "before a threshold is fitted (deep_auc+threshold)."
    )
    both = scores_sentence(results, "loss", "no calibration")
    assert both.startswith("Deep AUC and Deep AUC + Threshold have no calibration: their answers are scores")
    assert both.endswith("no probabilities before they are calibrated (deep_auc+bcts).")
    assert scores_sentence(results, "auroc", "none") == ""
    assert no_maps(results).startswith("Without maps, which are of the class that a network decides on: Deep AUC,")
    assert "AUROC alone" in results._repr_html_()


def test_a_run_of_baseline_and_scores_has_no_verdict_but_says_why(tmp_path: Path) -> None:
    images = fake_images(tmp_path / "images", size=16)
    run = fake_run(tmp_path / "run", images, techniques=["deep_auc", "baseline"], failing=False)
    found = Results(run)
    assert found.metric == "balanced_accuracy"
    assert verdict(found).startswith(
        "No comparison in test balanced accuracy: Deep AUC has none: its answers are scores"
    )
