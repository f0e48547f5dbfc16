"""What is deployed says what the run's records and its analysis say, of one network and of an ensemble."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from balancing.errors import UserError
from balancing.metrics import METRICS, decide, evaluate
from sweep.analysis.decided import decided, parts_of
from sweep.analysis.decisions.reliability import staged
from sweep.analysis.maps.networks import best_trials
from sweep.analysis.results import Results
from sweep.analysis.statistics.predictions import TrialPredictions
from sweep.inference.choice import chosen
from sweep.inference.deployed import Deployed, deployed
from sweep.inference.recorded import together
from sweep.inference.tested import test_row
from tests.sweep.inference.small import Small, own_run, small_run

DECISIONS = ("threshold", "bcts", "vector_scaling", "temperature", "posthoc_logit_adjustment", "tau_norm")


@pytest.fixture(scope="module", params=["whole", "frozen", "three classes"])
def small(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Small:
    return small_run(tmp_path_factory.mktemp("deployed"), request.param, DECISIONS)


def _trial(results: Results, technique: str, trial_id: str) -> TrialPredictions:
    return next(t for t in results.predictions if (t.technique, t.trial_id) == (technique, trial_id))


def _tested(small: Small, found: Deployed) -> np.ndarray:
    rows = small.results.rows_of("test")
    return found.logits(small.images.pixels[rows])


def test_the_best_network_answers_what_was_recorded(small: Small) -> None:
    best = deployed(small.run)
    table = best_trials(small.results)
    place = int(table["value"].to_numpy(dtype=float).argmax())
    assert best.trial_ids == (table["trial_id"].to_numpy()[place],)
    recorded = _trial(small.results, best.technique, best.trial_ids[0])
    answers = best.answers(_tested(small, best))
    assert answers.probabilities == pytest.approx(recorded.probabilities, abs=1e-6)
    assert answers.calibrated == pytest.approx(staged(recorded)[0]["after"], abs=1e-5)
    assert answers.decisions is not None
    assert np.array_equal(answers.decisions, decide(recorded.probabilities))


@pytest.mark.parametrize("decision", DECISIONS)
def test_a_decision_decides_as_the_analysis_has_it(small: Small, decision: str) -> None:
    name = f"baseline+{decision}"
    found = deployed(small.run, name)
    recorded = _trial(small.results, name, found.trial_ids[0])
    answers = found.answers(_tested(small, found))
    assert found.rule is not None
    own = _trial(small.results, "baseline", found.trial_ids[0])
    scores = found.rule.scores(own.logits)
    assert scores == pytest.approx(recorded.logits, abs=1e-8)  # which are the decision's scores
    margin = np.sort(recorded.logits, axis=1)
    clear = margin[:, -1] - margin[:, -2] > 1e-4
    assert answers.decisions is not None
    assert np.array_equal(answers.decisions[clear], decide(recorded.probabilities)[clear])
    assert answers.probabilities == pytest.approx(own.probabilities, abs=1e-6)
    calibrates = decision in ("bcts", "vector_scaling")
    expected = staged(recorded if calibrates else own)[0]["after"]
    assert answers.calibrated == pytest.approx(expected, abs=1e-4)


def test_a_threshold_is_one_of_the_networks_probability(small: Small) -> None:
    found = deployed(small.run, "baseline+threshold")
    assert found.rule is not None
    if found.positive is None:
        assert found.rule.threshold is None
        return
    logits = np.random.default_rng(0).normal(0, 3, (500, 2))
    answers = found.answers(logits)
    assert answers.probabilities is not None
    by_threshold = np.where(answers.probabilities[:, 1] >= found.rule.threshold, 1, 0)
    assert answers.decisions is not None
    assert np.array_equal(answers.decisions, by_threshold)


@pytest.mark.parametrize("name", ["baseline", "baseline+threshold", "baseline+bcts"])
def test_an_ensemble_is_the_mean_of_its_seeds(small: Small, name: str) -> None:
    found = deployed(small.run, f"ensemble:{name}")
    own = [t for t in small.results.predictions if t.technique == "baseline"]
    assert len(found.networks) == len(own) == 2
    assert found.trial_ids == tuple(t.trial_id for t in own)
    mean = np.mean([t.probabilities for t in own], axis=0)
    answers = found.answers(_tested(small, found))
    assert answers.probabilities == pytest.approx(mean, abs=1e-6)
    choice = chosen(small.run, f"ensemble:{name}")
    parts = [together(choice, part) for part in ("validation", "test")]
    trial = TrialPredictions("baseline", 0, parts[1], parts[0])  # type: ignore[arg-type]
    if name == "baseline":
        expected = trial
    else:
        decision, prior = parts_of(name)[1], None
        expected = decided(trial, name, decision, decision.complete({}), prior)
    assert answers.decisions is not None
    assert np.array_equal(answers.decisions, decide(expected.probabilities))
    calibrated = staged(expected if name.endswith("bcts") else trial)[0]["after"]
    assert answers.calibrated == pytest.approx(calibrated, abs=1e-4)


def test_heads_behind_one_body_share_it_and_networks_of_their_own_do_not(small: Small) -> None:
    found = deployed(small.run, "ensemble:baseline")
    assert found.model.one_body == (small.kind == "frozen")


@pytest.mark.parametrize("what", ["best", "baseline+threshold", "ensemble:baseline", "ensemble:baseline+threshold"])
def test_the_test_row_is_of_the_recorded_predictions(small: Small, what: str) -> None:
    openings = small.run.test_openings()
    row = test_row(small.run, what)
    found = deployed(small.run, what)
    answers = found.answers(_tested(small, found))
    labels = small.images.labels[small.results.rows_of("test")]
    assert answers.probabilities is not None
    assert found.rule is not None
    by_rule = found.rule.scores(answers.logits)
    decided_as = np.exp(by_rule - by_rule.max(axis=1, keepdims=True))
    expected = evaluate(labels, decided_as / decided_as.sum(axis=1, keepdims=True), found.positive)
    for name in METRICS:
        assert row.metrics[name].value == pytest.approx(expected[name], abs=1e-6)
        assert row.metrics[name].low <= row.metrics[name].value <= row.metrics[name].high
    assert (row.images, row.networks) == (len(labels), len(found.networks))
    assert small.run.test_openings() == openings


def test_of_one_network_the_test_row_is_the_reports(small: Small) -> None:
    best = deployed(small.run)
    table = small.results.test_table().set_index("trial_id")
    table = table[table["technique"] == best.technique]
    row = test_row(small.run, "best")
    for name in METRICS:
        assert row.metrics[name].value == pytest.approx(table.loc[best.trial_ids[0], name], abs=1e-12)


def test_what_cannot_be_deployed_ends_with_a_sentence(small: Small, tmp_path: Path) -> None:
    run = small.run
    for what, words in {
        "baselin": "no chosen trial of technique 'baselin'; did you mean 'baseline'",
        "baseline+em_prior": "decides on many images together",
        "ensemble:baseline+tau_norm": "rule for one network's head, and an ensemble has 2",
        "ensemble:": "none of best, TECHNIQUE, ensemble and ensemble:TECHNIQUE",
        "best:baseline": "none of best, TECHNIQUE",
        "smote+threshold": "no chosen trial of technique 'smote",
    }.items():
        with pytest.raises(UserError, match=words):
            deployed(run, what)
    copy = own_run(run, tmp_path)
    first, second = deployed(copy, "ensemble:baseline").trial_ids
    copy.trial(first).best.unlink()
    with pytest.raises(UserError, match="there is no checkpoint"):
        deployed(copy, "ensemble:baseline")
    copy.trial(second).best.write_bytes(b"torn")
    with pytest.raises(UserError, match="2 of 2 networks are missing or damaged"):
        deployed(copy, "ensemble:baseline")
    (copy.trial(first).path / "validation.parquet").write_bytes(b"torn")
    with pytest.raises(UserError, match="validation predictions of technique 'baseline' are missing or damaged"):
        test_row(copy, "ensemble:baseline")
    copy.write_selection([])
    with pytest.raises(UserError, match="has chosen no trial yet"):
        deployed(copy)
