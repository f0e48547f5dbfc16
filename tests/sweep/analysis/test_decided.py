"""Techniques that decide anew on trials that are there: as any other in the results, and fitted on validation alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from balancing.components.techniques import get_technique
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
