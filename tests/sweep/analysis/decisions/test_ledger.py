"""T as designed and as measured, on Gaussians whose posteriors are known; and every technique under one rule."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from balancing.components.decisions.scaling import fit_scaling
from balancing.components.techniques import get_technique
from sweep.analysis.carried import trial_ledger
from sweep.analysis.decisions.ledger import ledger_table
from sweep.analysis.decisions.same_rule import RULES, only_moves_the_prior, same_rule_table, trained_otherwise
from sweep.analysis.results import Results
from sweep.analysis.statistics import calibrating
from sweep.analysis.statistics.calibrating import weighted_biases
from sweep.report.context import ReportContext
from sweep.report.sections.prior import prior_section
from sweep.report.table import Table
from sweep.report.words.prior import nothing_but_t, other_than_designed, would_a_rule_do
from sweep.runs.run import Run
from sweep.runs.spec import TrialSpec
from tests.balancing.components.decisions.toy import drawn, logits_of
from tests.sweep.fake_run import fake_images, fake_run

LOG_PRIOR = np.log([0.9, 0.1])
COUNTS = (360, 40)
# How much of the prior the answers of each lack: a loss that subtracts it in training has the sign wrong, and so on.
REMOVED = {"baseline": 0.0, "class_weights": 1.0, "square_root": 0.5, "wrong_sign": -1.0, "corrected_twice": 2.0}


def toy(counts: tuple[int, int] = COUNTS, removed: dict[str, float] = REMOVED) -> Results:
    """Networks that answer Bayes' rule with what is left of the prior; two seeds that differ in temperature alone."""
    x, labels = drawn(counts)
    answers = {
        name: np.stack([scale * logits_of(x, (1 - t) * LOG_PRIOR) for scale in (1.0, 1.7)])
        for name, t in removed.items()
    }
    return Results.from_predictions(labels, answers, positive=1, validation=(labels, answers))


def test_measured_t_is_what_the_answers_lack() -> None:
    table = ledger_table(toy(), np.random.default_rng(0), 100).set_index("technique")
    for name, t in REMOVED.items():
        assert table.loc[name, "measured"] == pytest.approx(t, abs=0.05)
        assert table.loc[name, "measured_low"] < t < table.loc[name, "measured_high"]
        assert 0.02 < table.loc[name, "measured_high"] - table.loc[name, "measured_low"] < 1.5
    assert table["designed"].isna().all()  # plain predictions don't tell of training


def test_nothing_is_measured_of_a_class_without_validation_images_or_of_a_balanced_split() -> None:
    for counts in ((40, 40), (80, 0)):
        x, labels = drawn(counts)
        answers = {"baseline": logits_of(x, LOG_PRIOR)[None]}
        tested, test_labels = drawn((20, 20))
        results = Results.from_predictions(
            test_labels, {"baseline": logits_of(tested, LOG_PRIOR)[None]}, positive=1, validation=(labels, answers)
        )
        row = ledger_table(results, np.random.default_rng(0), 20).iloc[0]
        assert row[["measured", "measured_low", "measured_high"]].isna().all()


def test_nothing_is_measured_where_validation_is_told_apart_or_nearly() -> None:
    """Of 16 validation images T came out as 113 where it is 0: the likelihood has no greatest value, or hardly one."""
    for shift, known in ((0.0, True), (1.2, False), (3.0, False)):
        x, labels = drawn((12, 4) if shift else (90, 30))
        answers = {"baseline": logits_of(x + shift * (2 * labels - 1), LOG_PRIOR)[None]}
        results = Results.from_predictions(labels, answers, positive=1, validation=(labels, answers))
        row = ledger_table(results, np.random.default_rng(0), 100).iloc[0]
        assert row[["measured", "measured_low", "measured_high"]].notna().tolist() == [known] * 3


def test_what_is_moved_is_paired_with_the_baseline() -> None:
    """Validation's chance is in both alike: of the same answers nothing is moved, however little their T is known."""
    table = ledger_table(toy(removed=REMOVED | {"same": 0.0}), np.random.default_rng(0), 50).set_index("technique")
    assert table.loc["baseline", ["moved", "moved_low", "moved_high"]].isna().all()
    for name, t in REMOVED.items():
        if name != "baseline":
            own = table.loc[name]
            assert own["moved"] == pytest.approx(own["measured"] - table.loc["baseline", "measured"], abs=1e-9)
            assert own["moved_low"] <= t + 0.01
            assert own["moved_high"] >= t - 0.01
    assert table.loc["same", ["moved", "moved_low", "moved_high"]].to_numpy(float) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("n_classes", [2, 4])
def test_weights_are_repeats(n_classes: int) -> None:
    rng = np.random.default_rng(n_classes)
    labels = np.concatenate([np.arange(n_classes), rng.integers(0, n_classes, 150)])
    logits = 1.5 * rng.normal(size=(len(labels), n_classes)) + 2 * np.eye(n_classes)[labels] + np.arange(n_classes)
    start = fit_scaling(logits, labels, by_class=False)
    weights = rng.integers(0, 4, (5, len(labels)))
    found = weighted_biases(logits, labels, np.vstack([np.ones(len(labels), int), weights]), start)
    assert found[0] == pytest.approx(start.bias, abs=1e-6)
    for row, times in zip(found[1:], weights, strict=True):
        repeated = fit_scaling(np.repeat(logits, times, axis=0), np.repeat(labels, times), by_class=False)
        assert row == pytest.approx(repeated.bias, abs=1e-5)
    without = weighted_biases(logits, labels, (labels > 0)[None].astype(float), start)
    assert np.isnan(without).all()


def spec(technique: str, **parameters: float) -> TrialSpec:
    return TrialSpec(technique, lr=1e-3, epochs=2, seed=0, parameters=parameters)


@pytest.mark.parametrize(
    ("technique", "own", "name", "removed"),
    [
        ("baseline", {}, "baseline", 0.0),
        ("undersampling", {"sampling_strategy": 1.0}, "undersampling", 1.0),
        ("oversampling", {"sampling_strategy": 1 / 3}, "oversampling", 0.5),
        ("baseline", {}, "baseline+posthoc_logit_adjustment", 1.0),
        ("undersampling", {"sampling_strategy": 1.0}, "undersampling+posthoc_logit_adjustment", 1.0),
        ("oversampling", {"sampling_strategy": 1 / 3}, "oversampling+bcts", 0.0),
        ("baseline", {}, "baseline+threshold", None),
    ],
)
def test_what_counts_alone_tell_needs_no_record(
    technique: str, own: dict[str, float], name: str, removed: float | None
) -> None:
    found = trial_ledger(name, spec(technique, **own), (900, 100))
    assert found is not None
    assert found.removed is removed if removed is None else found.removed == pytest.approx(removed, abs=0.01)


def test_what_trained_is_taken_from_the_record_where_counts_do_not_tell() -> None:
    assert trial_ledger("adasyn", spec("adasyn"), (900, 100)) is None
    found = trial_ledger("smote", spec("smote"), (900, 100), [900, 300])
    assert found is not None
    assert found.removed == pytest.approx(0.5)
    # Cleaning takes away what lies near the border, so class counts don't tell what the answers carry.
    cleaned = trial_ledger("tomek_links", spec("tomek_links"), (900, 100), [880, 100])
    assert cleaned is not None
    assert cleaned.unknown == ("tomek_links",)
    assert trial_ledger("gone_by_now", spec("gone_by_now"), (900, 100), [900, 100]) is None


def moved(counts: tuple[int, int]) -> Results:
    """Three networks whose answers carry the prior, and the same ones with none of it left."""
    x, labels = drawn(counts)
    rng = np.random.default_rng(0)
    seeds = [x + 0.3 * rng.normal(size=len(x)) for _ in range(3)]
    answers = {
        name: np.stack([logits_of(one, (1 - t) * LOG_PRIOR) for one in seeds])
        for name, t in {"baseline": 0.0, "undersampling": 1.0}.items()
    }
    return Results.from_predictions(labels, answers, positive=1, validation=(labels, answers))


def test_under_one_rule_a_moved_prior_is_no_gain() -> None:
    results = moved((2700, 300))
    table = same_rule_table(results, 200).set_index(["rule", "technique"])
    assert table.loc[("argmax", "undersampling"), "difference_low"] > 0
    assert table.loc[("threshold", "undersampling"), "difference"] == pytest.approx(0, abs=1e-12)
    assert would_a_rule_do(table.reset_index()).startswith("Yes, as far as these data tell, for Undersampling")
    ledger = ledger_table(results, np.random.default_rng(0), 50)
    sentence = nothing_but_t(ledger, results.differences("auroc")).replace("\xa0", " ")
    assert sentence.startswith("As far as these data tell, Undersampling (T = ")
    assert other_than_designed(ledger) == ""
    designed = ledger.assign(designed=[0.0, 0.0])
    assert "another than the designed one of Undersampling (designed 0.00, measured" in other_than_designed(designed)
    # Not where it was trained otherwise, which is said; nor by one seed; nor where T is measured to be the same.
    told = nothing_but_t(ledger, results.differences("auroc"), lambda name: ("learning rate",))
    assert told.startswith("Of no technique do")
    assert "it was trained with other hyperparameters than the baseline (learning rate)" in told
    one = results.differences("auroc").assign(seeds=[1])
    assert nothing_but_t(ledger, pd.concat([one, one.assign(technique="other", seeds=3)])).startswith(
        "Of no technique do"
    )
    unmoved = ledger.assign(designed=[0.0, 1.0], moved=0.0, moved_low=-0.03, moved_high=0.03)
    assert nothing_but_t(unmoved, results.differences("auroc")).startswith("Of no technique do")
    # Where ranking is another too, more than T is.
    better = results.differences("auroc").assign(difference=0.2, low=0.1, high=0.3, p_adjusted=0.01)
    assert nothing_but_t(ledger, better).startswith("Of no technique do")
    less = results.differences("auroc").assign(difference=-0.015, low=-0.019, high=-0.011, p_adjusted=0.001)
    assert nothing_but_t(ledger, less).startswith("Of no technique do")
    # Nor is what is not significant the same.
    unsure = results.differences("auroc").assign(difference=0.01, low=-0.05, high=0.07, p_adjusted=0.4)
    assert nothing_but_t(ledger, unsure).startswith("Of no technique do")
    # By the margin that the run states, not by one of its own.
    wide = nothing_but_t(ledger, unsure, margin=0.1)
    assert wide.startswith("As far as these data tell, Undersampling")
    assert "holds 0 and lies within 0.1" in wide


def test_a_rule_does_the_same_only_where_it_takes_half_of_the_lead() -> None:
    """All of a lead of 0.012 may be left under the rule, though 0.019 is less than what is called none."""
    row = {"technique": "undersampling", "seeds": 5, "fewest_patients": 500.0, "difference_low": 0.004}
    plain = row | {"rule": "argmax", "difference": 0.012, "difference_high": 0.02, "p_holm": 0.01, "p_adjusted": 0.01}
    tuned = row | {"rule": "threshold", "difference": 0.008, "difference_low": -0.003, "difference_high": 0.019}
    table = pd.DataFrame([plain, tuned | {"p_holm": 0.2, "p_adjusted": 0.2}])
    assert would_a_rule_do(table).startswith("These data can't tell for Undersampling")
    larger = table.assign(difference=[0.04, 0.008])
    assert would_a_rule_do(larger).startswith("Yes, as far as these data tell")
    strict = would_a_rule_do(larger, margin=0.01)
    assert strict.startswith("These data can't tell for Undersampling")
    assert "or than 0.01" in strict


def test_without_a_class_in_validation_no_threshold_is_said_to_be_tuned() -> None:
    x, labels = drawn((60, 20))
    answers = {name: np.stack([logits_of(x, LOG_PRIOR)] * 2) for name in ("baseline", "undersampling")}
    lacking = labels == 0
    known = {name: own[:, lacking] for name, own in answers.items()}
    table = same_rule_table(
        Results.from_predictions(labels, answers, positive=1, validation=(labels[lacking], known)), 50
    )
    assert set(table["rule"]) == {"argmax"}
    assert would_a_rule_do(table) == "No answer: validation lacks a class, so a threshold can't be tuned on it."


def test_another_head_or_augmentation_is_more_than_the_prior() -> None:
    names = (
        "undersampling",
        "class_weights+threshold",
        "ldam",
        "augmentation",
        "undersampling+ldam",
        "crt",
        "baseline",
    )
    assert [name for name in names if only_moves_the_prior(name)] == ["undersampling", "class_weights+threshold"]


def test_with_sixty_patients_equal_decisions_are_no_proof_that_a_rule_does_the_same() -> None:
    table = same_rule_table(moved((540, 60)), 200)
    tuned = table[(table["rule"] == "threshold") & (table["technique"] == "undersampling")].iloc[0]
    assert tuned["difference"] == pytest.approx(0, abs=1e-12)
    assert tuned["difference_high"] > 0.02
    assert would_a_rule_do(table).startswith(
        "These data can't tell for Undersampling: ahead of the baseline as trained"
    )


def test_the_section_shows_both_and_is_missing_where_nothing_was_tested(tmp_path: Path) -> None:
    images = fake_images(tmp_path / "images", size=16, per_class=(60, 200))
    run = fake_run(
        tmp_path / "run", images, techniques=("baseline", "undersampling", "smote", "augmentation"), failing=False
    )
    section = prior_section(ReportContext(Results(run)))
    assert section is not None
    assert section.values is not None
    tables = [block for block in section.blocks if isinstance(block, Table)]
    assert [table.name for table in tables] == ["prior_ledger", "same_rule"]
    assert all(len(row) == len(table.headers) for table in tables for row in table.rows)
    ledger = pd.DataFrame(section.values["ledger"]).set_index("technique")
    assert ledger["designed"].to_dict() == pytest.approx(
        {"baseline": 0, "undersampling": 1, "smote": 1, "augmentation": 0}
    )
    assert {row["rule"] for row in section.values["same_rule"]} == set(RULES)
    assert [trained_otherwise(Results(run), name) for name in ("smote+threshold", "augmentation")] == [
        (),
        ("strength",),
    ]
    unopened = fake_run(tmp_path / "unopened", images, techniques=("baseline",), failing=False, opened=False)
    assert prior_section(ReportContext(Results(Run(unopened.path)))) is None


@pytest.mark.parametrize(
    ("technique", "frozen", "removed"),
    [
        ("smote@features", True, 1.0),
        ("smote@features+threshold", True, None),
        ("smote@features+posthoc_logit_adjustment", True, 1.0),
        ("mixup@features", True, 0.0),
        ("smote@features", False, 0.0),
    ],
)
def test_t_of_what_works_on_features_where_the_network_is_frozen(
    technique: str, frozen: bool, removed: float | None
) -> None:
    """Behind a frozen body all training is on features; else none of this technique's is, and the prior stays."""
    trained = technique.partition("+")[0]
    parameters = get_technique(trained).complete({})
    network = "frozen:resnet18" if frozen else "resnet18"
    spec = TrialSpec(technique=trained, lr=0.01, epochs=4, seed=0, parameters=parameters, network=network)
    for plan_counts in (None, (900, 100) if "mixup" in technique else (900, 900)):
        ledger = trial_ledger(technique, spec, (900, 100), plan_counts)
        assert ledger is not None
        assert ledger.removed == (None if removed is None else pytest.approx(removed, abs=1e-9))


@pytest.mark.parametrize("skill", [0.2, 1.5, 6.0])
def test_two_classes_are_fitted_as_several_are(skill: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """By their difference alone, in fewer sums; where one finds no fit the other finds none."""
    rng = np.random.default_rng(3)
    labels = (rng.random(150) < 0.25).astype(np.int64)
    logits = rng.normal(size=(150, 2))
    logits[np.arange(150), labels] += skill
    weights = rng.multinomial(150, np.full(150, 1 / 150), size=40).astype(np.float64)
    weights[7] = labels
    start = fit_scaling(logits, labels, by_class=False)
    by_difference = weighted_biases(logits, labels, weights, start)
    monkeypatch.setattr(calibrating, "_fitted_two", calibrating._fitted)
    np.testing.assert_allclose(by_difference, weighted_biases(logits, labels, weights, start), rtol=1e-7, atol=1e-9)
    assert np.isnan(by_difference[7]).all()
    np.testing.assert_allclose(by_difference.sum(axis=1)[~np.isnan(by_difference[:, 0])], 0, atol=1e-12)
