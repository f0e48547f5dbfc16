"""Metrics against scikit-learn, by hand, and under relabelling."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from sklearn import metrics as oracle
from sklearn.metrics import balanced_accuracy_score, roc_auc_score

from balancing import metrics
from balancing.metrics import (
    COUNTS,
    SELECTABLE,
    auroc,
    confusion_matrix,
    cross_entropy,
    decide,
    evaluate,
    rates,
    weighted_auroc,
)

SEEDS = range(5)


def random_predictions(n_classes: int, seed: int, n: int = 83) -> tuple[np.ndarray, np.ndarray]:
    """Labels of all classes, and probabilities that know something of them; some rows are equal, for ties."""
    rng = np.random.default_rng(seed)
    labels = np.concatenate([np.arange(n_classes), rng.choice(n_classes, n - n_classes, p=_skewed(n_classes))])
    logits = rng.normal(size=(n, n_classes)) + 1.2 * np.eye(n_classes)[labels]
    logits = np.round(logits, 1)  # ties between scores
    weights = np.exp(logits)
    return labels.astype(np.int64), weights / weights.sum(axis=1, keepdims=True)


def _skewed(n_classes: int) -> np.ndarray:
    weights = np.arange(1, n_classes + 1, dtype=float) ** 2
    return weights / weights.sum()


@pytest.mark.parametrize("positive", [0, 1])
@pytest.mark.parametrize("seed", SEEDS)
def test_two_classes_agree_with_scikit_learn(seed: int, positive: int) -> None:
    labels, probabilities = random_predictions(2, seed)
    found = evaluate(labels, probabilities, positive)
    decisions = decide(probabilities)
    named = {"pos_label": positive, "zero_division": 0}
    assert found["recall"] == pytest.approx(oracle.recall_score(labels, decisions, **named))
    assert found["specificity"] == pytest.approx(oracle.recall_score(labels, decisions, pos_label=1 - positive))
    assert found["precision"] == pytest.approx(oracle.precision_score(labels, decisions, **named))
    assert found["f1"] == pytest.approx(oracle.f1_score(labels, decisions, **named))
    assert found["balanced_accuracy"] == pytest.approx(oracle.balanced_accuracy_score(labels, decisions))
    assert found["auroc"] == pytest.approx(oracle.roc_auc_score(labels == positive, probabilities[:, positive]))
    assert found["loss"] == pytest.approx(oracle.log_loss(labels, probabilities))
    (tn, fp), (fn, tp) = oracle.confusion_matrix(labels == positive, decisions == positive)
    assert [found[name] for name in ("tp", "tn", "fp", "fn")] == [tp, tn, fp, fn]


@pytest.mark.parametrize("seed", SEEDS)
def test_four_classes_agree_with_scikit_learn(seed: int) -> None:
    labels, probabilities = random_predictions(4, seed)
    found = evaluate(labels, probabilities, None)
    decisions = decide(probabilities)
    macro = {"average": "macro", "zero_division": 0}
    assert found["recall"] == pytest.approx(oracle.recall_score(labels, decisions, **macro))
    assert found["precision"] == pytest.approx(oracle.precision_score(labels, decisions, **macro))
    assert found["f1"] == pytest.approx(oracle.f1_score(labels, decisions, **macro))
    assert found["balanced_accuracy"] == pytest.approx(oracle.balanced_accuracy_score(labels, decisions))
    area = oracle.roc_auc_score(labels, probabilities, multi_class="ovr", average="macro")
    assert found["auroc"] == pytest.approx(area)
    assert found["loss"] == pytest.approx(oracle.log_loss(labels, probabilities))
    per_class = oracle.multilabel_confusion_matrix(labels, decisions)
    specificities = per_class[:, 0, 0] / per_class[:, 0].sum(axis=1)
    assert found["specificity"] == pytest.approx(specificities.mean())
    tn, fp, fn, tp = per_class.sum(axis=0).ravel()
    assert [found[name] for name in ("tp", "tn", "fp", "fn")] == [tp, tn, fp, fn]


@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("seed", SEEDS)
def test_the_confusion_matrix_is_scikit_learns(seed: int, n_classes: int) -> None:
    labels, probabilities = random_predictions(n_classes, seed)
    decisions = decide(probabilities)
    wanted = oracle.confusion_matrix(labels, decisions)
    np.testing.assert_array_equal(confusion_matrix(labels, decisions, n_classes), wanted)


def test_the_confusion_matrix_keeps_absent_classes() -> None:
    found = confusion_matrix(np.array([0, 0]), np.array([0, 2]), 4)
    assert found.shape == (4, 4)
    assert found[0].tolist() == [1, 0, 1, 0]
    assert found.sum() == 2


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("levels", [2, 3, 1000])
def test_auroc_counts_ties_half(seed: int, levels: int) -> None:
    rng = np.random.default_rng(seed)
    is_positive, scores = rng.random(60) < 0.3, rng.integers(levels, size=60).astype(float)
    pairs = scores[is_positive][:, None] - scores[~is_positive]
    assert auroc(is_positive, scores) == pytest.approx(((pairs > 0) + 0.5 * (pairs == 0)).mean())
    assert auroc(is_positive, scores) == pytest.approx(oracle.roc_auc_score(is_positive, scores))
    assert auroc(~is_positive, -scores) == pytest.approx(auroc(is_positive, scores))


def test_a_case_by_hand() -> None:
    labels = np.array([1, 1, 1, 0, 0])
    probabilities = np.array([[0.2, 0.8], [0.4, 0.6], [0.9, 0.1], [0.3, 0.7], [0.5, 0.5]])  # 0.5 decides for class 0
    found = evaluate(labels, probabilities, 1)
    assert {name: found[name] for name in COUNTS} == {"tp": 2, "tn": 1, "fp": 1, "fn": 1}
    assert found["recall"] == pytest.approx(2 / 3)
    assert found["specificity"] == pytest.approx(1 / 2)
    assert found["precision"] == pytest.approx(2 / 3)
    assert found["f1"] == pytest.approx(2 / 3)
    assert found["balanced_accuracy"] == pytest.approx(7 / 12)
    assert found["auroc"] == pytest.approx(3 / 6)  # .8 beats .7 and .5, .6 beats .5, .1 none
    assert found["loss"] == pytest.approx(-np.log([0.8, 0.6, 0.1, 0.3, 0.5]).mean())


# The study's counts and figures as it reported them: (TP, TN, FP, FN), (balanced accuracy, recall, F1).
STUDY = {
    "baseline": ((318, 159, 75, 72), (0.7474, 0.8154, 0.8123)),
    "undersampling": ((389, 97, 137, 1), (0.7060, 0.9974, 0.8493)),
    "oversampling": ((386, 125, 109, 4), (0.7620, 0.9897, 0.8723)),
    "augmentation": ((389, 123, 111, 1), (0.7615, 0.9974, 0.8742)),
    "smote": ((390, 82, 152, 0), (0.6752, 1.0000, 0.8369)),
    "borderline_smote": ((389, 105, 129, 1), (0.7231, 0.9974, 0.8568)),
}


@pytest.mark.parametrize("name", STUDY)
def test_the_studys_figures_follow_from_its_counts(name: str) -> None:
    (tp, tn, fp, fn), figures = STUDY[name]
    labels = np.repeat([1, 0, 0, 1], [tp, tn, fp, fn])
    decisions = np.repeat([1, 0, 1, 0], [tp, tn, fp, fn])
    found = evaluate(labels, np.eye(2)[decisions], 1)
    assert {n: found[n] for n in COUNTS} == {"tp": tp, "tn": tn, "fp": fp, "fn": fn}
    of_counts = rates(tp, tn, fp, fn)
    for metric, figure in zip(("balanced_accuracy", "recall", "f1"), figures, strict=True):
        assert found[metric] == of_counts[metric] == pytest.approx(figure, abs=5e-5)


def test_always_answering_positive_scores_what_the_design_says() -> None:
    assert rates(tp=390, tn=0, fp=234, fn=0)["f1"] == pytest.approx(0.769, abs=5e-4)
    assert rates(tp=390, tn=0, fp=234, fn=0)["balanced_accuracy"] == 0.5


@pytest.mark.parametrize("seed", SEEDS)
def test_naming_the_other_class_exchanges_the_roles(seed: int) -> None:
    labels, probabilities = random_predictions(2, seed)
    probabilities = np.round(probabilities, 4)  # so that ties of one class's scores are ties of the other's
    one, other = (evaluate(labels, probabilities, positive) for positive in (0, 1))
    for a, b in (("recall", "specificity"), ("tp", "tn"), ("fp", "fn")):
        assert (one[a], one[b]) == (other[b], other[a])
    for name in ("balanced_accuracy", "auroc", "loss"):
        assert one[name] == pytest.approx(other[name])


@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("seed", SEEDS)
def test_relabelling_classes_relabels_the_result(seed: int, n_classes: int) -> None:
    labels, probabilities = random_predictions(n_classes, seed)
    # A continuous nudge: a tie for the most probable class is broken by order, which relabelling changes.
    probabilities = probabilities + np.random.default_rng(seed).uniform(0, 1e-6, probabilities.shape)
    new_label = np.random.default_rng(seed + 100).permutation(n_classes)
    positive = 0 if n_classes == 2 else None
    moved = np.empty_like(probabilities)
    moved[:, new_label] = probabilities
    before = evaluate(labels, probabilities, positive)
    after = evaluate(new_label[labels], moved, int(new_label[positive]) if positive is not None else None)
    assert after == pytest.approx(before)


def test_the_order_of_rows_means_nothing() -> None:
    labels, probabilities = random_predictions(2, 0)
    order = np.random.default_rng(1).permutation(len(labels))
    assert evaluate(labels[order], probabilities[order], 1) == pytest.approx(evaluate(labels, probabilities, 1))


@pytest.mark.parametrize("present", [0, 1])
def test_auroc_is_nan_and_rates_are_zero_where_a_class_is_absent(present: int) -> None:
    labels = np.full(5, present)
    found = evaluate(labels, np.eye(2)[labels], 1)
    assert np.isnan(found["auroc"])
    assert found["recall"] == float(present == 1)
    assert found["specificity"] == float(present == 0)
    assert found["precision"] == float(present == 1)
    assert all(np.isfinite(found[name]) for name in (*SELECTABLE, "loss") if name != "auroc")


def test_an_absent_class_is_left_out_of_the_means() -> None:
    labels = np.array([0, 1, 0, 1, 1])
    probabilities = np.array([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.3, 0.6, 0.1], [0.1, 0.2, 0.7], [0.2, 0.7, 0.1]])
    found = evaluate(labels, probabilities, None)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="y_pred contains classes not in y_true")
        expected = balanced_accuracy_score(labels, probabilities.argmax(axis=1))
    assert found["balanced_accuracy"] == pytest.approx(expected)
    areas = [roc_auc_score(labels == label, probabilities[:, label]) for label in (0, 1)]
    assert found["auroc"] == pytest.approx(np.mean(areas))
    assert found["fp"] == 2, "a decision for the absent class is a false positive of it"


def test_the_loss_of_a_certain_mistake_is_finite() -> None:
    assert cross_entropy(np.array([0, 0]), np.array([[1.0, 0.0], [0.0, 1.0]])) == pytest.approx(-np.log(1e-12) / 2)


def test_every_number_is_plain_and_named() -> None:
    for n_classes, positive in ((2, 1), (4, None)):
        found = evaluate(*random_predictions(n_classes, 0), positive)
        assert set(found) == {"loss", *SELECTABLE, *COUNTS}
        assert all(type(found[name]) is int for name in COUNTS)
        assert all(type(found[name]) is float for name in ("loss", *SELECTABLE))


def test_what_cannot_be_measured_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one row"):
        evaluate(np.array([], dtype=np.int64), np.empty((0, 2)), 1)
    with pytest.raises(ValueError, match="positive one must be named"):
        evaluate(np.array([0, 1]), np.eye(2), None)


def test_weights_are_repeated_rows_and_what_is_unknown_has_no_area() -> None:
    rng = np.random.default_rng(0)
    positive, scores = rng.random(60) < 0.4, rng.normal(size=60).round(1)
    weights = rng.integers(0, 4, (20, 60)).astype(np.float32)
    repeated = [auroc(np.repeat(positive, times), np.repeat(scores, times)) for times in weights.astype(int)]
    assert weighted_auroc(positive, scores, weights).tolist() == repeated, "exactly, for counts are whole"
    assert auroc(positive, scores) == pytest.approx(roc_auc_score(positive, scores))
    assert np.isnan(auroc(positive, np.where(positive, np.nan, scores)))
    assert np.isnan(auroc(np.zeros(60, dtype=bool), scores))
    assert np.isnan(auroc(positive[:0], scores[:0]))


@pytest.mark.parametrize("ties", [0, 1])
def test_auroc_by_pairs_and_by_rank_are_the_same_bit_for_bit(ties: int) -> None:
    """Draws of patients are whole numbers; what leaves patients out is not, and stays as it was."""
    rng = np.random.default_rng(ties)
    is_positive = rng.random(90) < 0.3
    scores = (rng.normal(size=90) + is_positive).round(ties).astype(np.float32)
    scores[3] = np.inf
    weights = rng.multinomial(90, np.full(90, 1 / 90), size=60).astype(np.float32)
    weights[:9] *= np.float32(30 / 29)
    weights[9] = is_positive
    found = weighted_auroc(is_positive, scores, weights)
    np.testing.assert_array_equal(found, metrics._auroc_by_rank(is_positive, scores, weights))
    assert np.isnan(found[9])
    assert metrics._of_whole_numbers(weights).sum() == 51  # type: ignore[union-attr]
    for row in (12, 40):
        repeated = np.repeat(np.arange(90), weights[row].astype(int))
        finite = np.where(np.isinf(scores), 99, scores)
        assert found[row] == pytest.approx(roc_auc_score(is_positive[repeated], finite[repeated]))
