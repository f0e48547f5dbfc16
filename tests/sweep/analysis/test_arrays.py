"""Given logits rank as they are, however far apart; probabilities of them would be equal."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import log_softmax
from sklearn.metrics import average_precision_score, roc_auc_score

from balancing.metrics import auroc
from sweep.analysis.arrays import log_odds
from sweep.analysis.decisions.operating_points import operating_points, score_curves
from sweep.analysis.decisions.table import decision_table
from sweep.analysis.results import Results
from sweep.analysis.statistics.tests import delong

LABELS = np.arange(60) % 2
GAPS = (1, 40, 400)


def logits(gap: float, seeds: int = 2) -> np.ndarray:
    """(S, 60, 2): every image is called the second class, by ``gap`` or a little more."""
    second = gap + np.random.default_rng(3).normal(LABELS, 1.0, (seeds, 60)) ** 2
    return np.stack([np.zeros_like(second) - 1, second], axis=2)


def given(gap: float, positive: int, swapped: bool = False) -> Results:
    both = {"baseline": logits(gap), "mine": logits(gap)[::-1]}
    labels = LABELS
    if swapped:
        both, labels = {name: array[:, :, ::-1] for name, array in both.items()}, 1 - LABELS
    return Results.from_predictions(labels, both, positive=positive, validation=(labels, both))


@pytest.mark.parametrize("gap", GAPS)
def test_areas_are_those_of_the_logit_differences_whichever_class_is_positive(gap: float) -> None:
    apart = np.diff(logits(gap), axis=2)[:, :, 0]
    wanted = [roc_auc_score(LABELS, one) for one in apart]
    for positive in (0, 1):
        own = given(gap, positive)
        table = own.test_table().query("technique == 'baseline'")
        np.testing.assert_allclose(table["auroc"], wanted, rtol=1e-12)
        curves = score_curves(own, np.random.default_rng(0), 20, 20)
        assert curves is not None
        point = curves.points.set_index("technique").loc["baseline"]
        assert point["auroc"] == pytest.approx(np.mean(wanted))
        sign = 1 if positive else -1
        precise = [average_precision_score(positive == LABELS, sign * one) for one in apart]
        assert point["average_precision"] == pytest.approx(np.mean(precise))


@pytest.mark.parametrize("gap", GAPS)
def test_swapped_classes_give_the_same_numbers(gap: float) -> None:
    one, other = given(gap, 0), given(gap, 1, swapped=True)
    for make in (
        lambda results: results.table()[["auroc", "recall", "precision", "auroc_sd"]],
        lambda results: results.seed_differences()[["auroc_difference", "delong", "mcnemar"]],
        lambda results: results.differences("auroc")["difference"],
        lambda results: operating_points(results, np.random.default_rng(0), 20)[["specificity_at_95"]],
        lambda results: decision_table(results, np.random.default_rng(0), 20)["auroc"],
    ):
        np.testing.assert_allclose(make(one), make(other), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("gap", GAPS)
def test_delong_compares_the_logit_differences(gap: float) -> None:
    both = {"baseline": logits(gap)[:1], "mine": logits(gap)[1:]}
    found = Results.from_predictions(LABELS, both, positive=1).seed_differences()
    own, base = (np.diff(both[name], axis=2)[0, :, 0] for name in ("mine", "baseline"))
    assert found["delong"].item() == pytest.approx(delong(LABELS == 1, own, base).p)
    assert found["auroc_difference"].item() == pytest.approx(
        roc_auc_score(LABELS, own) - roc_auc_score(LABELS, base), abs=1e-12
    )


def test_log_odds_are_those_of_the_softmax() -> None:
    raw = np.random.default_rng(0).normal(0, 3, (2, 30, 5))
    p = np.exp(log_softmax(raw, axis=2))
    np.testing.assert_allclose(log_odds(raw), np.log(p) - np.log1p(-p), rtol=1e-9)


def test_each_class_of_three_is_ranked_against_the_rest_where_its_probabilities_are_all_1() -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(90) % 3
    raw = rng.normal(0, 1, (1, 90, 3)) + 500 * np.eye(3)[0]
    p = np.exp(log_softmax(raw, axis=2))
    assert len(np.unique(p[..., 0])) == 1
    # The first class leads by far, so it is ranked by its lead, and the others by how far they lie behind it.
    rest = np.logaddexp(raw[..., 1], raw[..., 2])
    scores = np.stack([raw[..., 0] - rest, raw[..., 1] - raw[..., 0], raw[..., 2] - raw[..., 0]], axis=2)[0]
    wanted = np.mean([auroc(labels == c, scores[:, c]) for c in range(3)])
    assert Results.from_predictions(labels, {"baseline": raw}).test_table()["auroc"].item() == pytest.approx(wanted)


def test_the_largest_logits_that_there_are_have_log_odds() -> None:
    most = np.finfo(np.float64).max
    found = log_odds(np.array([[[most, -most], [-most, most], [0.0, 0.0]]]))
    assert np.isfinite(found).all()
    assert found[0, 0, 0] > 0 > found[0, 1, 0]
    assert found[0, 2].tolist() == [0.0, 0.0]
