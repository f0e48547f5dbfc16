"""Techniques that decide anew on trials that are there: as any other in the results, and fitted on validation alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from balancing.components.techniques import get_technique
from balancing.errors import UserError
from sweep.analysis.decided import decided
from sweep.analysis.decisions.table import decision_table
from sweep.analysis.results import Results
from sweep.analysis.statistics.predictions import Predictions, TrialPredictions
from sweep.analysis.tables import confusion_matrices, results_table
from sweep.report.build import found_warnings
from sweep.runs.run import Run
from tests.sweep.fake_run import fake_images, fake_run

TRAINED = ("baseline", "undersampling", "tversky")
TAU = {"undersampling+posthoc_logit_adjustment": {"posthoc_logit_adjustment.tau": 0.5}}


def asked(run: Run, techniques: list[str], parameters: dict[str, dict[str, float]] | None = None) -> Results:
    """A run's results, as if these techniques had been asked for."""
    loaded = yaml.safe_load(run.config_yaml)
    loaded["space"] |= {"techniques": techniques, "parameters": parameters or {}}
    (run.path / "config.yaml").write_text(yaml.safe_dump(loaded))
    results = Results(Run(run.path))
    assert set(results.decisions) <= set(techniques)  # read now: the next call writes others
    return results


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("decided")
    images = fake_images(folder / "images", size=16, per_class=(60, 200))
    return fake_run(folder / "run", images, techniques=TRAINED, failing=False).path


@pytest.fixture
def run(folder: Path) -> Run:
    return Run(folder)


def test_a_threshold_on_the_baseline_is_the_one_of_the_decision_table(run: Run) -> None:
    results = asked(run, [*TRAINED, "baseline+threshold"])
    ours = results.table().set_index("technique").loc["baseline+threshold"]
    table = decision_table(results, np.random.default_rng(0), 50)
    theirs = table[(table["technique"] == "baseline") & (table["rule"] == "balanced_accuracy")].iloc[0]
    for metric in ("balanced_accuracy", "recall", "specificity", "auroc"):
        assert ours[metric] == pytest.approx(theirs[metric], abs=1e-12)


def test_a_technique_that_decides_anew_is_compared_as_any_other(run: Run) -> None:
    names = ["baseline+bcts", "baseline+em_prior", "undersampling+threshold"]
    results = asked(run, [*TRAINED, *names])
    assert set(results.table()["technique"]) == {*TRAINED, *names}
    assert set(results.differences()["technique"]) == {"undersampling", "tversky", *names}
    assert set(results.validation_intervals()["technique"]) == {*TRAINED, *names}
    assert {name for name, _ in confusion_matrices(results)} == {*TRAINED, *names}
    rows = results_table(results).set_index("technique")
    assert rows.loc["undersampling+threshold", "lr"] == rows.loc["undersampling", "lr"]
    assert rows.loc["baseline+bcts", "seeds"] == 2
    assert set(results.chosen_trials()["technique"]) == set(TRAINED)


def test_it_shares_the_trials_that_it_decides_on(run: Run) -> None:
    found = asked(run, [*TRAINED, "undersampling+threshold"]).test_table().set_index("technique")["trial_id"]
    assert list(found["undersampling+threshold"]) == list(found["undersampling"])


def test_a_run_that_asked_for_no_decision_has_none(run: Run) -> None:
    before = asked(run, list(TRAINED))
    assert before.decisions == {}
    beside = asked(run, [*TRAINED, "baseline+threshold"])
    kept = beside.table().set_index("technique").loc[list(before.table()["technique"])].reset_index()
    pd.testing.assert_frame_equal(before.table(), kept)


def test_two_classes_keep_their_area_to_the_last_bit(run: Run) -> None:
    names = ["baseline+threshold", "baseline+bcts", "baseline+temperature"]
    area = asked(run, [*TRAINED, *names]).table().set_index("technique")["auroc"]
    assert {area[name] for name in names} == {area["baseline"]}


def test_a_decision_has_the_parameter_that_was_asked_for(run: Run) -> None:
    name = "undersampling+posthoc_logit_adjustment"
    strong, weak = (asked(run, [name], wanted) for wanted in ({}, TAU))
    assert (strong.decisions[name], weak.decisions[name]) == ({"tau": 1.0}, {"tau": 0.5})
    # Undersampling left nothing to take out, so no tau moves it: half of nothing is nothing.
    found = [next(trial for trial in one.predictions if trial.technique == name) for one in (strong, weak)]
    assert found[0].probabilities == pytest.approx(found[1].probabilities)
    base = "baseline+posthoc_logit_adjustment"
    halved = asked(run, [base], {base: {"tau": 0.5}})
    counts = np.array(halved.class_counts("train"))
    trial = next(trial for trial in halved.predictions if trial.technique == base)
    before = next(trial for trial in halved.predictions if trial.technique == "baseline")
    weighed = before.probabilities / np.sqrt(counts / counts.sum())
    assert trial.probabilities == pytest.approx(weighed / weighed.sum(axis=1, keepdims=True), abs=1e-6)


def test_a_decision_without_the_prior_it_needs_is_left_out_with_one_sentence(run: Run) -> None:
    results = asked(run, [*TRAINED, "tversky+posthoc_logit_adjustment", "tversky+threshold"])
    assert "tversky+threshold" in set(results.table()["technique"])
    assert "tversky+posthoc_logit_adjustment" not in set(results.table()["technique"])
    (sentence,) = results.left_out()
    assert sentence.startswith("Tversky")
    assert "not known" in sentence
    assert sentence in found_warnings(results)


def test_validation_alone_fits_a_decision() -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], 30)

    def part(shift: float) -> Predictions:
        logits = rng.normal(size=(60, 2)) + np.eye(2)[labels] + [0, shift]
        odds = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        return Predictions(np.arange(60), labels, odds, np.arange(60).astype(str), logits)

    threshold = get_technique("threshold").part("decision")
    assert threshold is not None
    validation, tests = part(-2), (part(-2), part(2))
    found = [decided(TrialPredictions("t", 0, test, validation), "t", threshold, {}, None) for test in tests]
    moved = [one.logits - test.logits for one, test in zip(found, tests, strict=True)]
    assert moved[0] == pytest.approx(moved[1])
    assert [one.technique for one in found] == ["t", "t"]


def test_decisions_are_added_to_results_that_are_there(run: Run) -> None:
    before = asked(run, list(TRAINED))
    found = before.with_decisions(["threshold", "undersampling+bcts"])
    names = {*(f"{name}+threshold" for name in TRAINED), "undersampling+bcts"}
    assert set(found.decisions) == names
    assert set(found.table()["technique"]) == {*TRAINED, *names}
    assert before.decisions == {}, "those before stay what they were"
    pd.testing.assert_frame_equal(asked(run, [*TRAINED, *names]).differences(), found.differences())
    adjusted = found.differences().set_index("technique")["p_holm"]
    assert (adjusted[["undersampling", "tversky"]] >= before.differences().set_index("technique")["p_holm"]).all()


def test_what_can_decide_on_none_of_what_was_meant_is_refused(run: Run) -> None:
    results = asked(run, list(TRAINED))
    for wrong, sentence in {
        "thresold": "unknown decision 'thresold'; did you mean 'threshold'",
        "smote+threshold": "there are no predictions of 'smote'",
        "tversky+posthoc_logit_adjustment": "posthoc_logit_adjustment needs the class frequencies .* not known",
        "tau_norm": "tau_norm needs the weight norms and biases of the network's linear head, which older runs",
        "": "decisions are given by their names",
    }.items():
        with pytest.raises(UserError, match=sentence):
            results.with_decisions(wrong)
    beside = results.with_decisions("posthoc_logit_adjustment")
    assert "undersampling+posthoc_logit_adjustment" in set(beside.table()["technique"])
    assert len(beside.left_out()) == 1


def test_plain_arrays_are_decided_on_as_those_of_a_run() -> None:
    rng = np.random.default_rng(0)
    labels, fitted = (np.repeat([0, 1], counts) for counts in ([80, 40], [60, 30]))
    parts = [rng.normal(size=(2, len(of), 2)) + np.eye(2)[of] + [1, 0] for of in (labels, fitted)]
    given = {"baseline": parts[0], "My method": parts[0] + [0, 0.3]}
    validation = {"baseline": parts[1], "My method": parts[1] + [0, 0.3]}
    results = Results.from_predictions(labels, given, positive=1, validation=(fitted, validation))
    found = results.with_decisions("threshold, baseline+bcts")
    assert list(found.decisions) == ["baseline+threshold", "My method+threshold", "baseline+bcts"]
    rows = found.table().set_index("technique")
    # Each network's own shift is made up for by its threshold.
    assert rows.loc["My method+threshold", "recall"] == rows.loc["baseline+threshold", "recall"]
    table = decision_table(results, np.random.default_rng(0), 20)
    theirs = table[(table["technique"] == "baseline") & (table["rule"] == "balanced_accuracy")].iloc[0]
    assert rows.loc["baseline+threshold", "balanced_accuracy"] == pytest.approx(theirs["balanced_accuracy"])
    assert set(found.differences()["technique"]) == {*found.decisions, "My method"}
    for wrong, sentence in {
        "posthoc_logit_adjustment": "not known",
        "tau_norm": "plain predictions don't tell",
    }.items():
        with pytest.raises(UserError, match=sentence):
            results.with_decisions(wrong)
    alone = Results.from_predictions(labels, given, positive=1)
    with pytest.raises(UserError, match="these results hold none; give `validation=` beside the test predictions"):
        alone.with_decisions("threshold")


def test_what_was_asked_for_keeps_its_parameter_beside_what_is_added(run: Run) -> None:
    name = next(iter(TAU))
    found = asked(run, [*TRAINED, name], TAU).with_decisions("posthoc_logit_adjustment")
    assert found.decisions[name] == {"tau": 0.5}
    assert found.decisions["baseline+posthoc_logit_adjustment"] == {"tau": 1.0}


def test_it_is_tau_normalised_by_the_head_on_record(run: Run) -> None:
    """A head whose first class weighs twice as much is made even; without it the technique is left out."""
    before = asked(run, ["baseline", "baseline+tau_norm"])
    assert "baseline+tau_norm" not in set(before.table()["technique"])
    assert "needs the weight norms" in before.left_out()[0]
    head, even = np.array([[2.0, 1.0], [0.0, 0.0]]), np.array([[2.0, 2.0], [0.0, 0.0]])
    for trial in before.predictions:
        folder, part = run.trial(trial.trial_id), trial.validation
        tilted = part.logits * head[0]
        odds = np.exp(tilted) / np.exp(tilted).sum(axis=1, keepdims=True)
        folder.write_predictions("validation", part.rows, part.labels, odds, "", tilted, head if trial.seed else even)
    results = asked(run, ["baseline", "baseline+tau_norm"])
    for trial in results.predictions:
        if trial.technique == "baseline+tau_norm" and trial.seed == 0:  # equal lengths: no tau changes a decision
            assert trial.validation.logits == pytest.approx(results.predictions[0].validation.logits)
    assert "baseline+tau_norm" in set(results.table()["technique"])
