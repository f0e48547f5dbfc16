"""What stands beside the deciding metric: arrows follow intervals, and one number has one interval everywhere."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sweep.analysis.beside import (
    HIGHER_IS_BETTER,
    RECALL,
    against_threshold,
    arrow,
    beside_metrics,
    beside_table,
)
from sweep.analysis.decisions.calibration import calibration_table
from sweep.analysis.decisions.operating_points import recall_at, weighted_counts
from sweep.analysis.decisions.table import decision_table, once_each
from sweep.analysis.results import Results
from tests.sweep.invented import Skill, invented

OPPOSITE = {"better": "worse", "worse": "better", "level": "level", "unknown": "unknown"}


@pytest.fixture(scope="module")
def results() -> Results:
    skills = {
        "smote": Skill(better=0.6),
        "undersampling": Skill(shift=0.8),
        "focal": Skill(sharper=0.3, spread=0.0),
        "class_weights": Skill(better=-0.3),
    }
    return invented(skills, tilt=-0.8)


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (0.001, 0.5, "better"),
        (0.0, 0.5, "unknown"),
        (-0.5, -0.001, "worse"),
        (-0.019, 0.019, "level"),
        (-0.02, 0.01, "unknown"),
        (0.001, 0.002, "better"),
        (-np.inf, np.inf, "unknown"),
        (np.nan, np.nan, "unknown"),
    ],
)
def test_an_arrow_is_read_off_the_interval_and_turns_with_sign_and_good_direction(
    low: float, high: float, said: str
) -> None:
    assert arrow(low, high, 0.02, higher=True) == said
    assert arrow(-high, -low, 0.02, higher=True) == OPPOSITE[said]
    assert arrow(low, high, 0.02, higher=False) == OPPOSITE[said]


def test_a_wider_margin_makes_no_difference_better_or_worse() -> None:
    rng = np.random.default_rng(0)
    for low, width in zip(rng.normal(0, 0.05, 200), rng.exponential(0.05, 200), strict=True):
        narrow, wide = (arrow(low, low + width, margin, higher=True) for margin in (0.01, 0.1))
        assert narrow == wide or (narrow, wide) == ("unknown", "level")


def test_what_is_known_of_each_technique_is_what_the_arrows_say(results: Results) -> None:
    table = beside_table(results).set_index(["technique", "metric"])["arrow"]
    assert beside_metrics(results) == ["auroc", RECALL, "brier", "ece"]
    assert table["smote", "auroc"] == "better"
    assert table["smote", "brier"] == "better"
    assert table["class_weights", "auroc"] == table["class_weights", "brier"] == "worse"
    assert table["undersampling", "auroc"] == "level"  # a shift moves no rank
    assert table["undersampling", "ece"] == "better"  # the baseline's answers are tilted, its are not


def test_one_number_has_one_interval(results: Results) -> None:
    table = beside_table(results).set_index(["metric", "technique"])
    areas = results.differences("auroc").set_index("technique")
    of_calibration = calibration_table(results, np.random.default_rng(0))
    of_calibration = of_calibration[of_calibration["stage"] == "before"].set_index("technique")
    decided = decision_table(results, np.random.default_rng(0))
    decided = decided[decided["rule"] == "argmax"].set_index("technique")
    tuned = against_threshold(results).set_index("technique")
    for technique in ("smote", "undersampling", "focal", "class_weights"):
        for part in ("difference", "low", "high"):
            assert table.loc[("auroc", technique), part] == areas.loc[technique, part]
            end = "" if part == "difference" else f"_{part}"
            for name in ("brier", "ece"):
                assert table.loc[(name, technique), part] == of_calibration.loc[technique, f"difference_{name}{end}"]
            assert tuned.loc[technique, part] == decided.loc[technique, f"difference_balanced_accuracy{end}"]


def test_every_metric_has_a_good_direction(results: Results) -> None:
    assert {"brier", "ece"} == {name for name, higher in HIGHER_IS_BETTER.items() if not higher}
    assert set(beside_metrics(results)) | {results.metric} <= set(HIGHER_IS_BETTER)


def test_what_ranks_alike_is_level_in_ranking_alone(results: Results) -> None:
    decided = results.with_decisions("baseline+threshold")
    table = beside_table(decided).set_index(["technique", "metric"])["arrow"]
    assert table["baseline+threshold", "auroc"] == table["baseline+threshold", RECALL] == "level"
    assert table["baseline+threshold", "ece"] == "better"


def test_the_area_of_what_ranks_alike_is_the_same_whoever_is_tested(results: Results) -> None:
    results = results.with_decisions("baseline+threshold")
    ranked = results.differences("auroc").set_index("technique")
    beside = beside_table(results).set_index(["technique", "metric"])
    same = [name for name in ranked.index if name.endswith("+threshold")]
    assert same
    for name in same:
        for row in (ranked.loc[name], beside.loc[name, "auroc"], beside.loc[name, "recall_at_90_specificity"]):
            assert (row["difference"], row["low"], row["high"]) == (0, 0, 0)
        assert ranked.loc[name, "p"] == 1
        one_by_one = results.seed_differences().query("technique == @name")
        assert (one_by_one[["auroc_difference", "auroc_low", "auroc_high"]] == 0).all(axis=None)
    assert (ranked.drop(index=same)["high"] > ranked.drop(index=same)["low"]).all()


def test_the_baseline_s_threshold_is_not_asked_whether_it_does_the_same_as_itself(results: Results) -> None:
    decided = results.with_decisions(["baseline+threshold", "smote+threshold"])
    tuned = against_threshold(decided)["technique"].tolist()
    assert "baseline+threshold" not in tuned
    assert {"smote+threshold", "smote", "focal"} <= set(tuned)


def test_the_baseline_s_threshold_has_one_row_whatever_it_is_called(results: Results) -> None:
    decided = results.with_decisions(["baseline+threshold", "smote+threshold"])
    every = decision_table(decided, np.random.default_rng(0), 50)
    shown = once_each(every)
    assert set(every["technique"]) - set(shown["technique"]) == {"baseline+threshold"}
    assert len(every) - len(shown) == 1
    same = every[(every["technique"] == "baseline") & (every["rule"] == "balanced_accuracy")].iloc[0]
    assert same["recall"] == every[every["technique"] == "baseline+threshold"]["recall"].item()
    pd.testing.assert_frame_equal(
        once_each(decision_table(results, np.random.default_rng(0), 50)),
        decision_table(results, np.random.default_rng(0), 50),
    )


def test_one_seed_or_few_patients_tell_nothing() -> None:
    for few in (invented({"smote": Skill(better=2)}, seeds=1), invented({"smote": Skill(better=2)}, per_class=4)):
        table = beside_table(few)
        assert len(table)
        assert set(table["arrow"]) == {"unknown"}


def test_seeds_without_any_spread_tell_nothing_of_calibration_either() -> None:
    rng, labels = np.random.default_rng(0), np.repeat([0, 1], 60)
    right = [1 / (1 + np.exp(-rng.normal(0, 1, 120) - gain * (2 * labels - 1))) for gain in (0.5, 2.0)]
    given = {n: np.stack([np.stack([1 - p, p], axis=1)] * 3) for n, p in zip(("baseline", "smote"), right, strict=True)}
    table = beside_table(Results.from_predictions(labels, given, positive=1, validation=(labels, given)))
    brier = table[table["metric"] == "brier"].iloc[0]
    assert brier["high"] < 0, "the interval, of patients alone, would say better"
    assert set(table["arrow"]) == {"unknown"}


def test_without_validation_ranking_alone_is_told() -> None:
    labels = np.repeat([0, 1], 20)
    right = np.random.default_rng(0).random((2, 3, 40))
    predictions = {name: np.stack([1 - p, p], axis=2) for name, p in zip(("baseline", "smote"), right, strict=True)}
    bare = Results.from_predictions(labels, predictions, positive=1)
    assert set(beside_table(bare)["metric"]) == {"auroc"}
    assert against_threshold(bare).empty


def test_recall_at_a_specificity_is_what_trying_every_threshold_finds() -> None:
    rng = np.random.default_rng(1)
    for _ in range(20):
        is_positive = rng.random(40) < 0.4
        is_positive[:2] = True, False
        scores = (rng.normal(is_positive, 1.0) * 4).round() / 4  # with ties
        weights = rng.integers(0, 3, (5, 40)).astype(float)
        weights[:, :2] = 1
        found = recall_at(weighted_counts(is_positive, scores, weights), 0.9)
        for own, reached in zip(weights, found, strict=True):
            best = 0.0
            for threshold in (*np.unique(scores), np.inf):
                called = scores >= threshold
                specificity = (own * ~called * ~is_positive).sum() / (own * ~is_positive).sum()
                if specificity >= 0.9 - 1e-9:
                    best = max(best, (own * called * is_positive).sum() / (own * is_positive).sum())
            assert reached == pytest.approx(best)


def test_a_calibration_error_s_difference_is_the_difference_of_errors(results: Results) -> None:
    table = calibration_table(results, np.random.default_rng(0), samples=50)
    own = table[table["stage"] == "before"].set_index("technique")
    for technique in ("smote", "focal"):
        found = own.loc[technique, "difference_ece"]
        assert found == pytest.approx(own.loc[technique, "ece"] - own.loc["baseline", "ece"])
    assert pd.isna(own.loc["baseline", "difference_ece"])
